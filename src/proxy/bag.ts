/**
 * What is open, in no order. A Set or Map would do the same, but each time that it grows or is tidied its old storage keeps
 * pointing to the new one, and what is once old enough for the collector keeps everything after it: at 15,000 connections a
 * second that is 200 MB of connections long gone before all of it is collected.
 */
export interface Bagged {
  /** Where it stands in its bag; -1 in none. The bag's own. */
  place: number;
}

export class Bag<T extends Bagged> {
  private readonly items: T[] = [];

  get size(): number {
    return this.items.length;
  }

  /** Any of them: the numbers go round. */
  at(number: number): T | undefined {
    return this.items[number % this.items.length];
  }

  add(item: T): void {
    item.place = this.items.length;
    this.items.push(item);
  }

  /** False when it was not in. */
  remove(item: T): boolean {
    const { place } = item;
    if (place < 0) return false;
    const last = this.items.pop()!;
    if (last !== item) {
      this.items[place] = last;
      last.place = place;
    }
    item.place = -1;
    return true;
  }

  /** A copy: who is told of something may leave at once. */
  all(): T[] {
    return [...this.items];
  }
}
