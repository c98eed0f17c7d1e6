/**
 * The store as the supervisor runs it: open on one thread, reached by each worker over a port and by servers over the store
 * interface, and swept of what has expired. A fleet has a store also where sessions have no copies: then no server needs the interface.
 */
import { resolve } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { type Handler, type HttpListener, listenHttp } from '../admin/listen.ts';
import { type InterfacePool, StoreInterface } from '../admin/store-interface.ts';
import { descriptorOf } from '../affinity/registry.ts';
import { createFleet, type IdKeys, idKeysOf } from '../balancer/fleets.ts';
import { type CopySource, createReplication, newKeysOf, type OwnerSource } from '../balancer/replication.ts';
import { defaults } from '../config/defaults.ts';
import type { FleetOptions, LimpetOptions, PoolOptions, SessionsOptions } from '../config/options.ts';
import { codeOf, UsageError } from '../errors.ts';
import type { EventPublisher } from '../events/bus.ts';
import { publishSessionEvents, SessionEventBatch } from '../events/session-events.ts';
import type { Load } from '../fleet/load.ts';
import type { StoreFigures } from '../metrics/store-families.ts';
import { listenError } from '../net/listen-error.ts';
import type { Address } from '../net/socket.ts';
import { Replicator } from '../ownership/replicator.ts';
import { kindName, type Numbers } from '../shared/slots.ts';
import { serveStore } from '../store/remote.ts';
import type { Copy, SessionId, Store } from '../store/store.ts';
import { answer404IfUnconfigured } from './injected-faults.ts';
import { InterfacePools } from './interface-pools.ts';
import { MeasuredStore } from './measured-store.ts';
import type { StoreLink } from './messages.ts';
import { type OpenStoreDependencies, openFor } from './open-store.ts';
import { stateSocket } from './state-socket.ts';

export interface StoreServiceDependencies extends OpenStoreDependencies {
  readonly load: Load;
  readonly tableSecret: Buffer;
  /** Id of this node of the fleet; '' there is none. */
  readonly node: string;
  /** A connection to the store interface could not be accepted. */
  readonly acceptFailed: (error: Error, at: Address) => void;
  readonly events: EventPublisher;
}

/** Between two sweeps, and between two steps of one sweep (ms). */
const sweepPauseMs = 1000;
const stepPauseMs = 10;

/** What a store needs that keeps no states. */
const ownersAlone: SessionsOptions = {
  ...defaults.sessions,
  replication: 'none',
  whenStoreFails: 'fail',
  secret: '',
  encrypt: null,
};

export class StoreService {
  /** null: sessions have no copies, and the store has their owners alone. */
  private readonly options: SessionsOptions | null;
  private readonly ownerSource: OwnerSource | null;
  private readonly deps: StoreServiceDependencies;
  private readonly store: MeasuredStore;
  private listener: HttpListener | null = null;
  private readonly pools: InterfacePools;
  private readonly sessionEvents: SessionEventBatch;
  private cancelTimer: () => void = () => {};
  private hasFailed = false;
  /** Of the store when it last answered; '' it has not yet. */
  private lastIncarnation = '';
  /** What workers use instead of the store's own `claim`. */
  private claim: Store['claim'] | null = null;

  private constructor(
    options: SessionsOptions | null,
    fleet: FleetOptions | null,
    store: MeasuredStore,
    deps: StoreServiceDependencies,
  ) {
    this.options = options;
    this.ownerSource = fleet && { options: fleet, store, newKeys: newKeysOf(fleet) };
    this.deps = deps;
    this.store = store;
    const { clock, timers, counters, events } = deps;
    this.sessionEvents = new SessionEventBatch({
      send: (batch, dropped) => publishSessionEvents(events, null, batch, dropped),
      clock,
      timers,
      counters,
    });
    this.pools = new InterfacePools(deps.load, () => deps.clock.monotonic() / 1000);
  }

