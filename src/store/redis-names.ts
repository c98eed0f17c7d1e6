/** The names of keys in Redis. What belongs to one pool has its name in braces: a cluster has it all in one slot. */
import type { SessionKey } from './store.ts';

/** The name of a pool in those of keys, without what has a meaning in a hash tag or a pattern. */
export function tagOf(pool: string): string {
  return encodeURIComponent(pool).replace(/\*/g, '%2A');
}

/** The pool of such a name. Throws URIError when it is none. */
export function poolOf(tag: string): string {
  return decodeURIComponent(tag);
}

/** The hash of a session. */
export function sessionName({ pool, id }: SessionKey): string {
  return `limpet:{${tagOf(pool)}}:${id}`;
}

/** The sorted set of a user's sessions. */
export function indexName(pool: string, user: string): string {
  return `limpet-user:{${tagOf(pool)}}:${user}`;
}

/** The stream of what has moved or ended in a pool. */
export function movesName(pool: string): string {
  return `limpet-moves:{${tagOf(pool)}}`;
}
