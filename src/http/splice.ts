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
  /** Beside added lines, nothing but whole lines has been cut, by `cutLine`. */
  private onlyLines = true;
  /** The ranges are in the order of their starts. */
  private sorted = true;
  /** Lines to add, each with its CR LF. */
  private added = '';

  clear(): void {
    this.count = 0;
    this.onlyLines = true;
    this.sorted = true;
    this.added = '';
  }

  /** Cuts `[start, end)`, and inserts `text` (latin1) there when given. Ranges may come in any order. */
  cut(start: number, end: number, text: string | null = null): void {
    this.onlyLines = false;
    this.insert(start, end, text);
  }

  /** Cuts a whole header line. */
  cutLine(headers: Headers, i: number): void {
    this.insert(headers.lineStart(i), headers.lineEnd(i), null);
  }

  private insert(start: number, end: number, text: string | null): void {
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

  /** Whether `isLineCut` tells all that `write` does. */
  get cutsLinesOnly(): boolean {
    return this.onlyLines;
  }

  /**
   * For one line after the other: the number of the first cut at `start` or behind it. `from`: 0 for the first line, and then what was
   * answered for the line before.
   */
  cutFrom(start: number, from: number): number {
    if (!this.sorted) this.sort();
    let cut = from;
    while (cut < this.count && this.starts[cut]! < start) cut++;
    return cut;
  }

  /** Whether the line that begins at `start` is cut. `cut`: what `cutFrom` has answered for it. */
  isLineCut(start: number, cut: number): boolean {
    return cut < this.count && this.starts[cut] === start;
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
