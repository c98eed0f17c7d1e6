/**
 * All that takes part, each connection through a wire of its own that can be broken:
 *
 *      clients ──wire── balancer ──wires── servers ──wire── the balancer's store interface
 *                          └──wire── Redis
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
import { ask, tellServer } from '../support/peers.ts';
import { findProgram } from '../support/programs.ts';
import type { Runtime } from '../support/runtimes.ts';
import { type Disk, diskAt } from './disk.ts';
import { Journal } from './journal.ts';
import { Program } from './program.ts';
import { Traffic } from './traffic.ts';
import { Wire } from './wire.ts';

export const storeKinds = ['memory', 'lmdb', 'redis'] as const;
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
}

/** The last one is not in the config at first. */
const serverNames = ['gull', 'kelp', 'crab', 'tern', 'wren'];
/** Seconds for which the table keeps an ended session dead: less than the usual minute, so that a run sees its end. */
export const tombstoneSeconds = 10;

export interface AppServer {
  readonly name: string;
  readonly port: number;
  readonly program: Program;
  /** Between the balancer and it. */
  wire: Wire;
}

/** What a reload may change. */
interface Shape {
  readonly servers: readonly AppServer[];
  readonly rebalance: boolean;
}

interface Parts {
  readonly store: StoreKind;
  readonly servers: readonly AppServer[];
  readonly balancer: Program;
  /** null: the store needs none. */
  readonly redis: Program | null;
  readonly disk: Disk | null;
  readonly clientWire: Wire;
  readonly storeWire: Wire;
  readonly redisWire: Wire | null;
  readonly journal: Journal;
}

interface Ports {
  readonly front: number;
  readonly store: number;
}

export class Stage implements AsyncDisposable {
  readonly parts: Parts;
  readonly servers: readonly AppServer[];
  readonly journal: Journal;
  readonly traffic = new Traffic();
  readonly workers: number;
  /** Where clients connect. */
  readonly port: number;
  /** The balancer ended, and nobody had ended it. */
  onEnd: () => void = () => {};
  /** Those of the config, in its order. */
  shape: Shape;
  private readonly folder: string;
  private readonly ports: Ports;
  private reloading: Promise<unknown> = Promise.resolve();
  private onReloaded: (line: string) => void = () => {};

  private constructor(parts: Parts, { folder, ports, workers }: { folder: string; ports: Ports; workers: number }) {
    this.parts = parts;
    this.servers = parts.servers;
    this.journal = parts.journal;
    this.port = parts.clientWire.port;
    this.folder = folder;
    this.ports = ports;
    this.workers = workers;
    this.shape = { servers: parts.servers.slice(0, -1), rebalance: false };
  }

