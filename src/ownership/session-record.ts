/** One session's record in the table, and how a session takes over what it says: here servers meet their numbers in the table. */
import type { Fleet } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import { Entry, type SessionTable } from '../table/table.ts';
import type { Session, SessionView } from './session.ts';

export class SessionRecord {
  readonly table: SessionTable;
  readonly fleet: Fleet;
  /** The session's record as the table's last answer had it. */
  readonly entry = new Entry();
  /** Sessions of the pool have copies. */
  private readonly copied: boolean;
  private readonly key = { hi: 0, lo: 0 };

  constructor(table: SessionTable, fleet: Fleet, copied: boolean) {
    this.table = table;
    this.fleet = fleet;
    this.copied = copied;
  }

  /** What the table knows the session by. The object is used again by the next call. */
  keyOf({ recognition }: SessionView): { readonly hi: number; readonly lo: number } {
    return this.keyOfWords(recognition.sid0, recognition.sid1);
  }

  keyOfWords(hi: number, lo: number): { readonly hi: number; readonly lo: number } {
    this.key.hi = hi;
    this.key.lo = lo;
    return this.key;
  }

  /** The store has a copy of the session, or may get one: it has to hear who owns it. */
  isCopied({ recognition }: SessionView): boolean {
    return this.copied && recognition.hasId;
  }

  /** The session takes its owner from `entry`. Answers that server; undefined: it is of this pool no more. */
  apply(session: Session): Server | undefined {
    const { entry } = this;
    const server = this.fleet.at(entry.server);
    session.epoch = entry.epoch;
    session.former = entry.former;
    session.owner = server?.id ?? 0;
    return server;
  }

  /** The session takes from `entry` whether the store has heard of the owner that it names. */
  applyAnnounced(session: Session, isPending = this.entry.claiming): void {
    session.onStore(isPending ? 'record-unannounced' : 'record-known');
  }

  /** Records the session as its token has it, of the server of that slot; what the table has already stays. */
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
