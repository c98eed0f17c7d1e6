/** The names of pools in those of keys, without what has a meaning in a hash tag or a pattern. */
export function tagOf(pool: string): string {
  return encodeURIComponent(pool).replace(/\*/g, '%2A');
}

/** The pool of such a name. Throws URIError when it is none. */
export function poolOf(tag: string): string {
  return decodeURIComponent(tag);
}
