/**
 * The store as the supervisor has it: opened once, reached by the workers over a port each, by servers over the store
 * interface, and swept of what has expired. Ends survive it: those that it cannot take are kept and told again.
 */
import { join, resolve } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { type Handler, type HttpListener, listenHttp } from '../admin/listen.ts';
import { type InterfacePool, StoreInterface } from '../admin/store-interface.ts';
import { descriptorOf } from '../affinity/registry.ts';
import { type CopySource, createCopies } from '../balancer/copies.ts';
import { createFleet } from '../balancer/fleets.ts';
import { longestPath } from '../config/address.ts';
import type { LimpetOptions, PoolOptions, SessionsOptions } from '../config/options.ts';
import { codeOf, UsageError } from '../errors.ts';
import type { Load } from '../fleet/load.ts';
import type { Counters } from '../metrics/counters.ts';
import { counter } from '../metrics/counters.ts';
import { listenError } from '../net/listen-error.ts';
import type { Address } from '../net/socket.ts';
import { Replicator } from '../ownership/replicator.ts';
import { tableKeyOf } from '../ownership/session-id.ts';
import { kindName, type Numbers } from '../shared/slots.ts';
import { isAlwaysEncrypted } from '../store/addresses.ts';
import { EndingStore } from '../store/endings.ts';
import { EndingsJournal } from '../store/endings-journal.ts';
import { type InjectedFault, injectFault } from '../store/injected-fault.ts';
import { openStore } from '../store/open.ts';
import { serveStore } from '../store/remote.ts';
import { type Eviction, type Store, StoreError } from '../store/store.ts';
import { Entry, type SessionTable } from '../table/table.ts';
import type { Clock, Timers } from '../time/clock.ts';
import { answer404IfUnconfigured, forgetFailedEnds } from './injected-faults.ts';
import { InterfacePools } from './interface-pools.ts';
import type { StoreLink } from './messages.ts';

export interface StoreServiceDependencies {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly table: SessionTable;
  readonly load: Load;
  readonly counters: Counters;
  readonly injectedFault: InjectedFault | null;
  /** Folder for what outlives the process. */
  readonly stateDir: string;
  /** Left out: an lmdb store without `encrypt` keeps a key of its own in its folder. */
  readonly storeKey?: (() => Buffer) | undefined;
  /** A connection to the store interface could not be accepted. */
  readonly acceptFailed: (error: Error, at: Address) => void;
  readonly log: { info(message: string): void; warn(message: string): void };
}

/** Milliseconds between two sweeps, and between two steps of one. */
const restTime = 1000;
const stepTime = 10;
/** Share of the time that a worker waits, after which an end that is not answered is taken for one that the store has not. */
const endShare = 0.75;

export class StoreService {
  private readonly options: SessionsOptions;
  private readonly deps: StoreServiceDependencies;
  private readonly store: Store;
  private listener: HttpListener | null = null;
  private readonly pools: InterfacePools;
  private cancelTimer: () => void = () => {};
  private failing = false;

  private constructor(options: SessionsOptions, store: Store, deps: StoreServiceDependencies) {
    this.options = options;
    this.deps = deps;
    this.store = store;
    this.pools = new InterfacePools(deps.load, () => deps.clock.monotonic() / 1000);
  }

  /** Throws UsageError when the store cannot be used, and the system's error when the interface cannot listen. */
  static async open(options: SessionsOptions, deps: StoreServiceDependencies): Promise<StoreService> {
    const opened = await openFor(options, deps, evictionOf(deps));
    const store = deps.injectedFault === null ? opened : injectFault(opened, deps.injectedFault, deps.timers);
    let used = store;
    try {
      used = await withEndings(store, options, deps);
      const storage = new StoreService(options, used, deps);
      await storage.listen();
      storage.sweep(restTime);
      return storage;
    } catch (error) {
      await used.close();
      throw error;
    }
  }
  /** Names the present life of the copies. */
  get incarnation(): string {
    return this.store.incarnation;
  }

  /** For a worker that starts. */
  connect(): StoreLink {
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
    this.pools.follow(found);
  }

  /** As `InterfacePools.expects`. */
  expects(slot: number): boolean {
    return this.pools.expects(slot);
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
    const { clock, log, stateDir, injectedFault } = this.deps;
    const { secret, stateBytes, listen } = this.options;
    const handler = new StoreInterface({
      store: this.store,
      find: (pool, slot) => this.pools.find(pool, slot),
      secret,
      stateBytes,
      now: () => clock.now(),
    });
    const handle = answer404IfUnconfigured(
      (request, response) => handler.handle(request, response),
      (pool, slot) => this.pools.isConfigured(pool, slot),
      injectedFault,
    );
    const { acceptFailed } = this.deps;
    try {
      this.listener =
        listen === 'state'
          ? await listenInState(stateDir, handle, acceptFailed, log)
          : await listenHttp(absolute(listen), handle, acceptFailed);
    } catch (error) {
      if (error instanceof UsageError || listen === 'state') throw error;
      throw listenError(error, listen, 'sessions.listen');
    }
    log.info(`store interface on ${this.listener.url}`);
  }

