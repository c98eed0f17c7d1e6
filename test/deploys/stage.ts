/** A balancer with servers that write down what they serve, the load before it, and the commands that an operator gives. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { limpetCommand } from '../support/command.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { type Finished, run, type ServerProcess, startServer, until } from '../support/peers.ts';
import type { Runtime } from '../support/runtimes.ts';
import { ServerApi } from '../support/server-api.ts';
import { type Judgement, judge } from './checker.ts';
import { Load, type LoadPlan } from './load.ts';
import { type Arrival, readVisits } from './visits.ts';

export interface StageSetup {
  readonly runtime: Runtime;
  readonly load: LoadPlan;
  readonly servers: readonly string[];
  /** With the session library, or with sessions that only their server has. */
  readonly app: 'copied' | 'plain';
  /** Of the pool, beside its servers. */
  readonly pool?: Readonly<Record<string, unknown>>;
}

export class Stage implements AsyncDisposable {
  readonly runtime: Runtime;
  readonly limpet: Limpet;
  readonly load: Load;
  readonly api: ServerApi;
  private readonly setup: StageSetup;
  private readonly folder: string;
  private readonly servers: Map<string, ServerProcess>;

  private constructor(setup: StageSetup, folder: string, servers: Map<string, ServerProcess>, limpet: Limpet) {
    this.setup = setup;
    this.runtime = setup.runtime;
    this.folder = folder;
    this.servers = servers;
    this.limpet = limpet;
    this.api = new ServerApi(limpet);
    this.load = new Load(limpet.url, setup.load);
  }

  static async open(setup: StageSetup): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), 'limpet-deploys-'));
    const servers = new Map<string, ServerProcess>();
    for (const name of setup.servers) servers.set(name, await startServer(appOf(setup), join(folder, name)));
    const limpet = await startLimpet(setup.runtime, { config: configOf(setup, servers, setup.servers) });
    return new Stage(setup, folder, servers, limpet);
  }

  addressOf(name: string): string {
    return this.servers.get(name)?.address ?? '';
  }

  /** The config with these servers in the pool, and other fields of it. */
  config(names: readonly string[], pool = this.setup.pool): Record<string, unknown> {
    return configOf({ ...this.setup, ...(pool && { pool }) }, this.servers, names);
  }

  async start(name: string): Promise<void> {
    const before = this.servers.get(name)?.port;
    this.servers.set(name, await startServer(appOf(this.setup), join(this.folder, name), before));
  }

  /** Ends it as a crash would: whatever it had is gone. */
  async kill(name: string): Promise<void> {
    await this.servers.get(name)?.kill();
  }

  /** `limpet ...`, as an operator types it. */
  async command(...args: readonly string[]): Promise<Finished> {
    const { file, args: all, env } = limpetCommand(this.runtime, join(this.limpet.folder, 'state'), args);
    return await run(file, all, { cwd: this.limpet.folder, env, timeout: 120_000 });
  }

  /** Resolves when it takes new sessions: its health checks have passed. */
  async untilUp(name: string): Promise<void> {
    await until(`${name} is up`, async () => (await this.api.server(name)).state === 'up');
  }

  arrivals(): Arrival[] {
    return [...this.servers.keys()].flatMap((name) =>
      readVisits(name, readFileSync(join(this.folder, `${name}.log`), 'utf8')),
    );
  }

  /** Ends the load, and judges. */
  async judge(): Promise<Judgement> {
    await this.load[Symbol.asyncDispose]();
    return judge(this.arrivals(), this.load.outcomes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.load[Symbol.asyncDispose]();
    await this.limpet[Symbol.asyncDispose]();
    await Promise.all([...this.servers.values()].map((server) => server.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function appOf({ app }: StageSetup): URL {
  return new URL(`./apps/${app}.ts`, import.meta.url);
}

function configOf(
  { app, pool = {} }: StageSetup,
  servers: ReadonlyMap<string, ServerProcess>,
  names: readonly string[],
): Record<string, unknown> {
  const listed = names.map((name) => ({ name, address: servers.get(name)?.address ?? '' }));
  const health = { path: '/healthz', interval: '500ms', rise: 1 };
  return {
    listeners: [{ address: '127.0.0.1:0' }],
    pools: { shop: { servers: listed, health, ...pool } },
    ...(app === 'copied' && { sessions: { store: 'memory' } }),
    workers: 2,
  };
}
