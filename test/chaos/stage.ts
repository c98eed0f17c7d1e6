/**
 * All that takes part, each connection through a wire of its own that can be broken:
 *
 *      clients ──wire── balancer ──wires── servers ──wire── the balancer's store interface
 *                          └──wire── Redis
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Sabotage } from '../../src/store/sabotage.ts';
import { limpetCommand } from '../support/command.ts';
import { ask, tellServer } from '../support/peers.ts';
import { findProgram } from '../support/programs.ts';
import type { Runtime } from '../support/runtimes.ts';
import { Program } from './program.ts';
import { Wire } from './wire.ts';

export const storeKinds = ['memory', 'lmdb', 'redis'] as const;
export type StoreKind = (typeof storeKinds)[number];

export interface StageSetup {
  readonly runtime: Runtime;
  readonly store: StoreKind;
  /** null: everything is as it should be. */
  readonly sabotage: Sabotage | null;
}

const serverNames = ['gull', 'kelp', 'crab', 'tern'];
const app = new URL('./app.ts', import.meta.url).pathname;

export interface AppServer {
  readonly name: string;
  readonly port: number;
  readonly program: Program;
  /** Between the balancer and it. */
  readonly wire: Wire;
}

export class Stage implements AsyncDisposable {
  readonly store: StoreKind;
  readonly servers: readonly AppServer[];
  readonly balancer: Program;
  /** null: the store needs none. */
  readonly redis: Program | null;
  readonly wires: readonly Wire[];
  /** Where clients connect. */
  readonly port: number;
  private readonly folder: string;

  private constructor(
    fields: Pick<Stage, 'store' | 'servers' | 'balancer' | 'redis' | 'wires' | 'port'>,
    folder: string,
  ) {
    this.store = fields.store;
    this.servers = fields.servers;
    this.balancer = fields.balancer;
    this.redis = fields.redis;
    this.wires = fields.wires;
    this.port = fields.port;
    this.folder = folder;
  }

  static async open({ runtime, store, sabotage }: StageSetup): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), 'limpet-chaos-'));
    const [front, storePort, redisPort, ...appPorts] = await ownPorts(3 + serverNames.length);
    const clientWire = await Wire.open('clients', front!);
    const storeWire = await Wire.open('store interface', storePort!);
    const redisWire = store === 'redis' ? await Wire.open('redis', redisPort!) : null;
    const env = { ...process.env, CHAOS_STORE: `${storePort}:${storeWire.port}` };
    const servers = await Promise.all(
      serverNames.map(async (name, n): Promise<AppServer> => {
        const port = appPorts[n]!;
        const args = [app, name, String(port)];
        const program = new Program({ name, file: process.execPath, args, env, ready: /^listening/m });
        return { name, port, program, wire: await Wire.open(name, port) };
      }),
    );
    const config = join(folder, 'limpet.yaml');
    const url =
      store === 'memory' ? 'memory' : store === 'lmdb' ? 'lmdb:./copies' : `redis://127.0.0.1:${redisWire!.port}`;
    writeFileSync(config, stringify(configOf(front!, storePort!, url, servers)));
    const { file, args, env: balancerEnv } = limpetCommand(runtime, join(folder, 'state'), ['--config', config]);
    const balancer = new Program({
      name: 'the balancer',
      file,
      args,
      cwd: folder,
      env: { ...balancerEnv, NODE_ENV: 'test', LIMPET_SABOTAGE: sabotage ?? '' },
      ready: /listening on .*\n/,
    });
    const redis = store === 'redis' ? redisAt(redisPort!, folder) : null;
    const wires = [
      clientWire,
      storeWire,
      ...servers.map(({ wire }) => wire),
      ...(redisWire === null ? [] : [redisWire]),
    ];
    const stage = new Stage({ store, servers, balancer, redis, wires, port: clientWire.port }, folder);
    try {
      await Promise.all([redis?.start(), ...servers.map(({ program }) => program.start())]);
      await balancer.start();
      return stage;
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Asks the admin listener for `drain` or `ready`; rejects when the balancer is not there. */
  async tell({ name }: AppServer, word: 'drain' | 'ready'): Promise<void> {
    await tellServer(join(this.folder, 'state'), name, word, soon());
  }

  /** The server answers its health checks with 503 for so long (ms). Rejects when it is not there. */
  async makeUnwell({ port }: AppServer, ms: number): Promise<void> {
    await ask(`http://127.0.0.1:${port}/unwell?ms=${Math.round(ms)}`, { method: 'POST', ...soon() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const programs = [
      this.balancer,
      ...this.servers.map(({ program }) => program),
      ...(this.redis ? [this.redis] : []),
    ];
    // One that is stopped does not die of its end of input.
    await Promise.all(programs.map((program) => program[Symbol.asyncDispose]()));
    await Promise.all(this.wires.map((wire) => wire.close()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function configOf(port: number, storePort: number, store: string, servers: readonly AppServer[]) {
  return {
    listeners: [{ address: `127.0.0.1:${port}` }],
    workers: 2,
    sessions: { store, listen: `127.0.0.1:${storePort}`, timeout: '1s' },
    // Often: what a kill -9 leaves is then a table of a moment ago.
    table: { save: '1s' },
    shutdown: { timeout: '2s' },
    pools: {
      shop: {
        servers: servers.map(({ name, wire }) => ({ name, address: `127.0.0.1:${wire.port}` })),
        affinity: [{ cookie: { idle: '1h' } }],
        whenOwnerFails: 'rebind',
        rebalance: { skew: 1.2, rate: 10 },
        timeouts: { connect: '500ms', response: '3s' },
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
