/**
 * Writes responses as header blocks of HTTP/2: what HTTP/1.1 would have as status line and header lines. Lines that belong to connections of
 * HTTP/1.1 are left out. Trailers are such lines, too: `writeLines` writes their block.
 */
import type { ResponseHead } from '../head.ts';
import type { Splice } from '../splice.ts';
import { HeadWriter } from '../writer.ts';
import { writeLines, writeStatus } from './hpack/encoder.ts';

export class ResponseBlockWriter {
  /** The lines after their edits. Used within one call only, so that one serves all connections of a worker. */
  private readonly lines: HeadWriter;

  /** `size`: bytes for the lines of a usual head. */
  constructor(size: number) {
    this.lines = new HeadWriter(size);
  }

  /**
   * A response of a server, an interim one too. `status`: 100 to 999 but not 101, which HTTP/2 does not have (RFC 9113 section 8.6): a
   * tunnel is open with 200. `added`: more lines, each with its CR LF.
   */
  write(status: number, head: ResponseHead, edit: Splice, added: string, out: HeadWriter): void {
    const { lines } = this;
    lines.clear();
    edit.write(head.bytes, head.headers.start, head.headers.end, lines);
    edit.writeAdded(lines);
    lines.text(added);
    this.finish(status, out);
  }

  /** A response of our own. `text`: its lines, each with its CR LF. */
  writeOwn(status: number, text: string, out: HeadWriter): void {
    this.lines.clear();
    this.lines.text(text);
    this.finish(status, out);
  }

  private finish(status: number, out: HeadWriter): void {
    writeStatus(status, out);
    writeLines(this.lines.bytes, 0, this.lines.length, out);
  }
}
