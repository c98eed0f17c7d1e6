/**
 * All that takes part, each connection through a wire of its own that can be broken:
 *
 *      clients ──wire── balancer ──wires── servers ──wire── the balancer's store interface
 *                          └──wire── Redis (two servers and a Sentinel: without wires)
 *
 * In a fleet each balancer is a node with wires of its own. All nodes have the same address for a server, a name: a resolver for each node
 * says where its wires are.
 */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import type { ServerView } from '../../src/admin/schemas.ts';
import type { InjectedFault } from '../../src/store/injected-fault.ts';
import { limpetCommand, programOf } from '../support/command.ts';
import { FakeDns } from '../support/dns-server.ts';
import { ask, tellServer } from '../support/peers.ts';
import type { Runtime } from '../support/runtimes.ts';
import { type Disk, diskAt } from './disk.ts';
import { Journal } from './journal.ts';
import { Program } from './program.ts';
import { RedisGroup, redisServer } from './redis-group.ts';
import { Traffic } from './traffic.ts';
import { Wire } from './wire.ts';

/** sentinel: Redis, as two servers and a Sentinel. */
export const storeKinds = ['memory', 'lmdb', 'redis', 'sentinel'] as const;
export type StoreKind = (typeof storeKinds)[number];

/** What the servers run: on the library's own API, or on express-session's. */
export const appNames = ['core', 'express'] as const;
export type AppName = (typeof appNames)[number];

export interface StageSetup {
  readonly app: AppName;
  /** Of the servers. */
  readonly appRuntime: Runtime;
  /** Of the balancer. */
  readonly runtime: Runtime;
  readonly store: StoreKind;
  /** null: everything is as it should be. */
  readonly injectedFault: InjectedFault | null;
  readonly workers: number;
  /** Balancers of a fleet, whose store is Redis; 0: one balancer that is no fleet. */
  readonly nodes: number;
}

/** The last one is not in the config at first. */
const serverNames = ['gull', 'kelp', 'crab', 'tern', 'wren'];
/**
 * Seconds for which the table keeps an ended session dead: less than the usual minute, so that a run sees its end, and more than the
 * eleven by which an end that another balancer has told is dated back (`pastEndSeconds`), while a late response is under way.
 */
export const tombstoneSeconds = 20;

export interface AppServer {
  readonly name: string;
  readonly port: number;
  readonly program: Program;
  /** Between each balancer and it, in their order. */
  wires: readonly Wire[];
}

/** A balancer. */
export interface Node {
  /** '' without a fleet. */
  readonly name: string;
  readonly number: number;
  readonly program: Program;
  /** Of its config, its state and its clock. */
  readonly folder: string;
  readonly ports: Ports;
  readonly clientWire: Wire;
  readonly storeWire: Wire;
  readonly redisWire: Wire | null;
  /** null: servers are addresses. */
  readonly resolver: FakeDns | null;
  /** null: Redis behind `redisWire`, or no Redis. */
  readonly storeUrl: string | null;
}

/** What a reload may change. */
interface Shape {
  readonly servers: readonly AppServer[];
  readonly rebalance: boolean;
}

interface Parts {
  readonly store: StoreKind;
  readonly servers: readonly AppServer[];
  readonly nodes: readonly Node[];
  /** null: the store needs none. */
  readonly redis: Program | null;
  readonly group: RedisGroup | null;
  readonly disk: Disk | null;
  readonly journal: Journal;
}

interface Ports {
  readonly front: number;
  readonly store: number;
}

export class Stage implements AsyncDisposable {
  readonly parts: Parts;
  readonly servers: readonly AppServer[];
  readonly nodes: readonly Node[];
  readonly isFleet: boolean;
  readonly journal: Journal;
  readonly traffic = new Traffic();
  readonly workers: number;
  /** A balancer ended, and nobody had ended it. */
  onEnd: (node: Node) => void = () => {};
  /** Those of the config, in its order. */
  shape: Shape;
  private readonly folder: string;
  private reloading: Promise<unknown> = Promise.resolve();
  /** By node. */
  private readonly onReloaded = new Map<number, (line: string) => void>();

  private constructor(
    parts: Parts,
    { folder, workers, isFleet }: { folder: string; workers: number; isFleet: boolean },
  ) {
    this.parts = parts;
    this.servers = parts.servers;
    this.nodes = parts.nodes;
    this.isFleet = isFleet;
    this.journal = parts.journal;
    this.folder = folder;
    this.workers = workers;
    this.shape = { servers: parts.servers.slice(0, -1), rebalance: false };
  }

