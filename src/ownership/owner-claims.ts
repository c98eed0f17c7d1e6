/**
 * Who becomes the owner of a session, and whether that holds. A new owner is provisional until it has taken a request
 * (`accept`). Concurrent requests of the session go there too, but when none of them is taken, the session is its former owner's
 * again as soon as the last of them is over (`leave`): so an outage in which no server answers moves nothing.
 *
 *      owner A ── claim, move ──> B, provisional ── accept ──> owner B
 *         ^                         │    └ claim ──> C, provisional ...
 *         └──────── leave ──────────┘
 */
import type { Server } from '../fleet/server.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import type { Claim } from '../table/table.ts';
import type { Session, SessionView } from './session.ts';
import type { SessionRecord } from './session-record.ts';

/** Times that another worker may claim a session between our look and our claim before we go where it is now. */
const maxClaims = 4;

export class OwnerClaims {
  private readonly record: SessionRecord;
  private readonly counters: Counters;

  constructor(record: SessionRecord, counters: Counters) {
    this.record = record;
    this.counters = counters;
  }

  /**
   * Makes `server` the owner from the next epoch on, unless another exchange has just made another one that: answers who
   * owns the session now.
   */
  claim(session: Session, server: Server, now: number): Server | undefined {
    const { record } = this;
    const { entry, fleet, table } = record;
    const announce = record.isCopied(session);
    for (let tries = 0; tries < maxClaims; tries++) {
      const claim = claimOf(session, announce);
      const result = table.claim(record.keyOf(session), session.epoch, server.slot, now, entry, claim);
      if (result === 'claimed') session.counted = true;
      if (result === 'claimed' || result === 'lost') break;
      // Nothing is kept of a session that has ended: this exchange goes there, the next one anywhere.
      if (result === 'ended') return server;
      // Recorded as its token has it; one whose owner is of this pool no more is nobody's.
      record.bindAsNamed(session, fleet.find(session.owner)?.slot ?? fleet.slot, now);
    }
    return this.follow(session, now);
  }

  /**
   * As `claim`, while its owner lives: only of a session that has a copy, and of which nothing else runs. Answers who owns it
   * now; null: it has to stay.
   */
  move(session: Session, server: Server, now: number): Server | undefined | null {
    const { record } = this;
    const { entry, table } = record;
    const claim = claimOf(session, true, session.counted ? 1 : 0);
    const result = table.claim(record.keyOf(session), session.epoch, server.slot, now, entry, claim);
    if (result !== 'claimed' && result !== 'lost') return null;
    if (result === 'claimed') session.counted = true;
    session.version = entry.version;
    return this.follow(session, now);
  }

  /** Goes by what the table says after a claim, counted there if that owner is provisional. */
  private follow(session: Session, now: number): Server | undefined {
    const { record } = this;
    const { entry } = record;
    record.applyAnnounced(session);
    session.changeBinding('changed');
    if (entry.former !== 0 && !session.counted) {
      session.counted = record.table.enter(record.keyOf(session), now, entry) === 'live';
    }
    return record.apply(session);
  }

  /**
   * `server` has taken a request of the session, whose owner it was to become: it is, from now on. Unless others have given
   * it up meanwhile: then the client is told of no owner, or of the one that they have found.
   */
  accept(session: Session, server: Server, now: number): void {
    const { record, counters } = this;
    const { entry } = record;
    const takeover = !record.isCopied(session);
    const result = record.table.accept(record.keyOf(session), session.epoch, server.slot, now, entry, takeover);
    session.former = 0;
    if (result === 'accepted') counters.add(entry.moving ? counter.sessions_moved : counter.rebinds);
    if (result === 'gone') return;
    if (result === 'lost' && entry.former !== 0) session.changeBinding('withheld');
    else record.apply(session);
  }

  /**
   * The exchange is over. Answers the former owner, when the session is that one's again and the store, which had been told of
   * another one, has to hear of it: `session` is as the table has it then.
   */
  leave(session: Session, now: number): Server | null {
    if (!session.counted) return null;
    session.counted = false;
    const { record } = this;
    if (!record.table.leave(record.keyOf(session), now, record.entry, record.isCopied(session))) return null;
    return record.apply(session) ?? null;
  }

  /** For a tunnel, which outlasts the times in a token: a session that has one is not idle. */
  countTunnel(session: Session, now: number): void {
    const { record } = this;
    if (session.counted || session.recognition.kind !== 'token') return;
    session.counted = record.table.acquire(record.keyOf(session), now);
  }
}

/** `most`: exchanges of the session that may run when it leaves an owner that lives. */
function claimOf({ counted }: SessionView, announce: boolean, most = Number.POSITIVE_INFINITY): Claim {
  return { provisional: true, counted, moving: most !== Number.POSITIVE_INFINITY, announce, most };
}
