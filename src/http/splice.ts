/**
 * Edits of a head as ranges: cut bytes, replace bytes, add lines at the end. The bytes between are copied as they came, so the order,
 * case and spacing of all other headers stay as they were.
 */
import type { Headers } from './headers.ts';
import type { HeadWriter } from './writer.ts';

/** A range is inserted among this many last ones directly. When it belongs before them, `write` sorts first. */
const nearCuts = 16;

export class Splice {
  private starts = new Int32Array(64);
  private ends = new Int32Array(64);
  private texts: (string | null)[] = [];
  private count = 0;
  /** The ranges are in the order of their starts. */
  private sorted = true;
  /** Lines to add, each with its CR LF. */
  private added = '';

  clear(): void {
    this.count = 0;
    this.sorted = true;
    this.added = '';
  }

  /** Cuts `[start, end)`, and inserts `text` (latin1) there when given. Ranges may come in any order. */
  cut(start: number, end: number, text: string | null = null): void {
    if (this.count === this.starts.length) this.grow();
    let i = this.count++;
    const first = Math.max(0, i - nearCuts);
    for (; i > first && this.starts[i - 1]! > start; i--) {
      this.starts[i] = this.starts[i - 1]!;
      this.ends[i] = this.ends[i - 1]!;
      this.texts[i] = this.texts[i - 1]!;
    }
    if (i > 0 && this.starts[i - 1]! > start) this.sorted = false;
    this.starts[i] = start;
    this.ends[i] = end;
    this.texts[i] = text;
  }

  /** Cuts a whole header line. */
  cutLine(headers: Headers, i: number): void {
    this.cut(headers.lineStart(i), headers.lineEnd(i));
  }

  /** Adds `Name: value` after the last header. The caller guarantees that the value has no CR, LF or NUL. */
  add(line: string): void {
    this.added += `${line}\r\n`;
  }

  /** The same for a line that has its CR LF already: alone it costs nothing. */
  addLine(line: string): void {
    this.added = this.added === '' ? line : this.added + line;
  }

  /** Writes `[start, end)` of the head with the edits that fall into it. */
  write(bytes: Buffer, start: number, end: number, out: HeadWriter): void {
    if (!this.sorted) this.sort();
    let p = start;
    for (let i = 0; i < this.count; i++) {
      const from = this.starts[i]!;
      if (from >= end) break;
      if (this.ends[i]! <= start && this.texts[i] === null) continue;
      if (from > p) out.copy(bytes, p, from);
      const text = this.texts[i];
      if (text != null) out.text(text);
      if (this.ends[i]! > p) p = this.ends[i]!;
    }
    if (p < end) out.copy(bytes, p, end);
  }

  /** Writes the added lines. */
  writeAdded(out: HeadWriter): void {
    if (this.added !== '') out.text(this.added);
  }

  /** By start; ranges with the same start stay in the order in which they came. */
  private sort(): void {
    const { starts, ends, texts } = this;
    const cuts = Array.from({ length: this.count }, (_, i) => ({ start: starts[i]!, end: ends[i]!, text: texts[i]! }));
    cuts.sort((a, b) => a.start - b.start);
    for (const [i, { start, end, text }] of cuts.entries()) {
      starts[i] = start;
      ends[i] = end;
      texts[i] = text;
    }
    this.sorted = true;
  }

  private grow(): void {
    const size = this.starts.length * 2;
    const starts = new Int32Array(size);
    const ends = new Int32Array(size);
    starts.set(this.starts);
    ends.set(this.ends);
    this.starts = starts;
    this.ends = ends;
  }
}
