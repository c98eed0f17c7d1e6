/** A binary heap of what is due when, the earliest first. Each item knows its place, so that it can be taken out from anywhere. */
export interface Due {
  /** When it is due. The heap's own. */
  due: number;
  /** Its index in the heap; -1 in none. The heap's own. */
  index: number;
}

export class DueHeap<T extends Due> {
  private readonly items: T[] = [];

  get size(): number {
    return this.items.length;
  }

  /** Puts it in, or moves it to another time. */
  set(time: number, item: T): void {
    if (item.index < 0) {
      item.index = this.items.length;
      this.items.push(item);
    }
    item.due = time;
    this.sink(this.rise(item));
  }

  /** The earliest, when it is due at `now`; else null. It stays where it is. */
  peek(now: number): T | null {
    const first = this.items[0];
    return first === undefined || first.due > now ? null : first;
  }

  remove(item: T): void {
    const { items } = this;
    const { index } = item;
    if (index < 0) return;
    item.index = -1;
    const last = items.pop()!;
    if (last === item) return;
    items[index] = last;
    last.index = index;
    this.sink(this.rise(last));
  }

  private rise(item: T): T {
    const { items } = this;
    let at = item.index;
    while (at > 0) {
      const above = items[(at - 1) >> 1]!;
      if (above.due <= item.due) break;
      items[at] = above;
      above.index = at;
      at = (at - 1) >> 1;
    }
    items[at] = item;
    item.index = at;
    return item;
  }

  private sink(item: T): void {
    const { items } = this;
    const size = items.length;
    let at = item.index;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= size) break;
      if (below + 1 < size && items[below + 1]!.due < items[below]!.due) below++;
      const other = items[below]!;
      if (other.due >= item.due) break;
      items[at] = other;
      other.index = at;
      at = below;
    }
    items[at] = item;
    item.index = at;
  }
}
