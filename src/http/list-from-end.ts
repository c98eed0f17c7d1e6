/** Steps through the elements of a header that is a list, from the last one back: the nearest proxy has written there. */
import { COMMA, SP, TAB } from './bytes.ts';
import type { Headers } from './headers.ts';

/** Several lines of one name are one list (RFC 9110 section 5.3), and its empty elements do not count (section 5.6.1). */
export class ListFromEnd {
  private headers: Headers | null = null;
  private id = 0;
  /** The line that is read now, and what of it is not read yet. */
  private line = 0;
  private start = 0;
  private end = 0;

  begin(headers: Headers, id: number): void {
    this.headers = headers;
    this.id = id;
    this.line = headers.has(id) ? headers.count : 0;
    this.start = this.end = 0;
  }

  /** The element before the one that was read last, without blanks around it; '' when there is none. */
  next(): string {
    const { headers } = this;
    if (headers === null) return '';
    const { bytes } = headers;
    for (;;) {
      while (this.end <= this.start) if (!this.toLineBefore(headers)) return '';
      let end = this.end;
      let p = end;
      while (p > this.start && bytes[p - 1] !== COMMA) p--;
      this.end = p - 1;
      while (p < end && (bytes[p] === SP || bytes[p] === TAB)) p++;
      while (end > p && (bytes[end - 1] === SP || bytes[end - 1] === TAB)) end--;
      if (p < end) return bytes.toString('latin1', p, end);
    }
  }

  private toLineBefore(headers: Headers): boolean {
    while (--this.line >= 0) {
      if (headers.id(this.line) !== this.id) continue;
      this.start = headers.valueStart(this.line);
      this.end = headers.valueEnd(this.line);
      return true;
    }
    this.headers = null;
    return false;
  }
}
