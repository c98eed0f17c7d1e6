/**
 * The data that express-session and @fastify/session keep in one name of the Limpet session: by the ids that they give out, plain
 * objects with a `cookie`. Pure functions: what differs, what is over, and what becomes of two requests' changes.
 */
import { isPlain } from '../data/codec.ts';
import { SessionError } from '../error.ts';

export type Plain = Record<string, unknown>;
export type Ids = Readonly<Record<string, Plain>>;

const none: Ids = {};

/** Whatever else is found there counts as nothing. */
export function idsIn(value: unknown): Ids {
  if (!isPlain(value)) return none;
  return isIds(value) ? value : Object.fromEntries(Object.entries(value).filter(isEntry));
}

function isIds(value: Plain): value is Record<string, Plain> {
  return Object.values(value).every(isPlain);
}

function isEntry(entry: [string, unknown]): entry is [string, Plain] {
  return isPlain(entry[1]);
}

/** As it will be read again: without methods, dates as text. */
export function plainOf(value: unknown): Plain {
  const plain: unknown = JSON.parse(JSON.stringify(value));
  return isPlain(plain) ? plain : {};
}

/**
 * Two requests have changed the ids, `mine` since `before`. Name by name, so that twenty writers of different names all survive; an
 * id that either of them has ended stays ended. Throws SessionError when that loses a change of mine.
 */
export function mergeIds(before: unknown, mine: unknown, theirs: unknown): Ids | undefined {
  const [was, now, there] = [idsIn(before), idsIn(mine), idsIn(theirs)];
  const merged: Record<string, Plain> = { ...there };
  for (const id of new Set([...Object.keys(was), ...Object.keys(now)])) {
    const value = ownOf(now, id);
    if (value === undefined) {
      delete merged[id];
      continue;
    }
    const [mineBefore, others] = [ownOf(was, id), ownOf(there, id)];
    const changed = changedNames(mineBefore ?? {}, value);
    if (changed.length === 0) continue;
    if (mineBefore === undefined || others !== undefined) merged[id] = withNames(others ?? {}, value, changed);
    else if (isLoss(changed)) throw endedMeanwhile();
  }
  return Object.keys(merged).length === 0 ? undefined : merged;
}

/** `mine` counts for the `names`, `base` for all others. */
export function withNames(base: Plain, mine: Plain, names: readonly string[]): Plain {
  const now = new Map(Object.entries(base));
  for (const name of names) {
    // Its own: every object has a `constructor`.
    if (Object.hasOwn(mine, name)) now.set(name, mine[name]);
    else now.delete(name);
  }
  return Object.fromEntries(now);
}

/** Undefined for what only every object has. */
export function ownOf<T>(holder: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(holder, name) ? holder[name] : undefined;
}

/** To lose a later expiry of what is over is no loss: a read may not fail because of a logout. */
export function isLoss(changed: readonly string[]): boolean {
  return changed.some((name) => name !== 'cookie');
}

export function endedMeanwhile(): SessionError {
  return new SessionError('session-ended', 'the session was destroyed while this request worked; its change is lost');
}

/** Names whose values differ. Of the cookie an expiry that has moved by less than a quarter of its time does not count. */
export function changedNames(before: Plain, mine: Plain): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(mine)]);
  return [...names].filter((name) =>
    name === 'cookie'
      ? isCookieChanged(before.cookie, mine.cookie)
      : JSON.stringify(ownOf(before, name)) !== JSON.stringify(ownOf(mine, name)),
  );
}

/** As it may be read: with a cookie, which has not expired. What has none was not written by a session library; it would stumble over it. */
export function isReadable(value: Plain, now: number): boolean {
  return isPlain(value.cookie) && !isOver(value, now);
}

function isOver({ cookie }: Plain, now: number): boolean {
  const expires = expiryOf(cookie);
  return expires > 0 && expires + slackOf(cookie) < now;
}

function isCookieChanged(before: unknown, mine: unknown): boolean {
  const without = (cookie: unknown) =>
    JSON.stringify({ ...Object(cookie), expires: undefined, originalMaxAge: undefined });
  if (without(before) !== without(mine)) return true;
  // express-session computes the time from the expiry, a millisecond off at times.
  if (Math.abs(ageOf(mine) - ageOf(before)) > 1000) return true;
  return Math.abs(expiryOf(mine) - expiryOf(before)) > slackOf(mine);
}

/** Unix ms; 0: it has none. */
function expiryOf(cookie: unknown): number {
  const { expires } = Object(cookie);
  return typeof expires === 'string' ? Date.parse(expires) : 0;
}

function slackOf(cookie: unknown): number {
  return ageOf(cookie) / 4;
}

/** Milliseconds; 0: it has none. */
function ageOf(cookie: unknown): number {
  const { originalMaxAge } = Object(cookie);
  return typeof originalMaxAge === 'number' ? originalMaxAge : 0;
}
