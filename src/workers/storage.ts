/**
 * The store as the supervisor has it: opened once, reached by the workers over a port each, by servers over the store
 * interface, and swept of what has expired.
 */
import { resolve } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { type HttpListener, listenHttp } from '../admin/listen.ts';
import { type InterfacePool, StoreInterface } from '../admin/store-interface.ts';
import type { LimpetOptions, PoolOptions, SessionsOptions } from '../config/options.ts';
import { UsageError } from '../errors.ts';
import type { Load } from '../fleet/load.ts';
import type { Counters } from '../metrics/counters.ts';
import type { Address } from '../net/socket.ts';
import { type CopySource, copiesOf, createFleet } from '../pools.ts';
import { Copies } from '../proxy/copies.ts';
import { kindName, type Numbers } from '../shared/roster.ts';
import { openStore, serveStore } from '../store/index.ts';
import { type Sabotage, sabotage } from '../store/sabotage.ts';
import { type Store, StoreError } from '../store/store.ts';
import type { SessionTable } from '../table/table.ts';
import type { Clock, Timers } from '../time/clock.ts';
import type { CopiesBirth } from './messages.ts';

export interface StorageDependencies {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly table: SessionTable;
  readonly load: Load;
  readonly counters: Counters;
  readonly sabotage: Sabotage | null;
  /** A connection to the store interface could not be accepted. */
  readonly acceptFailed: (error: Error, at: Address) => void;
  readonly log: { info(message: string): void; warn(message: string): void };
}

/** Milliseconds between two sweeps, and between two steps of one. */
const restTime = 1000;
const stepTime = 10;

export class Storage {
  private readonly options: SessionsOptions;
  private readonly deps: StorageDependencies;
  private readonly store: Store;
  private listener: HttpListener | null = null;
  private pools: ReadonlyMap<string, InterfacePool> = new Map();
  private cancelTimer: () => void = () => {};
  private failing = false;

  private constructor(options: SessionsOptions, store: Store, deps: StorageDependencies) {
    this.options = options;
    this.deps = deps;
    this.store = deps.sabotage === null ? store : sabotage(store, deps.sabotage, deps.timers);
  }

  /** Throws UsageError when the store cannot be used, and the system's error when the interface cannot listen. */
  static async open(options: SessionsOptions, deps: StorageDependencies): Promise<Storage> {
    const storage = new Storage(options, await openFor(options, deps), deps);
    try {
      await storage.listen();
    } catch (error) {
      await storage.store.close();
      throw error;
    }
    storage.sweep(restTime);
    return storage;
  }

  /** Names the present life of the copies. */
  get incarnation(): string {
    return this.store.incarnation;
  }

  /** For a worker that starts. */
  birth(): CopiesBirth {
    const { port1, port2 } = new MessageChannel();
    serveStore(this.store, port1);
    port1.unref();
    return { port: port2, incarnation: this.store.incarnation, url: this.url };
  }

  /** The pools of this config from now on. */
  follow({ pools, keys }: LimpetOptions, numbers: Numbers): void {
    const found = new Map<string, InterfacePool>();
    for (const pool of pools) {
      const made = this.poolOf(pool, keys, numbers);
      if (made !== null) found.set(pool.name, made);
    }
    this.pools = found;
  }

  async stop(): Promise<void> {
    this.cancelTimer();
    await this.listener?.close();
    await this.store.close();
  }

  private get url(): string {
    const { url } = this.listener!;
    return url.startsWith('unix:') ? `${url}:/v1` : `${url}/v1`;
  }

  private async listen(): Promise<void> {
    const { clock, log } = this.deps;
    const { secret, stateBytes, listen } = this.options;
    const handler = new StoreInterface({
      store: this.store,
      pools: () => this.pools,
      secret,
      stateBytes,
      now: () => clock.now(),
    });
    // Servers have another current folder.
    const address = listen.kind === 'unix' ? { ...listen, path: resolve(listen.path) } : listen;
    this.listener = await listenHttp(
      address,
      (request, response) => handler.handle(request, response),
      (error) => this.deps.acceptFailed(error, address),
    );
    log.info(`store interface on ${this.listener.url}`);
  }

  private poolOf(options: PoolOptions, keys: readonly Buffer[], numbers: Numbers): InterfacePool | null {
    const { table, load, counters, clock } = this.deps;
    const fleet = createFleet(options, { shared: { load }, numbers, keys });
    const source: CopySource = { options: this.options, store: this.store, url: this.url };
    const parts = copiesOf(options, fleet, { shared: { table, counters }, clock, copies: source });
    if (parts === null) return null;
    const cookie = options.affinity.find(({ type }) => type === 'cookie');
    return {
      copies: new Copies(parts, parts),
      servers: new Map(fleet.servers.map((server) => [server.slot, server])),
      lifetime: cookie === undefined ? 0 : (numbers.lifetimes.get(kindName(options.name, cookie)) ?? 0),
    };
  }

  private sweep(after: number): void {
    this.cancelTimer = this.deps.timers.after(after, () => {
      this.store.expire().then(
        (expired) => {
          this.failing = false;
          this.sweep(expired > 0 ? stepTime : restTime);
        },
        (error: unknown) => {
          if (!this.failing) this.deps.log.warn(`the store cannot forget what has expired: ${String(error)}`);
          this.failing = true;
          this.sweep(restTime);
        },
      );
    });
  }
}

async function openFor(options: SessionsOptions, { clock, timers }: StorageDependencies): Promise<Store> {
  const { store, tombstone: tombstoneTime, stateBytes, encrypt: secret, timeout, replication } = options;
  const sync = replication === 'sync';
  try {
    return await openStore(store, { tombstoneTime, stateBytes, secret, timeout, sync, clock, timers });
  } catch (error) {
    if (!(error instanceof StoreError || error instanceof RangeError)) throw error;
    throw new UsageError(`sessions.store cannot be used: ${error.message}`, { cause: error });
  }
}