  /**
   * At least one of the two options is there. Throws UsageError when the store cannot be used, and the system's error when the interface
   * cannot listen.
   */
  static async open(
    options: SessionsOptions | null,
    fleet: FleetOptions | null,
    deps: StoreServiceDependencies,
  ): Promise<StoreService> {
    const used = options ?? { ...ownersAlone, store: fleet?.store ?? '', timeout: fleet?.timeout ?? 0 };
    const store = new MeasuredStore(
      await openFor(used, fleet === null ? undefined : { node: deps.node, history: fleet.history }, deps),
      deps.clock,
    );
    try {
      const service = new StoreService(options, fleet, store, deps);
      if (options !== null) {
        service.listener = await service.listen(options);
        deps.log.info(`store interface on ${service.listener.url}`);
      }
      service.sweepAfter(sweepPauseMs);
      return service;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /** Changes whenever the store has lost its copies. */
  get incarnation(): string {
    return this.store.incarnation;
  }

  /** What its operations took, and which have failed. */
  get figures(): StoreFigures {
    return this.store.measures.figures;
  }

  /** The last sweep has failed, which comes each second: the store does not answer. */
  get isFailing(): boolean {
    return this.hasFailed;
  }

  /** False: `replication: none`. */
  get keepsCopies(): boolean {
    return this.options !== null && this.options.replication !== 'none';
  }

  /** What is kept of a live session; null: nothing, or the store does not answer. */
  async read(pool: string, id: SessionId): Promise<Copy | null> {
    const found = await this.store.read({ pool, id }).catch(() => null);
    return found?.state === 'live' ? found.copy : null;
  }

  /**
   * Ends a session in store and table, whoever owns it. 'ending': the store does not answer, and gets to know when it does. 'failed':
   * nothing has changed.
   */
  async end(pool: string, id: SessionId): Promise<'ended' | 'ending' | 'failed'> {
    const found = this.pools.named(pool);
    const [server] = found?.servers.values() ?? [];
    if (found === undefined || server === undefined) return 'failed';
    const outcome = await found.replicator.direct.end(id, found.lifetime, server);
    return outcome === 'kept' || outcome === 'ended' ? 'ended' : outcome === 'ending' ? 'ending' : 'failed';
  }

  /** The whole id of a session of which the first 16 digits are known; null: the store has none. Reads all ids of the pool. */
  async idOf(pool: string, half: string): Promise<SessionId | null> {
    try {
      for await (const { key } of this.store.scan(pool)) if (key.id.startsWith(half)) return key.id;
    } catch {
      // It does not answer.
    }
    return null;
  }

  /** Before the first worker starts: what they use instead of the store's own `claim`. */
  claimBy(claim: Store['claim']): void {
    this.claim = claim;
  }

  /** For what the supervisor itself asks of it. */
  get owners(): Pick<MeasuredStore, 'touch' | 'claim'> {
    return this.store;
  }

  /** For a worker that starts: its way to the store. */
  connect(): StoreLink {
    const { port1, port2 } = new MessageChannel();
    serveStore(this.store, port1, this.claim ?? undefined);
    port1.unref();
    return { port: port2, incarnation: this.store.incarnation, url: this.url };
  }

  /** Another config: the store interface serves its pools. */
  follow(options: LimpetOptions, numbers: Numbers): void {
    const idKeys = idKeysOf(options, this.deps.tableSecret);
    const found = new Map<string, InterfacePool>();
    for (const pool of options.pools) {
      const made = this.poolOf(pool, idKeys, numbers);
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
    this.sessionEvents.flush();
    await this.listener?.close();
    await this.store.close();
  }

  private get url(): string {
    const url = this.listener?.url ?? '';
    return url.startsWith('unix:') ? `${url}:/v1` : `${url}/v1`;
  }

  private async listen({ secret, stateBytes, listen }: SessionsOptions): Promise<HttpListener> {
    const { clock, log, stateDir, injectedFault, acceptFailed } = this.deps;
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
    if (listen === 'state') return listenInState(stateDir, handle, acceptFailed, log);
    try {
      return await listenHttp(absolute(listen), handle, acceptFailed);
    } catch (error) {
      throw error instanceof UsageError ? error : listenError(error, listen, 'sessions.listen');
    }
  }

  private poolOf(options: PoolOptions, idKeys: IdKeys, numbers: Numbers): InterfacePool | null {
    const { table, load, counters, clock } = this.deps;
    const fleet = createFleet(options, { load, numbers, idKeys });
    if (this.options === null) return null;
    const source: CopySource = { options: this.options, store: this.store, url: this.url };
    const parts = createReplication(options, fleet, {
      table,
      counters,
      clock,
      events: this.sessionEvents,
      keys: idKeys.tokens,
      copies: source,
      owners: this.ownerSource,
    });
    if (parts === null) return null;
    const cookie = options.affinity.find((affinity) => descriptorOf(affinity).issuesTokens);
    return {
      replicator: new Replicator(parts, parts),
      servers: new Map(fleet.servers.map((server) => [server.slot, server])),
      lifetime: cookie === undefined ? 0 : (numbers.lifetimes.get(kindName(options.name, cookie)) ?? 0),
    };
  }

  private sweepAfter(pauseMs: number): void {
    this.cancelTimer = this.deps.timers.after(pauseMs, () => {
      this.pools.forget();
      this.store.expire().then(
        (expired) => {
          this.sweepDone();
          this.sweepAfter(expired > 0 ? stepPauseMs : sweepPauseMs);
        },
        (error: unknown) => {
          this.sweepFailed(error);
          this.sweepAfter(sweepPauseMs);
        },
      );
    });
  }

  /** A restart of the store may be too short to be noticed otherwise. */
  private sweepDone(): void {
    const { incarnation } = this.store;
    const isAnother = this.lastIncarnation !== '' && incarnation !== this.lastIncarnation;
    this.lastIncarnation = incarnation;
    if (!this.hasFailed && !isAnother) return;
    this.hasFailed = false;
    if (isAnother) {
      this.deps.log.warn(
        'the store has lost the copies of sessions: servers that live put theirs again, others are lost',
      );
    }
    this.deps.events.publish('store.back', { copies: isAnother ? 'lost' : 'kept' });
  }

  private sweepFailed(error: unknown): void {
    if (this.hasFailed) return;
    this.hasFailed = true;
    this.lastIncarnation ||= this.store.incarnation;
    this.deps.log.warn(`the store cannot delete what has expired: ${String(error)}`);
    this.deps.events.publish('store.lost', { reason: error instanceof Error ? error.message : String(error) });
  }
}

/**
 * On a unix-domain socket in the state folder, which only this user can reach. Where that is impossible (the path is too long,
 * another balancer has the same folder), on loopback: the secret keeps others out.
 */
async function listenInState(
  stateDir: string,
  handle: Handler,
  acceptFailed: StoreServiceDependencies['acceptFailed'],
  log: StoreServiceDependencies['log'],
): Promise<HttpListener> {
  try {
    const address = stateSocket(stateDir, 'store.sock');
    if (address === null) throw new Error(`the path of ${stateDir} is too long for a socket`);
    return await listenHttp(absolute(address), handle, acceptFailed);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const reason = error instanceof Error && !('code' in error) ? error.message : codeOf(error);
    log.warn(`no socket for the store interface in ${stateDir} (${reason}): it listens on loopback`);
    return listenHttp({ kind: 'tcp', host: '127.0.0.1', port: 0 }, handle, acceptFailed);
  }
}

/** Servers have another current folder. */
function absolute(address: Address): Address {
  return address.kind === 'unix' ? { ...address, path: resolve(address.path) } : address;
}