  static async open({ app, appRuntime, runtime, store, injectedFault, workers }: StageSetup): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), 'limpet-chaos-'));
    const journal = new Journal(() => performance.now());
    const [front = 0, storePort = 0, redisPort = 0, ...appPorts] = await ownPorts(3 + serverNames.length);
    const clientWire = await Wire.open('clients', front);
    const storeWire = await Wire.open('store interface', storePort);
    const redisWire = store === 'redis' ? await Wire.open('redis', redisPort) : null;
    // One machine has one clock: what is stepped for the balancer is for its servers, too.
    const clock = { LIMPET_TEST_CLOCK: join(folder, 'clock') };
    const env = {
      ...process.env,
      ...clock,
      CHAOS_STORE: `${storePort}:${storeWire.port}`,
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
        return { name, port, program, wire: await Wire.open(name, port) };
      }),
    );
    const config = join(folder, 'limpet.yaml');
    const { file, args, env: balancerEnv } = limpetCommand(runtime, join(folder, 'state'), ['--config', config]);
    const testEnv = {
      NODE_ENV: 'test',
      LIMPET_INJECTED_FAULT: injectedFault ?? '',
      LIMPET_TEST_CRASH: join(folder, 'crash'),
      ...clock,
      LIMPET_TEST_TOMBSTONE: String(tombstoneSeconds),
    };
    const balancer = new Program({
      name: 'the balancer',
      file,
      args,
      cwd: folder,
      env: { ...balancerEnv, ...testEnv },
      ready: /listening on .*\n/,
      onLine: (line) => {
        journal.read(line);
        stage.onReloaded(line);
      },
      onEnd: (how) => {
        journal.ended(`the balancer ${how}`);
        stage.onEnd();
      },
    });
    const redis = store === 'redis' ? redisAt(redisPort, folder) : null;
    const disk = store === 'lmdb' ? diskAt(join(folder, 'copies')) : null;
    const ports = { front, store: storePort };
    const parts = { store, servers, balancer, redis, disk, clientWire, storeWire, redisWire, journal };
    const stage = new Stage(parts, { folder, ports, workers });
    stage.setClock(0);
    stage.write();
    try {
      await Promise.all([redis?.start(), ...servers.map(({ program }) => program.start())]);
      await balancer.start();
      return stage;
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
  }

  get wires(): readonly Wire[] {
    const { clientWire, storeWire, redisWire } = this.parts;
    return [clientWire, storeWire, ...this.servers.map(({ wire }) => wire), ...(redisWire === null ? [] : [redisWire])];
  }

  /** Asks the admin listener for `drain` or `ready`; rejects when the balancer is not there. */
  async tell({ name }: AppServer, word: 'drain' | 'ready'): Promise<void> {
    await tellServer(join(this.folder, 'state'), name, word, soon());
  }

  /**
   * The same, however long the balancer needs to come back when it is away; rejects when one that runs does not take it. One
   * whose copies are gone with it does not come back: then nothing is told.
   */
  async tellSurely(server: AppServer, word: 'drain' | 'ready'): Promise<void> {
    const { balancer, store } = this.parts;
    for (let pid = 0, tries = 0; ; await sleep(200)) {
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
    const url = `http://127.0.0.1:${this.ports.front}/`;
    for (let n = 0; n < count; n++) ask(url, soon()).catch(() => undefined);
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
      const { promise, resolve } = Promise.withResolvers<void>();
      this.onReloaded = (line) => {
        if (/config reloaded|reload refused/.test(line)) resolve();
      };
      // No process can handle what comes before it has begun; one that begins now may have read the former config.
      if (await this.takesConnections()) this.parts.balancer.signal('SIGHUP');
      await Promise.race([promise, sleep(reloadLimit)]);
    });
    this.reloading = done;
    return done;
  }

  /** Resolves when the balancer says of every server of its config that it is up; false: it does not for so long (ms). */
  async allUp(limit: number): Promise<boolean> {
    const socketPath = join(this.folder, 'state', 'admin.sock');
    for (const end = performance.now() + limit; performance.now() < end; await sleep(50)) {
      const reply = await ask('http://admin/v1/servers', { socketPath, ...soon() }).catch(() => null);
      const servers = JSON.parse(reply?.body || '[]') as ServerView[];
      if (servers.length > 0 && servers.every(({ state }) => state === 'up')) return true;
    }
    return false;
  }

  /** The worker, from 0, dies of an exception. */
  crashWorker(worker: number): void {
    writeFileSync(join(this.folder, `crash.${worker}`), '');
  }

  /** So many milliseconds are added to the balancer's wall clock. */
  setClock(offset: number): void {
    const file = join(this.folder, 'clock');
    writeFileSync(`${file}.draft`, String(Math.round(offset)));
    renameSync(`${file}.draft`, file);
  }

  /** True as soon as the balancer takes connections; false: it has ended, or takes none for a while. */
  async takesConnections(): Promise<boolean> {
    const { balancer } = this.parts;
    for (const end = performance.now() + reloadLimit; balancer.isRunning && performance.now() < end; await sleep(2)) {
      if (await canConnect(this.ports.front)) return balancer.isRunning;
    }
    return false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { balancer, redis, disk } = this.parts;
    const programs = [balancer, ...this.servers.map(({ program }) => program), ...(redis ? [redis] : [])];
    // One that is stopped does not die of its end of input.
    await Promise.all(programs.map((program) => program[Symbol.asyncDispose]()));
    await Promise.all(this.wires.map((wire) => wire.close()));
    disk?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private write(): void {
    const { store, redisWire } = this.parts;
    const url =
      store === 'memory' ? 'memory' : store === 'lmdb' ? 'lmdb:./copies' : `redis://127.0.0.1:${redisWire!.port}`;
    const file = join(this.folder, 'limpet.yaml');
    writeFileSync(`${file}.draft`, stringify(configOf(this.ports, url, this.workers, this.shape)));
    renameSync(`${file}.draft`, file);
  }
}

/** Times that a running balancer may fail to take what it is told: its socket may be a moment behind, or the machine slow. */
const mostTries = 50;

/** Milliseconds until a reload that nothing was heard of is over. */
const reloadLimit = 10_000;

function configOf(ports: Ports, store: string, workers: number, { servers, rebalance }: Shape) {
  return {
    listeners: [{ address: `127.0.0.1:${ports.front}` }],
    workers,
    sessions: { store, listen: `127.0.0.1:${ports.store}`, timeout: '1s' },
    // Often: what a kill -9 leaves is then a table of a moment ago.
    table: { save: '1s' },
    shutdown: { timeout: '2s' },
    pools: {
      shop: {
        servers: servers.map(({ name, wire }) => ({ name, address: `127.0.0.1:${wire.port}` })),
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
  const file = findProgram('redis');
  if (file === undefined) throw new Error('redis-server is not installed (apt-get install redis-server)');
  const args = ['--bind', '127.0.0.1', '--port', String(port), ...files];
  return new Program({ name: 'redis', file, args, ready: /Ready to accept connections/ });
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
const blockSize = 16;
const blocks = 1250;

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
