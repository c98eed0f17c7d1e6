/**
 * What is open, in no order. A Set or Map would do the same, but each time that it grows or is tidied its old storage keeps
 * pointing to the new one, and what is once old enough for the collector keeps everything after it: at 15,000 connections a
 * second that is 200 MB of connections long gone before all of it is collected.
 */
export interface Indexed {
  /** Where it stands in its bag; -1 in none. The bag's own. */
  index: number;
}

export class IndexedSet<T extends Indexed> {
  private readonly items: T[] = [];

  get size(): number {
    return this.items.length;
  }

  /** Any of them: the numbers go round. */
  at(number: number): T | undefined {
    return this.items[number % this.items.length];
  }

  add(item: T): void {
    item.index = this.items.length;
    this.items.push(item);
  }

  /** False when it was not in. */
  remove(item: T): boolean {
    const { index } = item;
    if (index < 0) return false;
    const last = this.items.pop()!;
    if (last !== item) {
      this.items[index] = last;
      last.index = index;
    }
    item.index = -1;
    return true;
  }

  /** A copy: who is told of something may leave at once. */
  all(): T[] {
    return [...this.items];
  }
}