  private poolOf(options: PoolOptions, keys: readonly Buffer[], numbers: Numbers): InterfacePool | null {
    const { table, load, counters, clock } = this.deps;
    const fleet = createFleet(options, { load, numbers, keys });
    const source: CopySource = { options: this.options, store: this.store, url: this.url };
    const parts = createCopies(options, fleet, { table, counters, clock, keys, copies: source });
    if (parts === null) return null;
    const cookie = options.affinity.find((affinity) => descriptorOf(affinity).issuesTokens);
    return {
      replicator: new Replicator(parts, parts),
      servers: new Map(fleet.servers.map((server) => [server.slot, server])),
      lifetime: cookie === undefined ? 0 : (numbers.lifetimes.get(kindName(options.name, cookie)) ?? 0),
    };
  }

  private sweep(after: number): void {
    this.cancelTimer = this.deps.timers.after(after, () => {
      this.pools.forget();
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

function withEndings(store: Store, options: SessionsOptions, deps: StoreServiceDependencies): Promise<Store> {
  const { injectedFault, table, clock } = deps;
  if (injectedFault !== 'forgotten-signout') return EndingStore.open(store, endingsOf(options, deps));
  return Promise.resolve(forgetFailedEnds(store, table, () => Math.floor(clock.now() / 1000)));
}

/** What the ends of sessions need; the table shows them to all workers. */
function endingsOf({ endings, timeout }: SessionsOptions, deps: StoreServiceDependencies) {
  const { stateDir, timers, counters, table, clock, log } = deps;
  const seconds = () => Math.floor(clock.now() / 1000);
  const entry = new Entry();
  return {
    journal: new EndingsJournal(join(stateDir, 'endings')),
    most: endings,
    timeoutMs: timeout * endShare,
    timers,
    counters,
    epochOf: (id: string) => (table.find(tableKeyOf(id), seconds(), entry) === 'live' ? entry.epoch : 0),
    onEnding: (id: string) => table.beginEnding(tableKeyOf(id), seconds()),
    onEnded: (id: string) => table.endKept(tableKeyOf(id), seconds()),
    log,
  };
}

/**
 * A unix-domain socket in the state folder, which only this user can reach; where there can be none (its path is too long, another
 * balancer has the folder too) on loopback: the secret keeps others out.
 */
async function listenInState(
  stateDir: string,
  handle: Handler,
  acceptFailed: StoreServiceDependencies['acceptFailed'],
  log: StoreServiceDependencies['log'],
): Promise<HttpListener> {
  const address = absolute({ kind: 'unix', path: join(stateDir, 'store.sock') });
  try {
    if (Buffer.byteLength(address.path) > longestPath)
      throw new Error(`the path of ${stateDir} is too long for a socket`);
    return await listenHttp(address, handle, acceptFailed);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    log.warn(`no socket for the store interface in ${stateDir} (${whyNot(error)}): it listens on loopback`);
    return listenHttp({ kind: 'tcp', host: '127.0.0.1', port: 0 }, handle, acceptFailed);
  }
}

/** Servers have another current folder. */
function absolute<A extends Address>(address: A): A {
  return address.kind === 'unix' ? { ...address, path: resolve(address.path) } : address;
}

function whyNot(error: unknown): string {
  return error instanceof Error && !('code' in error) ? error.message : codeOf(error);
}

/** Milliseconds without an eviction after which the next one is logged again. */
const evictionPause = 60_000;

/** What follows when a full store forgets a session that never came back. */
function evictionOf({ clock, counters, table, log }: StoreServiceDependencies): Eviction {
  const entry = new Entry();
  const seconds = (): number => Math.floor(clock.now() / 1000);
  let last = Number.NEGATIVE_INFINITY;
  return {
    // A request that changes nothing is not told to the store, but the table has seen it.
    hasReturned: ({ id }) => table.find(tableKeyOf(id), seconds(), entry) === 'live' && entry.proved,
    onEvicted({ id }) {
      counters.add(counter.copies_evicted);
      // Its server may have it still: from here on nobody reckons with a copy.
      table.uncopy(tableKeyOf(id), seconds());
      const now = clock.monotonic();
      if (now - last > evictionPause) {
        log.warn(
          'the memory store is full: copies of sessions that never came back are forgotten (copies_evicted), the oldest first',
        );
      }
      last = now;
    },
  };
}

async function openFor(
  options: SessionsOptions,
  { clock, timers, storeKey }: StoreServiceDependencies,
  eviction: Eviction,
): Promise<Store> {
  const { store, tombstone: tombstoneTime, stateBytes, encrypt, timeout, replication } = options;
  const sync = replication === 'sync';
  const secret = encrypt ?? (isAlwaysEncrypted(store) ? (storeKey?.() ?? null) : null);
  try {
    return await openStore(store, { tombstoneTime, stateBytes, secret, timeout, sync, eviction, clock, timers });
  } catch (error) {
    if (!(error instanceof StoreError || error instanceof RangeError)) throw error;
    throw new UsageError(`sessions.store cannot be used: ${error.message}`, { cause: error });
  }
}
