/**
 * Whose session it is. The record stands in the session's data under one name, so that it is stored, moved, merged and undone with all the
 * rest; beside the state the store gets a hash of the user, by which it finds the sessions of a user again.
 */
import { createHash } from 'node:crypto';
import type { UserHash } from '../../store/store.ts';
import type { SessionData } from './codec.ts';

/** The name of the record in the data. */
const signInName = 'limpet.user';
const maxIdChars = 1024;
const maxLabelChars = 200;

/** Who has signed in, and when. */
export interface SignInRecord {
  readonly user: UserHash;
  readonly label: string;
  /** When the user signed in, Unix ms with a fraction. */
  readonly since: number;
}

/**
 * The same hash in all processes, whatever their secret: sessions must be found after the secret was changed. A store that encrypts
 * hides it under its own key (store/encrypted.ts). Throws TypeError.
 */
export function hashUser(id: string): UserHash {
  if (typeof id !== 'string' || id === '' || id.length > maxIdChars || !id.isWellFormed()) {
    throw new TypeError(`user: found ${shown(id)}, expected a text of 1 to ${maxIdChars} characters`);
  }
  return createHash('sha256').update(`limpet user ${id}`).digest('hex').slice(0, 32);
}

/** null: nobody is signed in. A value of another form, which only the app can have written there, counts as none. */
export function signInOf(data: SessionData): SignInRecord | null {
  const found = data[signInName];
  return found !== undefined && isSignInRecord(found) ? found : null;
}

export function userOf(data: SessionData): UserHash | undefined {
  return data[signInName] === undefined ? undefined : signInOf(data)?.user;
}

/** `id` null or undefined: nobody is signed in from now on. The same user again changes nothing. `now`: Unix ms. Throws TypeError. */
export function setUser(data: SessionData, id: string | null | undefined, now: number): void {
  if (id === null || id === undefined) {
    delete data[signInName];
    return;
  }
  const user = hashUser(id);
  if (userOf(data) !== user) data[signInName] = { user, label: '', since: distinctTime(now) } satisfies SignInRecord;
}

let lastMs = 0;
let countInMs = 0;

/** Sign-ins in the same millisecond get different times, in their order: a limit of sessions ends the oldest. */
function distinctTime(now: number): number {
  countInMs = now === lastMs ? Math.min(countInMs + 1, 999) : 0;
  lastMs = now;
  return now + countInMs / 1000;
}

/** Throws TypeError for a label that is too long, and when nobody is signed in. */
export function setLabel(data: SessionData, label: string): void {
  const signIn = signInOf(data);
  if (typeof label !== 'string' || label.length > maxLabelChars) {
    throw new TypeError(`session.label: found ${shown(label)}, expected a text of at most ${maxLabelChars} characters`);
  }
  if (signIn === null) throw new TypeError('session.label: found no user, expected session.user to be set before');
  if (signIn.label !== label) data[signInName] = { ...signIn, label };
}

function isSignInRecord(value: unknown): value is SignInRecord {
  const { user, label, since } = Object(value);
  return /^[0-9a-f]{32}$/.test(user) && typeof label === 'string' && typeof since === 'number';
}

/** Not the value itself: it may be secret. */
function shown(value: unknown): string {
  return typeof value === 'string' ? `a text of ${value.length} characters` : `a ${typeof value}`;
}
