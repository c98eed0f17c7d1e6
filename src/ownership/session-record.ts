/** Reads the session table for one session, and copies what its record says into the session. The table has slots, a session has server ids. */
import type { Fleet } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import { Entry, type SessionTable } from '../table/table.ts';
import type { Session, SessionView } from './session.ts';

/** What the store keeps of the sessions of a pool. */
export interface Recorded {
  /** Their states. */
  readonly copies: boolean;
  /** Their owners, also of sessions without a copy: other balancers have to know them. */
  readonly owners: boolean;
}

export class SessionRecord {
  readonly table: SessionTable;
  readonly fleet: Fleet;
  /** The record that the table returned last. */
  readonly entry = new Entry();
  readonly recorded: Recorded;
  private readonly key = { hi: 0, lo: 0 };

  constructor(table: SessionTable, fleet: Fleet, recorded: Recorded) {
    this.table = table;
    this.fleet = fleet;
    this.recorded = recorded;
  }

  /** The session's key in the table. The object is used again by the next call. */
  keyOf({ recognition }: SessionView): { readonly hi: number; readonly lo: number } {
    return this.keyOfWords(recognition.sid0, recognition.sid1);
  }

  keyOfWords(hi: number, lo: number): { readonly hi: number; readonly lo: number } {
    this.key.hi = hi;
    this.key.lo = lo;
    return this.key;
  }

  /** The session has a copy in the store, or can get one. */
  isCopied({ recognition }: SessionView): boolean {
    return this.recorded.copies && recognition.hasId;
  }

  /** Changes of its owner are announced to the store. */
  isAnnounced(session: SessionView): boolean {
    const { kind } = session.recognition;
    return (this.recorded.owners && (kind === 'token' || kind === 'key')) || this.isCopied(session);
  }

  /** So is its first owner. With a single balancer the first copy is early enough. */
  announcesFirst(session: SessionView): boolean {
    return this.recorded.owners && this.isAnnounced(session);
  }

  /** Copies the owner from `entry`. Returns that server; undefined: it has left the pool. */
  apply(session: Session): Server | undefined {
    const { entry } = this;
    const server = this.fleet.at(entry.server);
    session.epoch = entry.epoch;
    session.former = entry.former;
    session.owner = server?.tokenId ?? 0;
    return server;
  }

  /** Copies from `entry` whether its owner still has to be announced to the store. */
  applyAnnounced(session: Session, isPending = this.entry.claiming): void {
    session.onStore(isPending ? 'record-unannounced' : 'record-known');
    session.isMoving = isPending && this.entry.moving;
  }

  /** Records the session with the token's epoch and the server of that slot, unless the table has a record already. */
  bindAsNamed(session: SessionView, slot: number, now: number): void {
    const { affinity, kind } = session.recognition;
    this.table.bind(
      this.keyOf(session),
      slot,
      now,
      this.entry,
      affinity?.lifetime ?? 0,
      session.epoch,
      kind === 'token',
    );
  }
}
