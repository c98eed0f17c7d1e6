/**
 * The dynamic table of HPACK (RFC 7541 section 2.3.2): the fields that a peer has added last, the newest first. Text lies in one buffer,
 * newer behind older; when there is no room behind the newest, what is left moves to the front.
 *
 *      bytes:  [ gone ][ oldest ... newest ][ room ]
 *      ring:   (text begins, value begins, text ends) of each entry
 */

import { copyText } from './copy.ts';

/** What an entry counts for beyond its text (RFC 7541 section 4.1). */
const entryOverhead = 32;
/** Of each connection, until its encoder says otherwise (RFC 9113 section 6.5.2), even when more is allowed. */
const firstSize = 4096;

export class DynamicTable {
  /** Entries. */
  count = 0;
  /** As both sides count it: text and 32 bytes an entry. */
  size = 0;
  bytes: Buffer = noBytes;
  /** Goes up with each change of the entries, and of what the peer may do to them. */
  changes = 0;
  /** What may be used of `limit`, because the peer has said so. */
  private max: number;
  /** What the peer has said. */
  private told = firstSize;
  private isAcknowledged = false;
  private readonly limit: number;
  /** Made with the first entry: idle connections should cost little. */
  private ring = noRing;
  private readonly slots: number;
  /** Slot of the newest entry. */
  private newest = 0;
  /** Where the newest entry's text ends. */
  private tail = 0;

  /**
   * `limit`: SETTINGS_HEADER_TABLE_SIZE, the largest size that the peer may choose once it has acknowledged the setting; 4096 until then.
   * With a lower limit than that, what the peer has added before may be missing here, which then is an error: never another entry, because
   * the entries that are here are always its newest.
   */
  constructor(limit: number) {
    this.limit = limit;
    this.max = Math.min(limit, firstSize);
    this.slots = Math.floor(limit / entryOverhead) + 1;
  }

  /** False: beyond what was allowed (RFC 7541 section 6.3: a decoding error). */
  resize(size: number): boolean {
    if (size > (this.isAcknowledged ? this.limit : Math.max(this.limit, firstSize))) return false;
    this.changes++;
    this.told = size;
    this.max = Math.min(size, this.limit);
    this.evict(0);
    return true;
  }

  acknowledge(): void {
    this.changes++;
    this.isAcknowledged = true;
  }

  /** The peer has acknowledged a limit that is lower than what it uses. */
  get mustResize(): boolean {
    return this.isAcknowledged && this.told > this.limit;
  }

  /** Entry 0 is the newest. */
  nameStart(entry: number): number {
    return this.ring[this.slotOf(entry)]!;
  }

  valueStart(entry: number): number {
    return this.ring[this.slotOf(entry) + 1]!;
  }

  end(entry: number): number {
    return this.ring[this.slotOf(entry) + 2]!;
  }

  /** Adds a field whose name and value stand behind each other in `text`. One larger than the table empties it, which is no error. */
  add(text: Buffer, nameStart: number, valueStart: number, end: number): void {
    const length = end - nameStart;
    const size = length + entryOverhead;
    this.changes++;
    this.evict(size);
    if (size > this.max) return;
    if (this.ring === noRing) this.ring = new Int32Array(3 * this.slots);
    if (this.tail + length > this.bytes.length) this.makeRoom(length);
    copyText(text, nameStart, end, this.bytes, this.tail);
    this.newest = this.newest + 1 === this.slots ? 0 : this.newest + 1;
    const at = 3 * this.newest;
    this.ring[at] = this.tail;
    this.ring[at + 1] = this.tail + valueStart - nameStart;
    this.tail += length;
    this.ring[at + 2] = this.tail;
    this.count++;
    this.size += size;
  }

  /** Until an entry of this size fits, or nothing is left. */
  private evict(size: number): void {
    while (this.count > 0 && this.size + size > this.max) {
      const oldest = this.count - 1;
      this.size -= this.end(oldest) - this.nameStart(oldest) + entryOverhead;
      this.count--;
    }
  }

  private makeRoom(length: number): void {
    const begin = this.count === 0 ? this.tail : this.nameStart(this.count - 1);
    const used = this.tail - begin;
    // A quarter of slack, so that moving costs little per entry; most connections add few fields or none.
    const wanted = Math.min(this.limit + (this.limit >> 2), Math.max(512, 2 * (used + length)));
    const target = wanted > this.bytes.length ? Buffer.allocUnsafeSlow(wanted) : this.bytes;
    this.bytes.copy(target, 0, begin, this.tail);
    this.bytes = target;
    for (let entry = 0; entry < this.count; entry++) {
      const at = this.slotOf(entry);
      for (let i = 0; i < 3; i++) this.ring[at + i]! -= begin;
    }
    this.tail = used;
  }

  private slotOf(entry: number): number {
    const slot = this.newest - entry;
    return 3 * (slot < 0 ? slot + this.slots : slot);
  }
}

const noBytes = Buffer.alloc(0);
const noRing = new Int32Array(0);
