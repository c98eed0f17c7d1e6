/**
 * The fields of one header block, decoded: their text in one buffer, and where each name and value stands in it. Reused from block to
 * block.
 *
 *      bytes:    [name][value][name][value] ...
 *      offsets:  [ name, value ] of each field, and at last the end
 */

/** What a field counts for beyond its text (RFC 9113 section 10.5.1: the same 32 bytes as in HPACK's table). */
export const fieldOverhead = 32;

export class FieldList {
  bytes: Buffer;
  count = 0;
  /** The list was larger than `maxBytes`: it is not complete. */
  overflow = false;
  /** A value of `Repeat` (repeated-block.ts). `kept`: the fields are those that the handler has kept, and are not here. */
  repeat = 0;
  /** As the peer counts it: text and 32 bytes for each field. */
  size = 0;
  /** SETTINGS_MAX_HEADER_LIST_SIZE. */
  readonly maxBytes: number;
  private offsets = new Int32Array(2 * 32 + 1);

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
    this.bytes = Buffer.allocUnsafeSlow(Math.min(maxBytes, 2048));
  }

  clear(): void {
    this.count = this.size = this.repeat = 0;
    this.overflow = false;
    this.offsets[0] = 0;
  }

  nameStart(field: number): number {
    return this.offsets[2 * field]!;
  }

  valueStart(field: number): number {
    return this.offsets[2 * field + 1]!;
  }

  /** Where the value of this field ends. */
  end(field: number): number {
    return this.offsets[2 * field + 2]!;
  }

  /** Where the next field begins. */
  get tail(): number {
    return this.offsets[2 * this.count]!;
  }

  /**
   * Makes room for so many bytes from `at` on, and returns the buffer. Also of a list that has become too large, because the decoder has
   * to go on for its table's sake: the header block's own limit bounds it.
   */
  reserve(at: number, bytes: number): Buffer {
    if (at + bytes > this.bytes.length) this.grow(at, at + bytes);
    return this.bytes;
  }

  /** What was written at `tail` is a field. `valueStart` and `end` are offsets in `bytes`. */
  add(valueStart: number, end: number): void {
    const { count } = this;
    this.size += end - this.tail + fieldOverhead;
    if (this.size > this.maxBytes) {
      this.overflow = true;
      return;
    }
    if (2 * count + 2 >= this.offsets.length) {
      const offsets = new Int32Array(2 * this.offsets.length);
      offsets.set(this.offsets);
      this.offsets = offsets;
    }
    this.offsets[2 * count + 1] = valueStart;
    this.offsets[2 * count + 2] = end;
    this.count = count + 1;
  }

  /** For tests and messages: not for the hot path. */
  toArray(): [name: string, value: string][] {
    return Array.from({ length: this.count }, (_, i) => [
      this.bytes.toString('latin1', this.nameStart(i), this.valueStart(i)),
      this.bytes.toString('latin1', this.valueStart(i), this.end(i)),
    ]);
  }

  private grow(used: number, needed: number): void {
    const bytes = Buffer.allocUnsafeSlow(Math.max(2 * this.bytes.length, needed));
    this.bytes.copy(bytes, 0, 0, used);
    this.bytes = bytes;
  }
}
