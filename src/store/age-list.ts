/** Items in the order in which they came: the oldest is at hand, and any can be taken out at once. An item is in one list at most. */
export interface Aged<T> {
  older: T | null;
  newer: T | null;
}

export class AgeList<T extends Aged<T>> {
  oldest: T | null = null;
  private newest: T | null = null;
  private count = 0;

  get size(): number {
    return this.count;
  }

  add(item: T): void {
    const { newest } = this;
    item.older = newest;
    if (newest === null) this.oldest = item;
    else newest.newer = item;
    this.newest = item;
    this.count++;
  }

  /** It must be in this list. */
  remove(item: T): void {
    const { older, newer } = item;
    if (older === null) this.oldest = newer;
    else older.newer = newer;
    if (newer === null) this.newest = older;
    else newer.older = older;
    item.older = item.newer = null;
    this.count--;
  }
}
