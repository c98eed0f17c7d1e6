/**
 * Writes responses as header blocks of HTTP/2: what HTTP/1.1 would have as status line and header lines. Lines that belong to connections of
 * HTTP/1.1 are left out. Trailers are such lines, too: `writeLines` writes their block.
 */
import type { ResponseHead } from '../head.ts';
import type { Headers } from '../headers.ts';
import { Name, nameTexts } from '../names.ts';
import type { Splice } from '../splice.ts';
import { HeadWriter } from '../writer.ts';
import { writeField, writeLines, writeStatus, writeValue } from './hpack/encoder.ts';
import { staticIndexOf } from './hpack/static-table.ts';

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
    writeStatus(status, out);
    // As a rule: what the reader of the head has found need not be looked for again.
    if (edit.cutsLinesOnly) writeHeaders(head.headers, edit, out);
    else edit.write(head.bytes, head.headers.start, head.headers.end, lines);
    edit.writeAdded(lines);
    lines.text(added);
    writeLines(lines.bytes, 0, lines.length, out);
  }

  /** A response of our own. `text`: its lines, each with its CR LF. */
  writeOwn(status: number, text: string, out: HeadWriter): void {
    this.lines.clear();
    this.lines.text(text);
    writeStatus(status, out);
    writeLines(this.lines.bytes, 0, this.lines.length, out);
  }
}

/** All lines but those that are cut, and those of connections of HTTP/1.1. */
function writeHeaders(headers: Headers, edit: Splice, out: HeadWriter): void {
  const { bytes, count } = headers;
  for (let i = 0, cut = 0; i < count; i++) {
    const start = headers.lineStart(i);
    cut = edit.cutFrom(start, cut);
    if (edit.isLineCut(start, cut)) continue;
    const id = headers.id(i);
    const index = indexOfName[id]!;
    if (index > 0) writeValue(index, bytes, headers.valueStart(i), headers.valueEnd(i), out);
    else if (((1 << id) & ofConnections) === 0)
      writeField(bytes, start, headers.nameEnd(i), headers.valueStart(i), headers.valueEnd(i), out);
  }
}

/** RFC 9113 section 8.2.2, by the numbers of names.ts. */
const ofConnections =
  (1 << Name.connection) |
  (1 << Name.keepAlive) |
  (1 << Name.proxyConnection) |
  (1 << Name.transferEncoding) |
  (1 << Name.upgrade) |
  (1 << Name.http2Settings);

/** In the static table; 0: it is not there, or is no single name. */
const indexOfName = Uint8Array.from(nameTexts, (text, id) =>
  ((1 << id) & ofConnections) === 0 ? staticIndexOf(text) : 0,
);
