/**
 * The sessions of express-session or @fastify/session inside one Limpet session: plain objects with a `cookie`, by the ids that those
 * libraries give out. Pure functions: what differs, what is over, and how the changes of two requests are merged.
 */
import { isPlain } from '../data/codec.ts';
import { SessionError } from '../error.ts';

/** A plain object, as JSON gives it back. */
export type Plain = Record<string, unknown>;
/** Sessions by their ids. */
export type Ids = Readonly<Record<string, Plain>>;

const noIds: Ids = {};

/** Anything else that the app has written there is ignored. */
export function idsIn(value: unknown): Ids {
  if (!isPlain(value)) return noIds;
  return isIds(value) ? value : Object.fromEntries(Object.entries(value).filter(isEntry));
}

function isIds(value: Plain): value is Record<string, Plain> {
  return Object.values(value).every(isPlain);
}

function isEntry(entry: [string, unknown]): entry is [string, Plain] {
  return isPlain(entry[1]);
}

/** As it will be read again: without methods, dates as text. */
export function toPlain(value: unknown): Plain {
  const plain: unknown = JSON.parse(JSON.stringify(value));
  return isPlain(plain) ? plain : {};
}

/**
 * Merges the changes of two requests: `mine` started from `before`, `theirs` is stored. Name by name, so that twenty writers of different
 * names all survive; an id that either request has ended stays ended. Throws SessionError when that would lose a change of mine.
 */
export function mergeIds(before: unknown, mine: unknown, theirs: unknown): Ids | undefined {
  const [idsBefore, myIds, storedIds] = [idsIn(before), idsIn(mine), idsIn(theirs)];
  const merged: Record<string, Plain> = { ...storedIds };
  for (const id of new Set([...Object.keys(idsBefore), ...Object.keys(myIds)])) {
    const value = ownValue(myIds, id);
    if (value === undefined) {
      delete merged[id];
      continue;
    }
    const [valueBefore, stored] = [ownValue(idsBefore, id), ownValue(storedIds, id)];
    const changed = changedNames(valueBefore ?? {}, value);
    if (changed.length === 0) continue;
    if (valueBefore === undefined || stored !== undefined) merged[id] = withNames(stored ?? {}, value, changed);
    else if (losesData(changed)) throw endedMeanwhile();
  }
  return Object.keys(merged).length === 0 ? undefined : merged;
}

/** `base`, with the values that `mine` has for these names. */
export function withNames(base: Plain, mine: Plain, names: readonly string[]): Plain {
  const merged = new Map(Object.entries(base));
  for (const name of names) {
    // An own property: every object has a `constructor`.
    if (Object.hasOwn(mine, name)) merged.set(name, mine[name]);
    else merged.delete(name);
  }
  return Object.fromEntries(merged);
}

/** undefined also for what every object inherits. */
export function ownValue<T>(holder: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(holder, name) ? holder[name] : undefined;
}

/** A later expiry of a session that is over may be lost: a request that only reads must not fail because of a logout. */
export function losesData(changedNames: readonly string[]): boolean {
  return changedNames.some((name) => name !== 'cookie');
}

export function endedMeanwhile(): SessionError {
  return new SessionError('session-ended', 'the session was destroyed while this request worked; its change is lost');
}

/** Names whose values differ. An expiry of the cookie that has moved by less than a quarter of its time does not count. */
export function changedNames(before: Plain, mine: Plain): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(mine)]);
  return [...names].filter((name) =>
    name === 'cookie'
      ? isCookieChanged(before.cookie, mine.cookie)
      : JSON.stringify(ownValue(before, name)) !== JSON.stringify(ownValue(mine, name)),
  );
}

/** It has a cookie, which has not expired. Without a cookie it was not written by a session library, which would fail to read it. */
export function isReadable(value: Plain, now: number): boolean {
  return isPlain(value.cookie) && !isExpired(value, now);
}

function isExpired({ cookie }: Plain, now: number): boolean {
  const expires = expiryOf(cookie);
  return expires > 0 && expires + slackMsOf(cookie) < now;
}

function isCookieChanged(before: unknown, mine: unknown): boolean {
  const attributes = (cookie: unknown) =>
    JSON.stringify({ ...Object(cookie), expires: undefined, originalMaxAge: undefined });
  if (attributes(before) !== attributes(mine)) return true;
  // express-session computes the time from the expiry, sometimes a millisecond off.
  if (Math.abs(ageMsOf(mine) - ageMsOf(before)) > 1000) return true;
  return Math.abs(expiryOf(mine) - expiryOf(before)) > slackMsOf(mine);
}

/** Unix ms; 0: it has none. */
function expiryOf(cookie: unknown): number {
  const { expires } = Object(cookie);
  return typeof expires === 'string' ? Date.parse(expires) : 0;
}

function slackMsOf(cookie: unknown): number {
  return ageMsOf(cookie) / 4;
}

/** 0: it has none. */
function ageMsOf(cookie: unknown): number {
  const { originalMaxAge } = Object(cookie);
  return typeof originalMaxAge === 'number' ? originalMaxAge : 0;
}