  static async open(setup: StageSetup): Promise<Stage> {
    const { app, appRuntime, store, injectedFault, workers } = setup;
    const folder = mkdtempSync(join(tmpdir(), 'limpet-chaos-'));
    const journal = new Journal(() => performance.now());
    const isFleet = setup.nodes > 0;
    const size = Math.max(1, setup.nodes);
    const [redisPort = 0, ...rest] = await ownPorts(1 + groupPorts + 2 * size + serverNames.length);
    const appPorts = rest.splice(0, serverNames.length);
    const group = store === 'sentinel' ? new RedisGroup(rest.splice(0, groupPorts), folder) : null;
    const nodes: Node[] = [];
    for (let n = 0; n < size; n++) {
      const [front = 0, storePort = 0] = rest.splice(0, 2);
      nodes.push(
        await nodeAt(n, {
          setup,
          folder: isFleet ? join(folder, `n${n + 1}`) : folder,
          ports: { front, store: storePort },
          storeUrl: group?.url ?? null,
          redisPort,
          onLine: (line) => {
            journal.read(line, nodes[n]!.name);
            stage.onReloaded.get(n)?.(line);
          },
          onEnd: (how) => {
            journal.ended(`${nodes[n]!.program.setup.name} ${how}`);
            stage.onEnd(nodes[n]!);
          },
        }),
      );
    }
    // One machine has one clock: what is stepped for the only balancer is for its servers, too.
    const clock = { LIMPET_TEST_CLOCK: join(folder, 'clock') };
    const env = {
      ...process.env,
      ...clock,
      CHAOS_STORE: nodes.map(({ ports, storeWire }) => `${ports.store}:${storeWire.port}`).join(),
      LIMPET_INJECTED_FAULT: injectedFault ?? '',
    };
    const servers = await Promise.all(
      serverNames.map(async (name, n): Promise<AppServer> => {
        const port = appPorts[n]!;
        const args = [new URL(`./apps/${app}.ts`, import.meta.url).pathname, name, String(port)];
        const serverEnv = { ...env, NODE_ENV: 'test' };
        const onEnd = (how: string) => journal.ended(`${name} ${how}`);
        const program = new Program({
          name,
          file: programOf(appRuntime),
          args,
          env: serverEnv,
          ready: /^listening/m,
          onEnd,
        });
        const wires = isFleet
          ? await Promise.all(nodes.map((node) => Wire.open(name, port, '127.0.0.1', hostOf(node.number), port)))
          : [await Wire.open(name, port)];
        return { name, port, program, wires };
      }),
    );
    const redis = store === 'redis' ? redisAt(redisPort, folder) : null;
    const disk = store === 'lmdb' ? diskAt(join(folder, 'copies')) : null;
    const parts = { store, servers, nodes, redis, group, disk, journal };
    const stage = new Stage(parts, { folder, workers, isFleet });
    stage.setClock(0);
    for (const node of nodes) stage.setClock(0, node);
    stage.write();
    try {
      await Promise.all([redis?.start(), group?.start(), ...servers.map(({ program }) => program.start())]);
      for (const { program } of nodes) await program.start();
      return stage;
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
  }

  get wires(): readonly Wire[] {
    const ofNodes = this.nodes.flatMap(({ clientWire, storeWire, redisWire }) => [
      clientWire,
      storeWire,
      ...(redisWire === null ? [] : [redisWire]),
    ]);
    return [...ofNodes, ...this.servers.flatMap(({ wires }) => wires)];
  }

  /** Asks the admin listener for `drain` or `ready`, in a fleet that of the first node that runs; rejects when none is there. */
  async tell({ name }: AppServer, word: 'drain' | 'ready'): Promise<void> {
    const { folder } = this.told;
    // A node of a fleet waits until all others have done it.
    const limit = this.isFleet ? { signal: AbortSignal.timeout(15_000) } : soon();
    await tellServer(join(folder, 'state'), name, word, limit);
  }

  /** The balancer that is told what operators say. */
  private get told(): Node {
    return this.nodes.find(({ program }) => program.isRunning) ?? this.nodes[0]!;
  }

  /**
   * The same, however long the balancer needs to come back when it is away; rejects when one that runs does not take it. One
   * whose copies are gone with it does not come back: then nothing is told.
   */
  async tellSurely(server: AppServer, word: 'drain' | 'ready'): Promise<void> {
    const { store } = this.parts;
    for (let pid = 0, tries = 0; ; await sleep(200)) {
      const balancer = this.told.program;
      if (store === 'memory' && !balancer.isRunning) return;
      await balancer.untilReady();
      tries = balancer.pid === pid ? tries + 1 : 1;
      pid = balancer.pid;
      try {
        await this.tell(server, word);
        return;
      } catch (error) {
        if (tries === mostTries && balancer.pid === pid && balancer.isRunning) throw error;
      }
    }
  }

  /** The server answers its health checks with 503 for so long (ms). Rejects when it is not there. */
  async makeUnwell({ port }: AppServer, ms: number): Promise<void> {
    await ask(`http://127.0.0.1:${port}/unwell?ms=${Math.round(ms)}`, { method: 'POST', ...soon() });
  }

  /** So many requests of nobody's session at once; what becomes of them does not matter. */
  knock(count: number): void {
    const urlOf = ({ ports }: Node) => `http://127.0.0.1:${ports.front}/`;
    for (let n = 0; n < count; n++) ask(urlOf(this.nodes[n % this.nodes.length]!), soon()).catch(() => undefined);
  }

  /** A second way to the same server. */
  wireTo({ name, port }: AppServer): Promise<Wire> {
    return Wire.open(name, port);
  }

  /** Another config by SIGHUP; one after the other. Resolves when the balancer has taken it over, or is not there. */
  reconfigure(change: (shape: Shape) => Partial<Shape>): Promise<void> {
    const done = this.reloading.then(async () => {
      this.shape = { ...this.shape, ...change(this.shape) };
      this.write();
      await Promise.all(this.nodes.map((node) => this.reload(node)));
    });
    this.reloading = done;
    return done;
  }

  private async reload(node: Node): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.onReloaded.set(node.number, (line) => {
      if (/config reloaded|reload refused/.test(line)) resolve();
    });
    // No process can handle what comes before it has begun; one that begins now may have read the former config.
    if (await this.takesConnections(node)) node.program.signal('SIGHUP');
    await Promise.race([promise, sleep(reloadLimit)]);
  }

