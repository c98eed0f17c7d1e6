/**
 * Copies of the sessions of one pool, as one worker or the store interface keeps them. Its parts:
 *
 *      responses    what a response says of its session     response-replication.ts ─┬─> command-writer.ts ─> store, table
 *      direct       what a server says without a response   interface-replication.ts ┘
 *      queries      who owns a session, and who shall       owner-queries.ts ───────────> store, table
 *      header       what a server is told of its session    session-header.ts
 */
import type { Fleet } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import type { Counters } from '../metrics/counters.ts';
import type { Store } from '../store/store.ts';
import type { SessionTable } from '../table/table.ts';
import { CommandWriter } from './command-writer.ts';
import { InterfaceReplication } from './interface-replication.ts';
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
  /** A response may pass although its copy cannot be kept. */
  readonly degrade: boolean;
  /** Longest wait for the store. */
  readonly timeoutMs: number;
  /** Most copies of `async` that may be under way; beyond it responses wait. */
  readonly maxLag: number;
  /** Shared with the servers; '' none. */
  readonly secret: string;
  /** Milliseconds for which the store remembers the owner of a session of which nothing is kept. */
  readonly claimTtlMs: number;
}

export interface ReplicatorDependencies {
  readonly store: Store;
  readonly table: SessionTable;
  readonly fleet: Pick<Fleet, 'find' | 'slot'>;
  readonly counters: Counters;
  readonly proofs: RotationProofs;
  /** Where the server of that slot finds the store interface. */
  readonly storeUrlOf: (slot: number) => string;
  /** Unix seconds; `wall`: as the machine has it, for what its servers are told. */
  readonly now: () => number;
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
    const { counters, proofs, store } = deps;
    const access = new StoreAccess(store);
    const updates = new TableUpdates(deps);
    const writer = new CommandWriter(access, updates, counters);
    const parts = { access, updates, writer, proofs, counters };
    this.settings = settings;
    this.deps = deps;
    this.access = access;
    this.responses = new ResponseReplication(settings, parts);
    this.direct = new InterfaceReplication(settings.pool, this.keepsCopies, parts);
    this.queries = new OwnerQueries(settings, access, updates, counters);
    this.header = new SessionHeader(settings.pool, deps.storeUrlOf, settings.secret);
  }

  /** Who owns a session is the store's business too. False: its servers speak the session protocol, and nothing is copied. */
  get keepsCopies(): boolean {
    return this.settings.replication !== 'none';
  }

  /** A session that has a copy may leave its owner: there is a store that can be told, and it did what it was asked last. */
  get mayMove(): boolean {
    return this.keepsCopies && this.access.isHealthy;
  }

  /** What `server` is told of the session with its request. It holds until the next call. */
  writeHeader(session: Session, server: Server): SessionHeader {
    if (session.reason === 'new' && session.recognition.recognised && !session.firstPlacement) session.reason = 'held';
    if (session.sentCopy !== null && !this.responses.isLatest(session, session.sentCopy)) session.sentCopy = null;
    const { store, now, wall } = this.deps;
    this.header.fill(session, server.slot, store.incarnation, now(), wall());
    return this.header;
  }
}
