/**
 * What the session table learns of the store and of the servers. Whatever the store answers, the table learns it here, even
 * when the exchange that asked is gone by then.
 */
import type { Fleet } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import type { SessionCommand } from '../http/session-headers.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import { anyEpoch, type ClaimResult, type Found } from '../store/store.ts';
import { Entry, type Look, type SessionTable } from '../table/table.ts';
import { pastEndSeconds } from './session.ts';
import { type TableKey, tableKeyOf } from './session-id.ts';
import type { SessionRef } from './session-ref.ts';

export interface TableUpdatesDependencies {
  readonly table: SessionTable;
  readonly fleet: Pick<Fleet, 'find' | 'slot'>;
  readonly counters: Counters;
  /** Unix seconds. */
  readonly now: () => number;
}

export class TableUpdates {
  /** What `find` has found, until the next call of anything here. */
  readonly entry = new Entry();
  private readonly deps: TableUpdatesDependencies;

  constructor(deps: TableUpdatesDependencies) {
    this.deps = deps;
  }

  /** What the table knows of the session, in `entry`. */
  find(key: TableKey): Look {
    const { table, now } = this.deps;
    return table.find(key, now(), this.entry);
  }

  /** Nobody has that id as far as the table knows; the store is asked when it gets the command. '' is no id. */
  isUnusedId(id: string): boolean {
    return id === '' || this.find(tableKeyOf(id)) === 'none';
  }

  /**
   * Whether that server was given the session with that epoch, or it is one that the session is beyond (the store says by whom it
   * is fenced). null: the table does not know.
   */
  hasBeenGiven(ref: SessionRef, server: Server, epoch: number): boolean | null {
    const { entry } = this;
    const known = this.find(ref) === 'live' && entry.epoch >= epoch && entry.server !== this.deps.fleet.slot;
    return known ? entry.epoch > epoch || entry.server === server.slot : null;
  }

  /** What a server has said is done. `version` null: there is no copy, or not yet. */
  applyCommand(ref: SessionRef, server: Server, { put, ended, rotate }: SessionCommand, version: number | null): void {
    const { table, counters, now } = this.deps;
    if (ended !== 0) {
      // The owner did not say so, so the client is not told: whoever comes with the dead cookie may begin anew at once.
      const since = ended === anyEpoch ? now() - pastEndSeconds : now();
      if (table.end(ref, now(), since)) counters.add(counter.sessions_ended);
      else table.bury(ref, now(), since);
    }
    if (put === null) return;
    if (rotate === '') this.recordOwner(ref, server.slot, put.epoch, version ?? 0);
    else {
      counters.add(counter.sessions_rotated);
      table.bury(ref, now());
      this.recordOwner({ ...ref, ...tableKeyOf(rotate) }, server.slot, put.epoch, version ?? 0);
    }
  }

  /** The store could not do what a server has said. */
  noteFailure(ref: SessionRef, { put, rotate }: SessionCommand): void {
    const { table, now } = this.deps;
    // The session may go on under another id, as the store alone knows; or the copy is older than what the client may come to see.
    if (rotate !== '') table.doubt(ref, now());
    else if (put !== null) table.uncopy(ref, now());
  }

  /** The session has ended, at a time that is not known: long ago, as a client has it that keeps a dead cookie, and may begin anew. */
  noteEnded(ref: SessionRef): void {
    const { table, now } = this.deps;
    table.bury(ref, now(), now() - pastEndSeconds);
  }

  /** The session ended while one of its requests was under way. */
  noteEndedNow(ref: SessionRef): void {
    const { table, now } = this.deps;
    table.bury(ref, now());
  }

  /** The store does not have what the table says that it keeps: what the table says is in doubt. */
  noteLost(ref: SessionRef): void {
    const { table, counters, now } = this.deps;
    counters.add(counter.copies_lost);
    table.doubt(ref, now());
  }

  /** What the store keeps of a session that the table did not know. `epoch`, `owner`: as the token has them, the owner by its id. */
  applyFound(ref: SessionRef, found: Found, epoch: number, owner: number): void {
    const { table, fleet, now } = this.deps;
    if (found.state === 'ended') this.noteEnded(ref);
    else if (found.state === 'live' && found.copy.epoch >= epoch) {
      const { copy } = found;
      // The owner of an epoch that the client has not heard of is the store's; of its own epoch it is the token's.
      const server = fleet.find(copy.epoch === epoch && owner !== 0 ? owner : copy.owner);
      const slot = server?.slot ?? fleet.slot;
      table.vouch(ref, copy.epoch, slot, copy.version, now(), this.entry);
      this.recordOwner(ref, slot, copy.epoch, copy.version);
    } else {
      // Of a token that has seen more than the store: nothing there counts.
      table.vouch(ref, epoch, 0, 0, now(), this.entry);
      const server = fleet.find(owner);
      if (server !== undefined) this.recordOwner(ref, server.slot, epoch, 0);
    }
  }

  /** What the store has answered to the claim that `server` owns the session from that epoch on. */
  applyClaim(ref: SessionRef, server: Server, epoch: number, result: ClaimResult): void {
    const { table, counters, now } = this.deps;
    if (result.state === 'ended') table.bury(ref, now());
    else if (result.state === 'claimed') {
      counters.add(counter.claims);
      table.confirm(ref, epoch, server.slot, result.copy.version, now());
    } else if (result.epoch === epoch && server.hasId(result.owner)) {
      // Another worker has told it of the same owner.
      table.confirm(ref, epoch, server.slot, -1, now());
    } else {
      counters.add(counter.claims_lost);
      this.applyOwner(ref, result.epoch, result.owner);
    }
  }

  /** The store knows of a later owner than the table. One that this config does not have is replaced by the next request. */
  applyOwner(ref: SessionRef, epoch: number, owner: number): void {
    const { fleet, table, now } = this.deps;
    const slot = fleet.find(owner)?.slot ?? fleet.slot;
    if (table.adopt(ref, epoch, slot, now(), this.entry)) return;
    table.bind(ref, slot, now(), this.entry, ref.lifetime, epoch, ref.given);
  }

  /** The session is live, of that server, and copied unless `version` is 0; if the table has heard of a later owner it stays so. */
  private recordOwner(ref: SessionRef, slot: number, epoch: number, version: number): void {
    const { table, now } = this.deps;
    if (version > 0 && table.copy(ref, epoch, version, now())) return;
    if (table.bind(ref, slot, now(), this.entry, ref.lifetime, epoch, ref.given) === 'ended') return;
    if (this.entry.epoch < epoch) table.adopt(ref, epoch, slot, now(), this.entry);
    if (version > 0) table.copy(ref, epoch, version, now());
  }
}
