/** Reads the trailers of an HTTP/2 message into what the reader of an HTTP/1.1 body has at its end: lines, and a command for the session. */
import { requestFaults as faults } from '../../errors.ts';
import { keepTrailers, maxTrailers } from '../body.ts';
import { Headers } from '../headers.ts';
import { Name } from '../names.ts';
import { readSessionCommand, type SessionCommand } from '../session-headers.ts';
import { HeadWriter } from '../writer.ts';
import { FieldKind, type FieldsProblem, kindOf, writeFieldLine } from './field-checks.ts';
import type { FieldList } from './hpack/field-list.ts';

export class TrailerFields {
  /** Lines, each with its CR LF, without those that may not be trailers; null when there are none. */
  trailers: Buffer | null = null;
  /** The command for the session in the trailers. */
  command: SessionCommand | 'bad' | null = null;
  private readonly lines = new HeadWriter(512);
  private readonly headers = new Headers(maxTrailers);

  /** `isEnded`: they end the stream, as they have to (RFC 9113 section 8.1). */
  read(list: FieldList, isEnded: boolean): FieldsProblem {
    this.trailers = this.command = null;
    if (!isEnded) return 'trailers do not end the stream';
    if (list.overflow) return faults.badTrailer;
    const { lines, headers } = this;
    lines.clear();
    for (let field = 0; field < list.count; field++) {
      const problem = writeFieldLine(list, field, lines);
      if (problem !== null) return problem;
      const kind = kindOf(list.bytes, list.nameStart(field), list.valueStart(field));
      if (kind === FieldKind.connection) return 'a field belongs to connections of HTTP/1.1';
    }
    lines.text('\r\n');
    if (headers.read(lines.bytes, 0, lines.length) <= 0) return faults.badTrailer;
    this.trailers = keepTrailers(headers);
    if (headers.has(Name.limpet)) this.command = readSessionCommand(headers);
    return null;
  }
}
