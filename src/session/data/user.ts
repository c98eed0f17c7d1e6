/**
 * Whose session it is. It stands in the session's data under one name, so that it is kept, moved, merged and undone with all the
 * rest; and the store gets a hash of the user beside the state, by which it finds the sessions of a user again.
 */
import { createHash } from 'node:crypto';
import type { UserHash } from '../../store/store.ts';
import type { SessionData } from './codec.ts';

/** Name in the data. */
const markName = 'limpet.user';
const longestId = 1024;
const longestLabel = 200;

/** What the data says of its user. */
export interface UserMark {
  readonly user: UserHash;
  readonly label: string;
  /** Unix ms, and parts of one: when the user signed in. */
  readonly since: number;
}

/**
 * The same for all who have the name, whatever their secret: sessions must be found after that was changed. A store that encrypts
 * hides it under its own key (store/encrypted.ts). Throws TypeError.
 */
export function hashUser(id: string): UserHash {
  if (typeof id !== 'string' || id === '' || id.length > longestId || !id.isWellFormed()) {
    throw new TypeError(`user: found ${shown(id)}, expected a text of 1 to ${longestId} characters`);
  }
  return createHash('sha256').update(`limpet user ${id}`).digest('hex').slice(0, 32);
}

/** null: nobody's. An app that has written something else there has said nothing. */
export function markOf(data: SessionData): UserMark | null {
  const found = data[markName];
  return found !== undefined && isMark(found) ? found : null;
}

export function userOf(data: SessionData): UserHash | undefined {
  return data[markName] === undefined ? undefined : markOf(data)?.user;
}

/** `id` null: nobody's from now on. The same user again changes nothing. `now`: Unix ms. Throws TypeError. */
export function signIn(data: SessionData, id: string | null | undefined, now: number): void {
  if (id === null || id === undefined) {
    delete data[markName];
    return;
  }
  const user = hashUser(id);
  if (userOf(data) !== user) data[markName] = { user, label: '', since: laterThan(now) } satisfies UserMark;
}

let lastMs = 0;
let withinMs = 0;

/** Of sign-ins in the same millisecond the later one is the later one: a limit of sessions ends the oldest. */
function laterThan(now: number): number {
  withinMs = now === lastMs ? Math.min(withinMs + 1, 999) : 0;
  lastMs = now;
  return now + withinMs / 1000;
}

/** Throws TypeError. */
export function setLabel(data: SessionData, label: string): void {
  const mark = markOf(data);
  if (typeof label !== 'string' || label.length > longestLabel) {
    throw new TypeError(`session.label: found ${shown(label)}, expected a text of at most ${longestLabel} characters`);
  }
  if (mark === null) throw new TypeError('session.label: found no user, expected session.user to be set before');
  if (mark.label !== label) data[markName] = { ...mark, label };
}

function isMark(value: unknown): value is UserMark {
  const { user, label, since } = Object(value);
  return /^[0-9a-f]{32}$/.test(user) && typeof label === 'string' && typeof since === 'number';
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `a text of ${value.length} characters` : `a ${typeof value}`;
}