  /** Resolves when every balancer says of every server of its config that it is up; false: one does not for so long (ms). */
  async allUp(limit: number): Promise<boolean> {
    const all = await Promise.all(this.nodes.map((node) => allUpAt(node, limit)));
    return all.every((isUp) => isUp);
  }

  /** The worker, from 0, dies of an exception. */
  crashWorker({ folder }: Node, worker: number): void {
    writeFileSync(join(folder, `crash.${worker}`), '');
  }

  /** So many milliseconds are added to the wall clock of that node; without one, to that of the machine. */
  setClock(offset: number, { folder } = { folder: this.folder }): void {
    const file = join(folder, 'clock');
    writeFileSync(`${file}.draft`, String(Math.round(offset)));
    renameSync(`${file}.draft`, file);
  }

  /** True as soon as the balancer takes connections; false: it has ended, or takes none for a while. */
  async takesConnections({ program, ports }: Node): Promise<boolean> {
    for (const end = performance.now() + reloadLimit; program.isRunning && performance.now() < end; await sleep(2)) {
      if (await canConnect(ports.front)) return program.isRunning;
    }
    return false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { redis, group, disk } = this.parts;
    const programs = [...this.nodes, ...this.servers].map(({ program }) => program);
    programs.push(...(group?.programs ?? []), ...(redis === null ? [] : [redis]));
    // One that is stopped does not die of its end of input.
    await Promise.all(programs.map((program) => program[Symbol.asyncDispose]()));
    await Promise.all(this.wires.map((wire) => wire.close()));
    for (const { resolver } of this.nodes) await resolver?.[Symbol.asyncDispose]();
    disk?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private write(): void {
    for (const node of this.nodes) {
      const file = join(node.folder, 'limpet.yaml');
      writeFileSync(`${file}.draft`, stringify(configOf(node, this.parts.store, this.workers, this.shape)));
      renameSync(`${file}.draft`, file);
    }
  }
}

/** Where the wires of a node to its servers are. */
function hostOf(number: number): string {
  return `127.0.77.${number + 1}`;
}

interface NodeSetup {
  readonly setup: StageSetup;
  readonly folder: string;
  readonly ports: Ports;
  readonly storeUrl: string | null;
  readonly redisPort: number;
  readonly onLine: (line: string) => void;
  readonly onEnd: (how: string) => void;
}

async function nodeAt(number: number, setup: NodeSetup): Promise<Node> {
  const { setup: stageSetup, folder, ports, storeUrl, redisPort, onLine, onEnd } = setup;
  const { runtime, injectedFault, store } = stageSetup;
  const isFleet = stageSetup.nodes > 0;
  mkdirSync(folder, { recursive: true });
  const { file, args, env } = limpetCommand(runtime, join(folder, 'state'), ['--config', join(folder, 'limpet.yaml')]);
  const testEnv = {
    NODE_ENV: 'test',
    LIMPET_INJECTED_FAULT: injectedFault ?? '',
    LIMPET_TEST_CRASH: join(folder, 'crash'),
    LIMPET_TEST_CLOCK: join(folder, 'clock'),
    LIMPET_TEST_TOMBSTONE: String(tombstoneSeconds),
  };
  const program = new Program({
    name: isFleet ? `node n${number + 1}` : 'the balancer',
    file,
    args,
    cwd: folder,
    env: { ...env, ...testEnv },
    ready: /listening on .*\n/,
    onLine,
    onEnd,
  });
  const zone = Object.fromEntries(serverNames.map((name) => [`${name}.test`, [hostOf(number)]]));
  return {
    name: isFleet ? `n${number + 1}` : '',
    number,
    program,
    folder,
    ports,
    clientWire: await Wire.open('clients', ports.front),
    storeWire: await Wire.open('store interface', ports.store),
    redisWire: store === 'redis' ? await Wire.open('redis', redisPort) : null,
    resolver: isFleet ? await FakeDns.start(zone) : null,
    storeUrl,
  };
}

async function allUpAt({ folder }: Node, limit: number): Promise<boolean> {
  const socketPath = join(folder, 'state', 'admin.sock');
  for (const end = performance.now() + limit; performance.now() < end; await sleep(50)) {
    const reply = await ask('http://admin/v1/servers', { socketPath, ...soon() }).catch(() => null);
    const servers = JSON.parse(reply?.body || '[]') as ServerView[];
    if (servers.length > 0 && servers.every(({ state }) => state === 'up')) return true;
  }
  return false;
}

/** Times that a running balancer may fail to take what it is told: its socket may be a moment behind, or the machine slow. */
const mostTries = 50;

/** Milliseconds until a reload that nothing was heard of is over. */
const reloadLimit = 10_000;

function configOf(node: Node, store: StoreKind, workers: number, { servers, rebalance }: Shape) {
  const { number, name, ports, redisWire, resolver, storeUrl } = node;
  const redis = storeUrl ?? `redis://127.0.0.1:${redisWire?.port}`;
  const url = store === 'memory' ? 'memory' : store === 'lmdb' ? 'lmdb:./copies' : redis;
  const addressOf = (server: AppServer) =>
    resolver === null ? `127.0.0.1:${server.wires[number]!.port}` : `${server.name}.test:${server.port}`;
  return {
    listeners: [{ address: `127.0.0.1:${ports.front}` }],
    workers,
    sessions: { ...(resolver === null && { store: url }), listen: `127.0.0.1:${ports.store}`, timeout: '1s' },
    ...(resolver !== null && { fleet: { store: url, name, timeout: '1s' }, resolver: { servers: [resolver.address] } }),
    // Often: what a kill -9 leaves is then a table of a moment ago.
    table: { save: '1s' },
    shutdown: { timeout: '2s' },
    pools: {
      shop: {
        servers: servers.map((server) => ({ name: server.name, address: addressOf(server) })),
        affinity: [{ cookie: { idle: '1h' } }],
        whenOwnerFails: 'rebind',
        ...(rebalance ? { rebalance: { skew: 1.2, rate: 10 } } : {}),
        timeouts: { connect: '1s', response: '3s' },
        health: {
          path: '/healthz',
          interval: '200ms',
          timeout: '500ms',
          fall: 2,
          rise: 1,
          passive: { connectErrors: 2 },
        },
      },
    },
  };
}

/** Every command is on disk before it is answered: a Redis that is killed comes back with all that it acknowledged. */
function redisAt(port: number, folder: string): Program {
  const dir = join(folder, 'redis');
  mkdirSync(dir);
  const files = ['--dir', dir, '--save', '', '--appendonly', 'yes', '--appendfsync', 'always'];
  const args = ['--bind', '127.0.0.1', '--port', String(port), ...files];
  return new Program({ name: 'redis', file: redisServer(), args, ready: /Ready to accept connections/ });
}

/** Whoever is asked may be stopped, or his connections held: two seconds, and it has failed. */
function soon(): { readonly signal: AbortSignal } {
  return { signal: AbortSignal.timeout(2000) };
}

/**
 * Ports for programs that come back to them: below those that the system gives to connections and to port 0, which
 * would be taken while a program is away; and each process of ours has a block of its own.
 */
async function ownPorts(count: number): Promise<number[]> {
  for (let block = process.pid; ; block++) {
    const first = firstPort + (block % blocks) * blockSize;
    const ports = Array.from({ length: count }, (_, n) => first + n);
    const free = await Promise.all(ports.map(isFree));
    if (free.every((one) => one)) return ports;
  }
}

const firstPort = 12_000;
const blockSize = 20;
const blocks = 1000;
/** Of two Redis servers and a Sentinel. */
const groupPorts = 3;

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function canConnect(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' });
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  }).finally(() => socket.destroy()) as Promise<boolean>;
}
