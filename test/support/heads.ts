/** Heads for unit tests: text in, a read head out, and what an edit makes of it. */
import { RequestHead, ResponseHead } from '../../src/http/head.ts';
import type { Splice } from '../../src/http/splice.ts';
import { HeadWriter } from '../../src/http/writer.ts';

export const wideLimits = { headBytes: 1 << 20, headers: 200, uriBytes: 1 << 16 };

/** A request head; throws with the fault's code when it is refused or not whole. */
export function readRequest(text: string): RequestHead {
  return whole(new RequestHead(wideLimits), text);
}

/** `GET /` to host a, with these header lines. */
export function requestWith(...lines: string[]): RequestHead {
  return readRequest(['GET / HTTP/1.1', 'Host: a', ...lines, '', ''].join('\r\n'));
}

export function readResponse(text: string): ResponseHead {
  return whole(new ResponseHead(wideLimits), text);
}

/** A response of that status with these header lines. */
export function responseWith(status: number, ...lines: string[]): ResponseHead {
  return readResponse([`HTTP/1.1 ${status} Some Reason`, ...lines, '', ''].join('\r\n'));
}

/** The header section after an edit, without the empty line. */
export function edited(head: RequestHead | ResponseHead, edit: Splice): string {
  const out = new HeadWriter(16);
  edit.write(head.bytes, head.headers.start, head.headers.end, out);
  edit.writeAdded(out);
  return textOf(out);
}

export function textOf(out: HeadWriter): string {
  return out.bytes.toString('latin1', 0, out.length);
}

function whole<H extends RequestHead | ResponseHead>(head: H, text: string): H {
  const bytes = Buffer.from(text, 'latin1');
  const after = head.read(bytes, 0, bytes.length);
  if (after !== bytes.length) throw new Error(`${JSON.stringify(text)}: ${head.fault?.code ?? `read ${after} bytes`}`);
  return head;
}
