/**
 * Writes header blocks of HPACK (RFC 7541). It uses the static table and no dynamic one: nothing has to be remembered for a peer, blocks
 * of several streams do not depend on each other, and no secret can be guessed by the size of a block (section 7.1). Each field that
 * is not in the static table is written as one that is never to be added to a table, which also holds where a client has asked
 * for that (section 7.1.3).
 */
import { COLON, CR, equalsIgnoreCase, SP, TAB } from '../../bytes.ts';
import { find } from '../../scan.ts';
import type { HeadWriter } from '../../writer.ts';
import { copyText } from './copy.ts';
import { staticBytes, staticEntries, staticIndexOf, staticIndexOfField, staticOffsets } from './static-table.ts';

const indexed = 0x80;
const neverIndexed = 0x10;

/** `:status` of a response, 100 to 599. */
export function writeStatus(status: number, out: HeadWriter): void {
  const index = statusIndexes[status] ?? 0;
  if (index !== 0) {
    out.byte(indexed | index);
    return;
  }
  out.byte(neverIndexed | statusName);
  out.byte(3);
  out.byte(48 + Math.floor(status / 100));
  out.byte(48 + (Math.floor(status / 10) % 10));
  out.byte(48 + (status % 10));
}

/**
 * Begins the first block of a connection: the peer's table is to be empty from now on. So it never has to be made smaller, whatever
 * size the peer's settings allow (RFC 7541 section 4.2); some decoders refuse the next block otherwise.
 */
export function writeNoTable(out: HeadWriter): void {
  out.byte(0x20);
}

/** A field of the static table, by its number there. */
export function writeIndexed(index: number, out: HeadWriter): void {
  out.byte(indexed | index);
}

/** A field with the name of an entry of the static table. */
export function writeValue(nameIndex: number, bytes: Buffer, start: number, end: number, out: HeadWriter): void {
  writeInteger(nameIndex, 4, neverIndexed, out);
  writeText(bytes, start, end, out);
}

/** A pseudo-header field that is not in the static table. White space around the value goes. */
export function writePseudoField(name: string, bytes: Buffer, start: number, end: number, out: HeadWriter): void {
  let from = start;
  let to = end;
  while (from < to && isBlank(bytes[from]!)) from++;
  while (to > from && isBlank(bytes[to - 1]!)) to--;
  out.byte(neverIndexed);
  writeInteger(name.length, 7, 0, out);
  out.text(name);
  writeText(bytes, from, to, out);
}

/**
 * Fields that stand as lines of HTTP/1.1 (`Name: value`, each with CR LF) in `bytes` from `start` to `end`, which are known to be valid.
 * Names become lower case, and white space around values goes (RFC 9113 section 8.2.1). Lines that belong to connections of HTTP/1.1 are
 * left out (section 8.2.2).
 */
export function writeLines(bytes: Buffer, start: number, end: number, out: HeadWriter): void {
  let at = start;
  while (at < end) {
    let hash = 0;
    let nameEnd = at;
    for (; nameEnd < end; nameEnd++) {
      const byte = bytes[nameEnd]!;
      if (byte === COLON) break;
      hash = hashStep(hash, lowerCase(byte));
    }
    let valueStart = nameEnd + 1;
    while (isBlank(bytes[valueStart]!)) valueStart++;
    let valueEnd = find(bytes, valueStart, end, CR);
    const next = valueEnd + 2;
    while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1]!)) valueEnd--;
    if (!isOfConnection(bytes, at, nameEnd)) {
      writeName(bytes, at, nameEnd, hash, out);
      writeText(bytes, valueStart, valueEnd, out);
    }
    at = next;
  }
}

function isBlank(byte: number): boolean {
  return byte === SP || byte === TAB;
}

/** The length decides first: most names are compared with none of these. */
function isOfConnection(bytes: Buffer, start: number, end: number): boolean {
  switch (end - start) {
    case 7:
      return equalsIgnoreCase(bytes, start, end, 'upgrade');
    case 10:
      return equalsIgnoreCase(bytes, start, end, 'connection') || equalsIgnoreCase(bytes, start, end, 'keep-alive');
    case 14:
      return equalsIgnoreCase(bytes, start, end, 'http2-settings');
    case 16:
      return equalsIgnoreCase(bytes, start, end, 'proxy-connection');
    case 17:
      return equalsIgnoreCase(bytes, start, end, 'transfer-encoding');
    default:
      return false;
  }
}

/** A field whose name and value stand in `bytes`; the name may have upper case. */
export function writeField(
  bytes: Buffer,
  nameStart: number,
  nameEnd: number,
  valueStart: number,
  valueEnd: number,
  out: HeadWriter,
): void {
  let hash = 0;
  for (let p = nameStart; p < nameEnd; p++) hash = hashStep(hash, lowerCase(bytes[p]!));
  writeName(bytes, nameStart, nameEnd, hash, out);
  writeText(bytes, valueStart, valueEnd, out);
}

/** Without Huffman code: it would cost more time than the few bytes are worth. */
function writeText(bytes: Buffer, start: number, end: number, out: HeadWriter): void {
  const size = end - start;
  writeInteger(size, 7, 0, out);
  copyText(bytes, start, end, out.reserve(size), out.length);
  out.length += size;
}

function writeName(bytes: Buffer, start: number, end: number, hash: number, out: HeadWriter): void {
  const index = nameIndexes[hash & (hashSlots - 1)]!;
  if (index !== 0 && isName(index, bytes, start, end)) {
    writeInteger(index, 4, neverIndexed, out);
    return;
  }
  out.byte(neverIndexed);
  writeInteger(end - start, 7, 0, out);
  const to = out.reserve(end - start);
  let p = out.length;
  for (let i = start; i < end; i++) to[p++] = lowerCase(bytes[i]!);
  out.length = p;
}

function isName(index: number, bytes: Buffer, start: number, end: number): boolean {
  const begin = staticOffsets[2 * index]!;
  if (staticOffsets[2 * index + 1]! - begin !== end - start) return false;
  for (let i = start; i < end; i++) if (lowerCase(bytes[i]!) !== staticBytes[begin + i - start]) return false;
  return true;
}

/** RFC 7541 section 5.1. `flags`: the bits of the first byte before the prefix. */
export function writeInteger(value: number, prefix: number, flags: number, out: HeadWriter): void {
  const mask = (1 << prefix) - 1;
  if (value < mask) {
    out.byte(flags | value);
    return;
  }
  out.byte(flags | mask);
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) out.byte(0x80 | (rest & 0x7f));
  out.byte(rest);
}

function lowerCase(byte: number): number {
  return byte >= 65 && byte <= 90 ? byte | 0x20 : byte;
}

function hashStep(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

const statusName = staticIndexOf(':status');
const statusIndexes: readonly number[] = Array.from({ length: 600 }, (_, status) =>
  staticIndexOfField(':status', String(status)),
);

/** Names of the static table by their hash. Where two have the same one, the second is written as text: that is correct, too. */
const hashSlots = 1024;
const nameIndexes = new Uint8Array(hashSlots);
for (let index = staticEntries; index > 0; index--) {
  let hash = 0;
  const name = staticBytes.subarray(staticOffsets[2 * index], staticOffsets[2 * index + 1]);
  for (const byte of name) hash = hashStep(hash, byte);
  nameIndexes[hash & (hashSlots - 1)] = index;
}
