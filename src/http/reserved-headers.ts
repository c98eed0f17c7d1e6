/**
 * Header names of the config that only Limpet may write, such as those with what is in a client's certificate. What a client sends by one
 * of these names is removed; with `_`, `.` and the like in place of `-` too, because servers that turn names into variables read that as
 * the same.
 */
import { foldName } from './bytes.ts';
import type { Headers } from './headers.ts';
import type { Splice } from './splice.ts';

export class ReservedHeaders {
  private readonly names: readonly Uint8Array[];
  /** By length of a header's name: one of ours is as long. */
  private readonly lengths = new Uint8Array(257);

  /** Names of at most 256 bytes. */
  constructor(names: readonly string[]) {
    this.names = names.map((name) => Uint8Array.from(name, (char) => foldName[char.charCodeAt(0)]!));
    for (const { length } of this.names) this.lengths[length] = 1;
  }

  /** Cuts all headers of these names. */
  cut(headers: Headers, edit: Splice): void {
    for (let i = 0; i < headers.count; i++) {
      if (this.has(headers.bytes, headers.lineStart(i), headers.nameEnd(i))) edit.cutLine(headers, i);
    }
  }

  /** Trailers without lines of these names; null: none is left. */
  withoutTrailers(trailers: Buffer): Buffer | null {
    const lines = trailers.toString('latin1').split('\r\n').slice(0, -1);
    const kept = lines.filter((line) => {
      const name = Buffer.from(line.slice(0, line.indexOf(':')), 'latin1');
      return !this.has(name, 0, name.length);
    });
    if (kept.length === lines.length) return trailers;
    return kept.length === 0 ? null : Buffer.from(`${kept.join('\r\n')}\r\n`, 'latin1');
  }

  private has(bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    if (length >= this.lengths.length || this.lengths[length] === 0) return false;
    return this.names.some(
      (name) => name.length === length && name.every((byte, i) => foldName[bytes[start + i]!] === byte),
    );
  }
}
