/**
 * A min-heap of the numbers 0 to capacity-1, each with a key: the order behind round-robin's turns and
 * behind every second choice. Arrays of fixed size, so using it allocates nothing.
 *
 *     items  [ heap of `size` numbers ........ | popped, the latest first ]
 *                                         size ^            capacity ^
 */
export class Heap {
  /** Key of each number. Write all of them, then `build`; or that of the top, then `sink`. */
  readonly keys: Float64Array;
  readonly items: Int32Array;
  size = 0;

  constructor(capacity: number) {
    this.keys = new Float64Array(capacity);
    this.items = new Int32Array(capacity);
  }

  /** Takes all numbers in with their present keys, in linear time. */
  build(): void {
    const { items } = this;
    this.size = items.length;
    for (let at = 0; at < items.length; at++) items[at] = at;
    for (let at = (this.size >>> 1) - 1; at >= 0; at--) this.sink(at);
  }

  /** The number with the smallest key (the smaller number of equal keys). The heap must not be empty. */
  get top(): number {
    return this.items[0]!;
  }

  /** Removes the top and keeps it behind the heap, for `restore`. */
  pop(): number {
    const { items } = this;
    const top = items[0]!;
    this.size--;
    items[0] = items[this.size]!;
    items[this.size] = top;
    this.sink(0);
    return top;
  }

  /** Takes back what was popped, with its present keys. */
  restore(): void {
    while (this.size < this.items.length) this.rise(this.size++);
  }

  /** Puts the number at a position in its place after its key grew. */
  sink(at: number): void {
    const { items, size } = this;
    const item = items[at]!;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.before(items[child + 1]!, items[child]!)) child++;
      const smaller = items[child]!;
      if (!this.before(smaller, item)) break;
      items[at] = smaller;
      at = child;
    }
    items[at] = item;
  }

  private rise(at: number): void {
    const { items } = this;
    const item = items[at]!;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const larger = items[parent]!;
      if (!this.before(item, larger)) break;
      items[at] = larger;
      at = parent;
    }
    items[at] = item;
  }

  private before(a: number, b: number): boolean {
    const keyA = this.keys[a]!;
    const keyB = this.keys[b]!;
    return keyA < keyB || (keyA === keyB && a < b);
  }
}
