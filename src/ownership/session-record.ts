/** Reads the session table for one session, and copies what its record says into the session. The table has slots, a session has server ids. */
import type { Fleet } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import { Entry, type SessionTable } from '../table/table.ts';
import type { Session, SessionView } from './session.ts';

export class SessionRecord {
  readonly table: SessionTable;
  readonly fleet: Fleet;
  /** The record that the table returned last. */
  readonly entry = new Entry();
  /** Sessions of the pool have copies. */
  private readonly copied: boolean;
  private readonly key = { hi: 0, lo: 0 };

  constructor(table: SessionTable, fleet: Fleet, copied: boolean) {
    this.table = table;
    this.fleet = fleet;
    this.copied = copied;
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

  /** The session has a copy in the store, or can get one: changes of its owner are announced there. */
  isCopied({ recognition }: SessionView): boolean {
    return this.copied && recognition.hasId;
  }

  /** Copies the owner from `entry`. Returns that server; undefined: it has left the pool. */
  apply(session: Session): Server | undefined {
    const { entry } = this;
    const server = this.fleet.at(entry.server);
    session.epoch = entry.epoch;
    session.former = entry.former;
    session.owner = server?.id ?? 0;
    return server;
  }

  /** Copies from `entry` whether its owner still has to be announced to the store. */
  applyAnnounced(session: Session, isPending = this.entry.claiming): void {
    session.onStore(isPending ? 'record-unannounced' : 'record-known');
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
