/**
 * Reads header blocks of HPACK (RFC 7541): bytes in, a list of fields out. One decoder per connection, because its table is what the
 * blocks before have left. Any error is one of the connection (COMPRESSION_ERROR): the table is not known any more.
 *
 *      1xxxxxxx   an entry of a table                        01xxxxxx   a field, also added to the table
 *      001xxxxx   the table has another size from now on     000Nxxxx   a field; N: never to be added to a table
 */
import { copyText } from './copy.ts';
import { DynamicTable } from './dynamic-table.ts';
import type { FieldList } from './field-list.ts';
import { decodeHuffman } from './huffman.ts';
import { staticBytes, staticEntries, staticOffsets } from './static-table.ts';

/** Why a block cannot be read; for a person. */
export type HpackError =
  | 'the block ends inside of a field'
  | 'an integer is too large'
  | 'no table has an entry of that number'
  | 'the text is not a Huffman code'
  | 'a table size is beyond the setting'
  | 'a table size stands behind a field'
  | 'a table size is missing'
  | 'the fields are far larger than the setting';

/** Of no text, index or size is more needed: a block is shorter than that. */
const maxInteger = 0x0fff_ffff;
/**
 * A byte of a block can name 4,000 bytes of the table, and a list that is too large has to be read to its end all the same, for the
 * table's sake (RFC 9113 section 10.5.1). So many times the size that a list may have, no more, is read of one.
 */
const maxOverflow = 4;

export class HpackDecoder {
  private readonly table: DynamicTable;
  /** While a block is read. */
  private bytes: Buffer = noBytes;
  private at = 0;
  private end = 0;
  private error: HpackError | null = null;
  private entryEnd = 0;

  /** `tableSize`: SETTINGS_HEADER_TABLE_SIZE, as this side has announced it. */
  constructor(tableSize: number) {
    this.table = new DynamicTable(tableSize);
  }

  /** The peer has acknowledged the settings: its next block keeps to the table's size, and says so when it becomes smaller by that. */
  acknowledge(): void {
    this.table.acknowledge();
  }

  /** Goes up when the table changes. Between two equal numbers the same block has the same fields. */
  get tableChanges(): number {
    return this.table.changes;
  }

  /** Reads a whole block into `list`, which is cleared first. null: it was read; a list that is too large says so itself. */
  decode(bytes: Buffer, start: number, end: number, list: FieldList): HpackError | null {
    list.clear();
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.error = null;
    let mayResize = true;
    while (this.at < this.end && this.error === null) {
      const byte = bytes[this.at]!;
      if ((byte & 0xe0) === 0x20) {
        this.resize(mayResize);
        continue;
      }
      if (mayResize) {
        mayResize = false;
        // RFC 9113 section 4.3.1.
        if (this.table.mustResize) {
          this.error = 'a table size is missing';
          break;
        }
      }
      if ((byte & 0x80) !== 0) this.readIndexed(list);
      else if ((byte & 0x40) !== 0) this.readLiteral(6, true, list);
      else this.readLiteral(4, false, list);
      if (list.overflow && list.size > maxOverflow * list.maxBytes)
        this.error ??= 'the fields are far larger than the setting';
    }
    this.bytes = noBytes;
    return this.error;
  }

  private resize(allowed: boolean): void {
    const size = this.readInteger(5);
    if (this.error !== null) return;
    if (!allowed) this.error = 'a table size stands behind a field';
    else if (!this.table.resize(size)) this.error = 'a table size is beyond the setting';
  }

  private readIndexed(list: FieldList): void {
    const index = this.readInteger(7);
    if (this.error !== null) return;
    const nameEnd = this.copyEntry(index, true, !list.overflow, list);
    if (nameEnd >= 0) list.add(nameEnd, this.entryEnd);
  }

  private readLiteral(prefix: number, adds: boolean, list: FieldList): void {
    const index = this.readInteger(prefix);
    if (this.error !== null) return;
    const copies = adds || !list.overflow;
    const nameEnd = index === 0 ? this.readText(list, list.tail) : this.copyEntry(index, false, copies, list);
    if (nameEnd < 0) return;
    const end = this.readText(list, nameEnd);
    if (end < 0) return;
    const { tail } = list;
    if (adds) this.table.add(list.bytes, tail, nameEnd, end);
    list.add(nameEnd, end);
  }

  /**
   * The name of an entry, and with `whole` its value behind it, to the list's tail. Returns where the name ends there (`entryEnd`: where
   * all of it ends); -1: there is no such entry. `copies`: else it is only measured.
   */
  private copyEntry(index: number, whole: boolean, copies: boolean, list: FieldList): number {
    let source: Buffer = staticBytes;
    let begin: number;
    let nameEnd: number;
    let end: number;
    if (index >= 1 && index <= staticEntries) {
      begin = staticOffsets[2 * index]!;
      nameEnd = staticOffsets[2 * index + 1]!;
      end = whole ? staticOffsets[2 * index + 2]! : nameEnd;
    } else {
      const { table } = this;
      const entry = index - staticEntries - 1;
      if (index === 0 || entry >= table.count) {
        this.error = 'no table has an entry of that number';
        return -1;
      }
      source = table.bytes;
      begin = table.nameStart(entry);
      nameEnd = table.valueStart(entry);
      end = whole ? table.end(entry) : nameEnd;
    }
    const { tail } = list;
    if (copies) copyText(source, begin, end, list.reserve(tail, end - begin), tail);
    this.entryEnd = tail + end - begin;
    return tail + nameEnd - begin;
  }

  /** A text of the block, to `to` of the list's buffer. Returns where it ends there, or -1. */
  private readText(list: FieldList, to: number): number {
    if (this.at >= this.end) {
      this.error = 'the block ends inside of a field';
      return -1;
    }
    const isHuffman = (this.bytes[this.at]! & 0x80) !== 0;
    const length = this.readInteger(7);
    if (this.error !== null) return -1;
    const begin = this.at;
    if (length > this.end - begin) {
      this.error = 'the block ends inside of a field';
      return -1;
    }
    this.at = begin + length;
    if (!isHuffman) {
      copyText(this.bytes, begin, this.at, list.reserve(to, length), to);
      return to + length;
    }
    const out = list.reserve(to, Math.ceil((8 * length) / 5));
    const end = decodeHuffman(this.bytes, begin, this.at, out, to);
    if (end < 0) this.error = 'the text is not a Huffman code';
    return end;
  }

  /** RFC 7541 section 5.1. `prefix`: bits of the first byte that belong to it. */
  private readInteger(prefix: number): number {
    const { bytes, end } = this;
    const mask = (1 << prefix) - 1;
    let value = bytes[this.at++]! & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      if (this.at >= end) {
        this.error = 'the block ends inside of a field';
        return 0;
      }
      const byte = bytes[this.at++]!;
      // Also leading zeros without end are refused.
      if (shift > 21) {
        this.error = 'an integer is too large';
        return 0;
      }
      value += (byte & 0x7f) << shift;
      if (value > maxInteger) {
        this.error = 'an integer is too large';
        return 0;
      }
      if ((byte & 0x80) === 0) return value;
    }
  }
}

const noBytes = Buffer.alloc(0);
