/**
 * Keeps copies of the sessions of one pool in the store. A worker has one replicator for each pool, and so has the store interface.
 *
 *      responses   commands that come with responses             response-replication.ts ─┬─> command-writer.ts ─> store, table
 *      direct      commands that come by the store interface     interface-replication.ts ┘
 *      queries     questions about owners                        owner-queries.ts ───────────────────────────────> store, table
 *      header      the line about the session in each request    session-header.ts
 */
import type { SessionEvents } from '../events/session-events.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import type { Counters } from '../metrics/counters.ts';
import type { Store } from '../store/store.ts';
import type { SessionTable } from '../table/table.ts';
import { CommandWriter } from './command-writer.ts';
import { InterfaceReplication } from './interface-replication.ts';
import type { KeyRate } from './key-rate.ts';
import { OwnerQueries } from './owner-queries.ts';
import { ResponseReplication } from './response-replication.ts';
import type { RotationProofs } from './rotation-proof.ts';
import type { Session } from './session.ts';
import { SessionHeader } from './session-header.ts';
import { StoreAccess } from './store-access.ts';
import { TableUpdates } from './table-updates.ts';

export interface ReplicatorSettings {
  /** Name of the pool. */
  readonly pool: string;
  readonly replication: 'sync' | 'async' | 'none';
  /** A response may pass although the copy that it brings cannot be kept. */
  readonly degrade: boolean;
  /** How long a request or a response waits for the store. */
  readonly timeoutMs: number;
  /** Most copies of `async` that may be under way; beyond it responses wait. */
  readonly maxLag: number;
  /** Shared with the servers; '': there is none. */
  readonly secret: string;
  /** Milliseconds for which the store records the owner of a session that has no copy. */
  readonly claimTtlMs: number;
}

export interface ReplicatorDependencies {
  readonly store: Store;
  readonly table: SessionTable;
  readonly fleet: Pick<Fleet, 'at' | 'find' | 'slot'>;
  readonly counters: Counters;
  readonly events: SessionEvents;
  readonly proofs: RotationProofs;
  /** As for `OwnerQueries`. */
  readonly newKeys: KeyRate | null;
  /** The address of the store interface for the server of that slot. */
  readonly storeUrlOf: (slot: number) => string;
  /** Unix seconds, by the clock that never steps. */
  readonly now: () => number;
  /** Unix seconds, by the machine's clock: servers compare times with theirs. */
  readonly wall: () => number;
}

export class Replicator {
  readonly settings: ReplicatorSettings;
  readonly responses: ResponseReplication;
  readonly direct: InterfaceReplication;
  readonly queries: OwnerQueries;
  private readonly header: SessionHeader;
  private readonly access: StoreAccess;
  private readonly deps: ReplicatorDependencies;

  constructor(settings: ReplicatorSettings, deps: ReplicatorDependencies) {
    const { counters, events, proofs, store } = deps;
    const access = new StoreAccess(store);
    const updates = new TableUpdates(deps);
    const writer = new CommandWriter(access, updates, counters, events);
    const parts = { access, updates, writer, proofs, counters, events };
    this.settings = settings;
    this.deps = deps;
    this.access = access;
    this.responses = new ResponseReplication(settings, parts);
    this.direct = new InterfaceReplication(settings.pool, this.keepsCopies, parts);
    const { now, newKeys } = deps;
    this.queries = new OwnerQueries(
      { ...settings, keepsCopies: this.keepsCopies },
      { access, updates, counters, now, newKeys },
    );
    this.header = new SessionHeader(settings.pool, deps.storeUrlOf, settings.secret);
  }

  /** False: `replication: none`, the servers speak the session protocol and nothing is copied; owners are in the table alone. */
  get keepsCopies(): boolean {
    return this.settings.replication !== 'none';
  }

  /** A session with a copy may leave its owner: the new one can be announced, because the store answered the last call. */
  get mayMove(): boolean {
    return this.keepsCopies && this.access.isHealthy;
  }

  /** The line for `server` about the session of its request. The object is used again by the next call. */
  writeHeader(session: Session, server: Server): SessionHeader {
    if (session.reason === 'new' && session.recognition.recognised && !session.firstPlacement) session.reason = 'held';
    if (session.sentCopy !== null && !this.responses.isLatest(session, session.sentCopy)) session.sentCopy = null;
    const { store, now, wall } = this.deps;
    this.header.fill(session, server.slot, store.incarnation, now(), wall());
    return this.header;
  }
}
