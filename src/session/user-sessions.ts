/** The sessions of a user: listed, ended, and no more of them than the app allows. The same for all strategies that know theirs. */
import { createHash } from 'node:crypto';
import type { UserHash } from '../store/store.ts';
import { hashUser, markOf, type UserMark } from './data/user.ts';
import type { Directory, KeptSession } from './directory.ts';
import { SessionError } from './error.ts';
import type { Ended, SessionEmitter } from './events.ts';
import type { FilledOptions } from './options.ts';

/** One session of a user, as `listSessions` tells of it. */
export interface UserSession {
  /** Names it among those of its user. Not secret: no id follows from it. */
  readonly key: string;
  /** For `open` and `destroy`. Secret: whoever has it can be the session. */
  readonly id: string;
  /** What the app has set; '' nothing. */
  readonly label: string;
  readonly signedInAt: Date;
  /** To a quarter of the idle time. */
  readonly lastSeenAt: Date;
  readonly expiresAt: Date;
}

/** Which of a user's sessions to end. */
export interface Which {
  /** Not these: ids. */
  readonly except: readonly string[];
  /** Only the one with that key; '' all. */
  readonly only: string;
}

/** Listings after which an end of all gives up: each time sessions were there that had not been before. */
const mostRounds = 100;
/** Asked for at a time. */
const atOnce = 32;

export class UserSessions {
  private readonly directory: Directory;
  private readonly limit: number;
  private readonly refuses: boolean;
  private readonly events: SessionEmitter;

  constructor(directory: Directory, { limits, whenUserFull, events }: FilledOptions) {
    this.directory = directory;
    this.limit = limits.userSessions;
    this.refuses = whenUserFull === 'refuse';
    this.events = events;
  }

  /** Those that were seen last come first. */
  async list(user: string): Promise<readonly UserSession[]> {
    const found = await this.marks(hashUser(user));
    const all = found.map(({ id, mark, kept }) => ({
      key: keyOf(id),
      id,
      label: mark.label,
      signedInAt: new Date(mark.since),
      lastSeenAt: new Date(kept.seen),
      expiresAt: new Date(kept.expires),
    }));
    return all.sort((a, b) => Number(b.lastSeenAt) - Number(a.lastSeenAt));
  }

  /**
   * Answers how many were ended. Each session that was the user's when this began is over when it resolves, also one that got
   * another id meanwhile; one that signs in meanwhile is over, or has begun after the last listing.
   */
  async end(user: string, { except, only }: Which): Promise<number> {
    const hash = hashUser(user);
    const spared = new Set(except);
    let ended = 0;
    for (let round = 0; round < mostRounds; round++) {
      const listed = await this.directory.ofUser(hash);
      const ids = listed.filter((id) => !spared.has(id) && (only === '' || keyOf(id) === only));
      if (ids.length === 0) return ended;
      await each(ids, (id) => this.endOne(id, 'by-user'));
      for (const id of ids) spared.add(id);
      ended += ids.length;
    }
    throw new SessionError('session-store', `after ${mostRounds} rounds the user still had other sessions`);
  }

  /** Before a session becomes the user's. `own`: its ids. Throws SessionError `session-limit`. */
  async admit(user: UserHash, own: readonly string[]): Promise<void> {
    if (this.limit === 0 || !this.refuses) return;
    const ids = await this.directory.ofUser(user);
    if (ids.filter((id) => !own.includes(id)).length >= this.limit) throw this.full();
  }

  /**
   * After it has: the oldest go. Each sign-in looks after its own put, so that of two at once one at least sees both. Throws
   * SessionError `session-limit` when `own` itself is one too many, and has ended it.
   */
  async settle(user: UserHash, own: string): Promise<void> {
    if (this.limit === 0) return;
    const ids = await this.directory.ofUser(user);
    if (ids.length <= this.limit) return;
    let surplus = [own];
    if (!this.refuses) {
      const found = await this.marks(user);
      found.sort((a, b) => a.mark.since - b.mark.since || (a.id < b.id ? -1 : 1));
      surplus = found.slice(0, Math.max(0, found.length - this.limit)).map(({ id }) => id);
    }
    await each(surplus, (id) => this.endOne(id, 'limit'));
    if (surplus.includes(own)) throw this.full();
  }

  /** Tells whoever listens what it was. Throws SessionError. */
  async endOne(id: string, reason: Ended): Promise<void> {
    const { directory, events } = this;
    const kept = events.hears('destroyed') ? await directory.read(id) : null;
    await directory.end(id);
    if (kept !== null) events.emit('destroyed', { id, data: kept.data, reason });
  }

  private async marks(user: UserHash): Promise<{ id: string; mark: UserMark; kept: KeptSession }[]> {
    const ids = await this.directory.ofUser(user);
    const found: { id: string; mark: UserMark; kept: KeptSession }[] = [];
    await each(ids, async (id) => {
      const kept = await this.directory.read(id);
      const mark = kept === null ? null : markOf(kept.data);
      if (kept !== null && mark?.user === user) found.push({ id, mark, kept });
    });
    return found;
  }

  private full(): SessionError {
    return new SessionError('session-limit', `the user has ${this.limit} sessions already (limits.userSessions)`);
  }
}

/** What an app may show of a session, and take back from a form. */
export function keyOf(id: string): string {
  return createHash('sha256').update(`limpet session key ${id}`).digest('hex').slice(0, 24);
}

/** All of them, whatever fails; throws the first failure when all are through. */
async function each(ids: readonly string[], act: (id: string) => Promise<void>): Promise<void> {
  let failure: unknown;
  for (let at = 0; at < ids.length; at += atOnce) {
    const results = await Promise.allSettled(ids.slice(at, at + atOnce).map(act));
    for (const result of results) if (result.status === 'rejected') failure ??= result.reason;
  }
  if (failure !== undefined) throw failure;
}
