/** A binary heap of what is due when, the earliest first. Each item knows its place, so that it can be taken out from anywhere. */
export interface Due {
  /** When it is due. The heap's own. */
  due: number;
  /** Its place in the heap; -1 in none. The heap's own. */
  place: number;
}

export class DueHeap<T extends Due> {
  private readonly items: T[] = [];

  get size(): number {
    return this.items.length;
  }

  /** Puts it in, or moves it to another time. */
  set(time: number, item: T): void {
    if (item.place < 0) {
      item.place = this.items.length;
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
    const { place } = item;
    if (place < 0) return;
    item.place = -1;
    const last = items.pop()!;
    if (last === item) return;
    items[place] = last;
    last.place = place;
    this.sink(this.rise(last));
  }

  private rise(item: T): T {
    const { items } = this;
    let at = item.place;
    while (at > 0) {
      const above = items[(at - 1) >> 1]!;
      if (above.due <= item.due) break;
      items[at] = above;
      above.place = at;
      at = (at - 1) >> 1;
    }
    items[at] = item;
    item.place = at;
    return item;
  }

  private sink(item: T): void {
    const { items } = this;
    const size = items.length;
    let at = item.place;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= size) break;
      if (below + 1 < size && items[below + 1]!.due < items[below]!.due) below++;
      const other = items[below]!;
      if (other.due >= item.due) break;
      items[at] = other;
      other.place = at;
      at = below;
    }
    items[at] = item;
    item.place = at;
  }
}
