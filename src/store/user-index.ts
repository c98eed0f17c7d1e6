/** Sessions by whose they are: a set for each user that has one. */
import type { UserHash } from './store.ts';

export class UserIndex<T> {
  /** By user and pool. */
  private readonly sets = new Map<string, Set<T>>();

  of(pool: string, user: UserHash): Iterable<T> {
    return this.sets.get(user + pool) ?? [];
  }

  /** It was `from`'s and is `to`'s from now on; undefined: nobody's. */
  move(item: T, pool: string, from: UserHash | undefined, to: UserHash | undefined): void {
    if (from === to) return;
    const { sets } = this;
    if (from !== undefined) {
      const set = sets.get(from + pool);
      set?.delete(item);
      if (set?.size === 0) sets.delete(from + pool);
    }
    if (to === undefined) return;
    const set = sets.get(to + pool);
    if (set === undefined) sets.set(to + pool, new Set([item]));
    else set.add(item);
  }

  clear(): void {
    this.sets.clear();
  }
}
