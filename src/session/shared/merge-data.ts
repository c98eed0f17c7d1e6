/** Merges the changes of one request to shared data, name by name, with what other requests have stored meanwhile. */
import type { Codec, SessionData } from '../data/codec.ts';
import { cookieOf, isSame, setCookieOf } from '../data/cookie-settings.ts';
import type { Merge } from '../exchange.ts';

export interface DataToMerge {
  /** What this request started from. */
  readonly before: SessionData;
  /** What it has made of that. */
  readonly mine: SessionData;
  /** What the store has now. */
  readonly theirs: SessionData;
  /** By name: merges that are not "the last change wins". */
  readonly merges: ReadonlyMap<string, Merge>;
  readonly codec: Codec;
}

/** The stored data with this request's changes, and the cookie settings of whoever changed them last. */
export function mergeData({ before, mine, theirs, merges, codec }: DataToMerge): SessionData {
  const merged: SessionData = { ...theirs };
  const encoded = (data: SessionData, name: string) => (name in data ? codec.encode({ [name]: data[name] }) : '');
  for (const name of new Set([...Object.keys(before), ...Object.keys(mine)])) {
    if (encoded(before, name) === encoded(mine, name)) continue;
    const merge = merges.get(name);
    const value = merge === undefined ? mine[name] : merge(before[name], mine[name], theirs[name]);
    if (value !== undefined || (merge === undefined && name in mine)) merged[name] = value;
    else delete merged[name];
  }
  const [cookieBefore, cookie] = [cookieOf(before), cookieOf(mine)];
  setCookieOf(merged, isSame(cookieBefore, cookie) ? cookieOf(theirs) : cookie);
  return merged;
}

/** Gives `data` the content of `other`. The object stays the same, so whoever holds it sees the change. */
export function replaceData(data: SessionData, other: SessionData): void {
  for (const name of Object.keys(data)) if (!(name in other)) delete data[name];
  Object.assign(data, other);
  setCookieOf(data, cookieOf(other));
}
