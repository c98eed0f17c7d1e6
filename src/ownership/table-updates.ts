/**
 * Writes into the session table what the store answers and what servers change. It does so even when the exchange that asked is over
 * by then.
 */
import type { SessionEvents } from '../events/session-events.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import type { SessionCommand } from '../http/session-headers.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import { anyEpoch, type ClaimResult, type Found } from '../store/store.ts';
import { Entry, type Lookup, type SessionTable } from '../table/table.ts';
import { pastEndSeconds } from './session.ts';
import { type TableKey, tableKeyOf } from './session-id.ts';
import { type SessionRef, tagOfRef } from './session-ref.ts';

export interface TableUpdatesDependencies {
  readonly table: SessionTable;
  readonly fleet: Pick<Fleet, 'at' | 'find' | 'slot'>;
  readonly counters: Counters;
  readonly events: SessionEvents;
  /** Unix seconds. */
  readonly now: () => number;
}

export class TableUpdates {
  /** What `find` has read; valid until the next call of any method here. */
  readonly entry = new Entry();
  private readonly deps: TableUpdatesDependencies;

  constructor(deps: TableUpdatesDependencies) {
    this.deps = deps;
  }

  /** Reads the session's record into `entry`. */
  find(key: TableKey): Lookup {
    const { table, now } = this.deps;
    return table.find(key, now(), this.entry);
  }

  /**
   * No session in the table has that id. Whether one in the store has it shows when the store gets the command. '': there is no
   * id.
   */
  isUnusedId(id: string): boolean {
    return id === '' || this.find(tableKeyOf(id)) === 'none';
  }

  /**
   * Whether that server owned the session with that epoch, or the session has a later epoch already (then the store says who fenced
   * it). null: the table does not have the answer.
   */
  hasBeenGiven(ref: SessionRef, server: Server, epoch: number): boolean | null {
    const { entry } = this;
    const known = this.find(ref) === 'live' && entry.epoch >= epoch && entry.server !== this.deps.fleet.slot;
    return known ? entry.epoch > epoch || entry.server === server.slot : null;
  }

  /** The command of a server is carried out. `version` null: there is no copy, or not yet. */
  applyCommand(ref: SessionRef, server: Server, command: SessionCommand, version: number | null): void {
    const { table, counters, now } = this.deps;
    const { put, ended, rotate } = command;
    if (ended !== 0) this.end(ref, server, command);
    if (put === null) return;
    if (rotate === '') this.recordOwner(ref, server.slot, put.epoch, version ?? 0);
    else {
      counters.add(counter.sessions_rotated);
      table.bury(ref, now());
      this.recordOwner({ ...ref, ...tableKeyOf(rotate) }, server.slot, put.epoch, version ?? 0);
    }
  }

  private end(ref: SessionRef, server: Server, { ended, isApart }: SessionCommand): void {
    const { table, counters, events, now } = this.deps;
    const tag = this.tagOf(ref);
    const isForeign = ended === anyEpoch;
    // Without a response of the owner the client still has the cookie. It may begin a new session at once.
    const since = isForeign || isApart === true ? now() - pastEndSeconds : now();
    if (!table.end(ref, now(), since)) table.bury(ref, now(), since);
    else {
      counters.add(counter.sessions_ended);
      const how = isForeign ? 'the app has ended it from another server' : 'the app has ended it';
      events.ended(ref.key.pool, tag, server.name, how);
    }
  }

  /** By what the store knows the server of that slot; 0: there is none. */
  storeIdAt(slot: number): number {
    return this.deps.fleet.at(slot)?.storeId ?? 0;
  }

  /** The tag of a session of which something is reported. */
  tagOf(ref: SessionRef): number {
    return tagOfRef(ref, ref.given || (this.find(ref) === 'live' && this.entry.given));
  }

  /** The store failed to carry out the command. */
  noteFailure(ref: SessionRef, { put, rotate }: SessionCommand): void {
    const { table, now } = this.deps;
    // The store may have given the session its new id all the same, or its copy is older than what the server has.
    if (rotate !== '') table.doubt(ref, now());
    else if (put !== null) table.uncopy(ref, now());
  }

  /**
   * The session has ended some time ago. Its client still has the cookie, and may begin a new session at once. Not if it has had another id
   * since `rotatedAgoMs`, and that is a moment ago: then a response may be giving that id to the client now.
   */
  noteEnded(ref: SessionRef, rotatedAgoMs = Number.POSITIVE_INFINITY): void {
    const { table, now } = this.deps;
    table.bury(ref, now(), now() - Math.min(Math.floor(rotatedAgoMs / 1000), pastEndSeconds));
  }

