/**
 * Text that is put together as UTF-8, without strings in between: most of it is ASCII, byte by byte faster than a call of the runtime for
 * each piece, and several times faster than strings that are joined.
 */

const pageBytes = 256 * 1024;
/** Bytes that one UTF-16 unit may need. */
const unitBytes = 3;

export class ByteText {
  private readonly full: Buffer<ArrayBuffer>[] = [];
  private page = Buffer.allocUnsafeSlow(pageBytes);
  private length = 0;

  text(text: string): void {
    const { page } = this;
    let at = this.length;
    if (at + text.length > page.length) {
      this.other(text);
      return;
    }
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) {
        this.other(text);
        return;
      }
      page[at++] = code;
    }
    this.length = at;
  }

  /** As JavaScript writes it; infinite ones as `+Inf` and `-Inf`. */
  number(value: number): void {
    if (Number.isFinite(value)) this.text(String(value));
    else this.text(Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf');
  }

  /** All of it. Nothing may be added after this. */
  bytes(): Uint8Array<ArrayBuffer> {
    this.full.push(this.page.subarray(0, this.length));
    return Buffer.concat(this.full);
  }

  /** Text that has other letters than ASCII, or for which the page has no room. */
  private other(text: string): void {
    const needed = text.length * unitBytes;
    if (this.length + needed > this.page.length) {
      this.full.push(this.page.subarray(0, this.length));
      this.page = Buffer.allocUnsafeSlow(Math.max(pageBytes, needed));
      this.length = 0;
    }
    this.length += this.page.write(text, this.length);
  }
}
