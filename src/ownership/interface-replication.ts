/** Commands and questions that servers send through the store interface (admin/store-interface.ts), outside of any response. */
import type { Server } from '../fleet/server.ts';
import type { SessionCommand } from '../http/session-headers.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import { anyEpoch, type Found, type SessionId, type UserHash } from '../store/store.ts';
import { type CommandWriter, epochOf, keptReport, type PutReport, refusedReport } from './command-writer.ts';
import type { RotationProofs } from './rotation-proof.ts';
import { refOfId } from './session-ref.ts';
import type { StoreAccess } from './store-access.ts';
import type { TableUpdates } from './table-updates.ts';

/** What the store has of one session. ending: the session is over, but the store has not recorded it yet. failed: the store did not answer. */
export type StoredState = Found | { readonly state: 'ending' | 'failed' };

export interface InterfaceReplicationDependencies {
  readonly access: StoreAccess;
  readonly updates: TableUpdates;
  readonly writer: CommandWriter;
  readonly proofs: RotationProofs;
  readonly counters: Counters;
}

export class InterfaceReplication {
  private readonly pool: string;
  /** False: `replication: none`. */
  private readonly keepsCopies: boolean;
  private readonly deps: InterfaceReplicationDependencies;

  constructor(pool: string, keepsCopies: boolean, deps: InterfaceReplicationDependencies) {
    this.pool = pool;
    this.keepsCopies = keepsCopies;
    this.deps = deps;
  }

  /** `lifetime`: the table's number for the session, if it begins now. */
  async put(id: string, lifetime: number, server: Server, command: SessionCommand): Promise<PutReport> {
    const report = await this.write(id, lifetime, server, { ...command, isApart: true });
    if (report.outcome === 'refused') this.deps.counters.add(counter.copies_refused);
    return report;
  }

  private async write(id: string, lifetime: number, server: Server, command: SessionCommand): Promise<PutReport> {
    const { counters, updates, writer } = this.deps;
    const ref = refOfId(this.pool, id, lifetime);
    if (!updates.isUnusedId(command.rotate)) return refusedReport;
    const given = updates.hasBeenGiven(ref, server, epochOf(command));
    if (given === false || (given === null && !this.keepsCopies)) return refusedReport;
    if (given === null) return writer.writeIfGiven(ref, server, command);
    if (this.keepsCopies) return writer.write(ref, server, command);
    if (command.put !== null) counters.add(counter.copies_dropped);
    updates.applyCommand(ref, server, command, null);
    return keptReport;
  }

  /**
   * Ends a session that another server may own. The owner is not informed: it finds out from the store. Without copies it would
   * never do, so the answer is 'no-copies'.
   */
  async end(id: string, lifetime: number, server: Server): Promise<PutReport['outcome'] | 'no-copies'> {
    if (!this.keepsCopies) return 'no-copies';
    const ref = refOfId(this.pool, id, lifetime);
    const { outcome } = await this.deps.writer.write(ref, server, { put: null, ended: anyEpoch, rotate: '' });
    return outcome;
  }

  /** The ids of a user's live sessions, or why there is no list. */
  async sessionsOf(user: UserHash): Promise<readonly SessionId[] | 'failed' | 'no-copies'> {
    if (!this.keepsCopies) return 'no-copies';
    const { access } = this.deps;
    const found = await access.call(access.store.ofUser(this.pool, user));
    return found === null || 'state' in found ? 'failed' : found;
  }

  /** Proof for a later response of `server`: it has put the session under another id here. */
  proofOf(server: Server, from: string, to: string): string {
    return this.deps.proofs.prove(server.storeId, from, to);
  }

  /** The state that the store has, for `server`. The table is updated too. */
  async read(id: string, server: Server): Promise<StoredState> {
    const { access, updates } = this.deps;
    const ref = refOfId(this.pool, id, 0);
    const found = await access.call(access.store.read(ref.key));
    if (found === null) return { state: 'failed' };
    if (found.state === 'ending') return found;
    if (found.state === 'ended') updates.noteEnded(ref, found.rotatedAgoMs);
    if (found.state === 'ended' || (found.state === 'live' && found.copy.version > 0)) return found;
    const { entry } = updates;
    const isLost = updates.find(ref) === 'live' && entry.copied && entry.server === server.slot;
    // The server refuses the request that it needed the state for. The next request queries the store, and begins a new session.
    if (isLost) updates.noteLost(ref);
    return { state: 'none' };
  }
}