  /** The session has ended while one of its requests was running. */
  noteEndedNow(ref: SessionRef): void {
    const { table, now } = this.deps;
    table.bury(ref, now());
  }

  /** The store does not have the copy that the table says it has: the next exchange has to query the store. */
  noteLost(ref: SessionRef): void {
    const { table, counters, now } = this.deps;
    counters.add(counter.copies_lost);
    table.doubt(ref, now());
  }

  /** What the store has of a session that the table did not have. `epoch`, `owner` (a server id): what the token says. */
  applyFound(ref: SessionRef, found: Found, epoch: number, owner: number): void {
    const { table, fleet, now } = this.deps;
    if (found.state === 'ended') this.noteEnded(ref, found.rotatedAgoMs);
    else if (found.state === 'live' && found.copy.epoch >= epoch) {
      const { copy } = found;
      // For an epoch that is newer than the token the store names the owner; for the token's own epoch the token does.
      const server = fleet.find(copy.epoch === epoch && owner !== 0 ? owner : copy.owner);
      const slot = server?.slot ?? fleet.slot;
      table.vouch(ref, copy.epoch, slot, copy.version, now(), this.entry);
      this.recordOwner(ref, slot, copy.epoch, copy.version);
    } else {
      // The token is newer than the store: it alone counts.
      table.vouch(ref, epoch, 0, 0, now(), this.entry);
      const server = fleet.find(owner);
      if (server !== undefined) this.recordOwner(ref, server.slot, epoch, 0);
    }
  }

  /** The store's answer to the announcement that `server` owns the session from that epoch on. */
  applyClaim(ref: SessionRef, server: Server, epoch: number, result: ClaimResult): void {
    const { fleet, table, counters, now } = this.deps;
    if (result.state === 'ended') table.bury(ref, now());
    else if (result.state === 'held') {
      counters.add(counter.claims_held);
      table.retract(ref, epoch, server.slot, now(), this.entry);
    } else if (result.state === 'claimed' && !server.hasId(result.copy.owner)) {
      // It goes back, and the store knows better where it was.
      counters.add(counter.claims);
      this.applyOwner(ref, epoch, result.copy.owner);
    } else if (result.state === 'claimed') {
      counters.add(counter.claims);
      table.confirm(ref, epoch, server.slot, result.copy.version, now());
      const former = result.returnTo === undefined ? undefined : fleet.find(result.returnTo);
      // Not where it was a moment ago, if other balancers have been claiming it, too.
      if (former !== undefined) table.setFormer(ref, epoch, server.slot, former.slot, now(), this.entry);
    } else if (result.epoch === epoch && server.hasId(result.owner)) {
      // Another worker, or another balancer, has announced the same owner.
      if (result.byOther === true) table.setFormer(ref, epoch, server.slot, server.slot, now(), this.entry);
      table.confirm(ref, epoch, server.slot, -1, now());
    } else {
      counters.add(counter.claims_lost);
      this.applyOwner(ref, result.epoch, result.owner);
    }
  }

  /**
   * The store has not answered that claim, and may have carried it out or not. Other balancers have to agree to the owner: the former one
   * stays until the store can be asked.
   */
  noteUnanswered(ref: SessionRef, server: Server, epoch: number): void {
    const { table, now } = this.deps;
    table.retract(ref, epoch, server.slot, now(), this.entry);
    table.doubt(ref, now());
  }

  /** The store has a later owner than the table. If that server is not in this config, the next request finds another owner. */
  applyOwner(ref: SessionRef, epoch: number, owner: number): void {
    const { fleet, table, now } = this.deps;
    const slot = fleet.find(owner)?.slot ?? fleet.slot;
    if (table.adopt(ref, epoch, slot, now(), this.entry)) return;
    table.bind(ref, slot, now(), this.entry, ref.lifetime, epoch, ref.given);
  }

  /** Records that server as the owner, with a copy of that version (0: none), unless the table has a later owner. */
  private recordOwner(ref: SessionRef, slot: number, epoch: number, version: number): void {
    const { table, now } = this.deps;
    if (version > 0 && table.copy(ref, epoch, version, now())) return;
    if (table.bind(ref, slot, now(), this.entry, ref.lifetime, epoch, ref.given) === 'ended') return;
    if (this.entry.epoch < epoch) table.adopt(ref, epoch, slot, now(), this.entry);
    if (version > 0) table.copy(ref, epoch, version, now());
  }
}
