/** The sessions of a user: listed, ended, and limited in number. The same for all strategies that can find the sessions of a user. */
import { createHash } from 'node:crypto';
import type { UserHash } from '../store/store.ts';
import { hashUser, type SignInRecord, signInOf } from './data/user.ts';
import type { SessionDirectory, StoredSession } from './directory.ts';
import { SessionError } from './error.ts';
import type { DestroyReason, SessionEmitter } from './events.ts';
import type { FilledOptions } from './filled-options.ts';

/** One session of a user, as `app.listSessions` returns it. */
export interface UserSession {
  /** Names it among the sessions of its user. Not secret: the id does not follow from it. */
  readonly key: string;
  /** For `open` and `destroy`. Secret: whoever has it can be the session. */
  readonly id: string;
  /** `session.label` as the app has set it; '' none. */
  readonly label: string;
  /** When `session.user` was set. */
  readonly signedInAt: Date;
  /** When a request last used it, exact to a quarter of the idle time. */
  readonly lastSeenAt: Date;
  /** When it ends unless a request uses it. */
  readonly expiresAt: Date;
}

/** Which of a user's sessions to end. */
export interface SessionSelection {
  /** Ids of sessions that stay. */
  readonly except: readonly string[];
  /** Only the session with that key; '' all. */
  readonly only: string;
}

interface SignedInSession {
  readonly id: string;
  readonly signIn: SignInRecord;
  readonly stored: StoredSession;
}

/** Lists after which ending all sessions of a user gives up: each of them had sessions that the one before had not. */
const maxLists = 100;
/** Sessions that are read or ended at the same time. */
const maxConcurrent = 32;

export class UserSessions {
  private readonly directory: SessionDirectory;
  /** Sessions of one user; 0: no limit. */
  private readonly maxPerUser: number;
  private readonly refusesNewest: boolean;
  private readonly events: SessionEmitter;

  constructor(directory: SessionDirectory, { limits, whenUserFull, events }: FilledOptions) {
    this.directory = directory;
    this.maxPerUser = limits.userSessions;
    this.refusesNewest = whenUserFull === 'refuse';
    this.events = events;
  }

  /** The sessions of a user, the one that was seen last first. Throws SessionError. */
  async list(user: string): Promise<readonly UserSession[]> {
    const found = await this.signedIn(hashUser(user));
    const all = found.map(({ id, signIn, stored }) => ({
      key: keyOf(id),
      id,
      label: signIn.label,
      signedInAt: new Date(signIn.since),
      lastSeenAt: new Date(stored.lastSeenAt),
      expiresAt: new Date(stored.expiresAt),
    }));
    return all.sort((a, b) => Number(b.lastSeenAt) - Number(a.lastSeenAt));
  }

  /**
   * Returns how many were ended. Each session that was the user's when this began is over when it resolves, also one that got
   * another id meanwhile; one that signs in meanwhile is over, or has begun after the last list was read.
   */
  async end(user: string, { except, only }: SessionSelection): Promise<number> {
    const hash = hashUser(user);
    const handled = new Set(except);
    let ended = 0;
    for (let i = 0; i < maxLists; i++) {
      const listed = await this.directory.ofUser(hash);
      const ids = listed.filter((id) => !handled.has(id) && (only === '' || keyOf(id) === only));
      if (ids.length === 0) return ended;
      await forEach(ids, (id) => this.endOne(id, 'by-user'));
      for (const id of ids) handled.add(id);
      ended += ids.length;
    }
    throw new SessionError('session-store', `after ${maxLists} rounds the user still had other sessions`);
  }

  /** Before a session becomes the user's. `ownIds`: the ids of that session. Throws SessionError `session-limit`. */
  async assertRoom(user: UserHash, ownIds: readonly string[]): Promise<void> {
    if (this.maxPerUser === 0 || !this.refusesNewest) return;
    const ids = await this.directory.ofUser(user);
    if (ids.filter((id) => !ownIds.includes(id)).length >= this.maxPerUser) throw this.limitReached();
  }

  /**
   * After a session has become the user's: ends the oldest ones above the limit. Each sign-in looks after its own put, so that at
   * least one of two at the same time sees both. Throws SessionError `session-limit` when the session itself is one too many, and was ended.
   */
  async enforceLimit(user: UserHash, ownId: string): Promise<void> {
    if (this.maxPerUser === 0) return;
    const ids = await this.directory.ofUser(user);
    if (ids.length <= this.maxPerUser) return;
    let surplus = [ownId];
    if (!this.refusesNewest) {
      const found = await this.signedIn(user);
      found.sort((a, b) => a.signIn.since - b.signIn.since || (a.id < b.id ? -1 : 1));
      surplus = found.slice(0, Math.max(0, found.length - this.maxPerUser)).map(({ id }) => id);
    }
    await forEach(surplus, (id) => this.endOne(id, 'limit'));
    if (surplus.includes(ownId)) throw this.limitReached();
  }

  /** Ends one session, and emits `destroyed`. Throws SessionError. */
  async endOne(id: string, reason: DestroyReason): Promise<void> {
    const { directory, events } = this;
    const stored = events.hasListeners('destroyed') ? await directory.read(id) : null;
    await directory.end(id);
    if (stored !== null) events.emit('destroyed', { id, data: stored.data, reason });
  }

  private async signedIn(user: UserHash): Promise<SignedInSession[]> {
    const ids = await this.directory.ofUser(user);
    const found: SignedInSession[] = [];
    await forEach(ids, async (id) => {
      const stored = await this.directory.read(id);
      const signIn = stored === null ? null : signInOf(stored.data);
      if (stored !== null && signIn?.user === user) found.push({ id, signIn, stored });
    });
    return found;
  }

  private limitReached(): SessionError {
    return new SessionError('session-limit', `the user has ${this.maxPerUser} sessions already (limits.userSessions)`);
  }
}

/** What an app may show of a session, and accept from a form. */
export function keyOf(id: string): string {
  return createHash('sha256').update(`limpet session key ${id}`).digest('hex').slice(0, 24);
}

/** Acts on all ids, whatever fails; throws the first failure when all are through. */
async function forEach(ids: readonly string[], act: (id: string) => Promise<void>): Promise<void> {
  let failure: unknown;
  for (let start = 0; start < ids.length; start += maxConcurrent) {
    const results = await Promise.allSettled(ids.slice(start, start + maxConcurrent).map(act));
    for (const result of results) if (result.status === 'rejected') failure ??= result.reason;
  }
  if (failure !== undefined) throw failure;
}
