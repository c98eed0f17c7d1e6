/** A binary heap of what is due when: the earliest first, each entry two neighbouring slots of plain arrays. */
export class DueHeap<T> {
  private readonly times: number[] = [];
  private readonly items: T[] = [];

  get size(): number {
    return this.times.length;
  }

  push(time: number, item: T): void {
    const { times, items } = this;
    let at = times.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (times[above]! <= time) break;
      times[at] = times[above]!;
      items[at] = items[above]!;
      at = above;
    }
    times[at] = time;
    items[at] = item;
  }

  /** The earliest, when it is due at `now`; else null. */
  pop(now: number): T | null {
    const { times, items } = this;
    if (times.length === 0 || times[0]! > now) return null;
    const first = items[0]!;
    const time = times.pop()!;
    const item = items.pop()!;
    const size = times.length;
    if (size === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= size) break;
      if (below + 1 < size && times[below + 1]! < times[below]!) below++;
      if (times[below]! >= time) break;
      times[at] = times[below]!;
      items[at] = items[below]!;
      at = below;
    }
    times[at] = time;
    items[at] = item;
    return first;
  }
}
