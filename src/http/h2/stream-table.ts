/**
 * The open streams of a connection by identifier. A Map would do the same, but each stream that comes and goes leaves an empty place in
 * it, so that a Map of a few streams is built anew every few requests.
 *
 *      slots:   [ 5 ][ 1 ][   ][ 3 ] ...      a stream stands at the place of its identifier, or behind it up to the next empty one
 */
/** Power of two. */
const firstSlots = 16;
/** Spreads identifiers, whatever their distances are (Fibonacci hashing). */
const spread = 0x9e37_79b1;

export interface Identified {
  readonly id: number;
}

export class StreamTable<Stream extends Identified> {
  size = 0;
  private slots: (Stream | undefined)[] = empty(firstSlots);
  private shift = 32 - Math.log2(firstSlots);

  get(id: number): Stream | undefined {
    const { slots } = this;
    const mask = slots.length - 1;
    for (let i = this.placeOf(id); ; i = (i + 1) & mask) {
      const stream = slots[i];
      if (stream === undefined || stream.id === id) return stream;
    }
  }

  /** Its identifier must not be there. */
  add(stream: Stream): void {
    if (2 * ++this.size > this.slots.length) this.grow();
    this.put(stream);
  }

  delete(id: number): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let i = this.placeOf(id);
    while (slots[i]?.id !== id) {
      if (slots[i] === undefined) return;
      i = (i + 1) & mask;
    }
    this.size--;
    // Streams behind it move up, unless their own place lies behind the one that is free.
    for (let k = (i + 1) & mask; ; k = (k + 1) & mask) {
      const stream = slots[k];
      if (stream === undefined) break;
      if (((k - this.placeOf(stream.id)) & mask) < ((k - i) & mask)) continue;
      slots[i] = stream;
      i = k;
    }
    slots[i] = undefined;
  }

  /** A copy, so that streams may close while a caller goes over them. */
  values(): Stream[] {
    return this.slots.filter((stream) => stream !== undefined);
  }

  private put(stream: Stream): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let i = this.placeOf(stream.id);
    while (slots[i] !== undefined) i = (i + 1) & mask;
    slots[i] = stream;
  }

  private placeOf(id: number): number {
    return Math.imul(id, spread) >>> this.shift;
  }

  private grow(): void {
    const all = this.values();
    this.slots = empty(2 * this.slots.length);
    this.shift--;
    for (const stream of all) this.put(stream);
  }
}

function empty(length: number): undefined[] {
  return Array.from({ length }, () => undefined);
}
