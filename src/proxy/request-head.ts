/** The request's head as an HTTP/1.1 server gets it: edited, without hop-by-hop fields, with who the client is, and with one framing. */
import type { Server } from '../fleet/server.ts';
import { SLASH } from '../http/bytes.ts';
import type { RequestHead } from '../http/head.ts';
import { Method } from '../http/head.ts';
import { cutFromRequest, cutHost, cutTrailerNames } from '../http/hop-headers.ts';
import { Name } from '../http/names.ts';
import type { Splice } from '../http/splice.ts';
import type { HeadWriter } from '../http/writer.ts';
import { formatAddress } from '../net/socket.ts';
import type { SessionHeader } from '../ownership/session-header.ts';
import type { Client } from './client/client.ts';

/** The digit of HTTP/1.1. */
const one = 49;

/** Notes in `edit` what no server is to see. `trusted`: the peer is one of our own proxies. */
export function editRequest(head: RequestHead, edit: Splice, trusted: boolean): void {
  cutFromRequest(head.headers, edit, trusted);
  if (head.headers.has(Name.trailer)) cutTrailerNames(head.headers, edit);
  if (head.pathStart !== head.targetStart) toOriginForm(head, edit);
  // The version is ours, whatever the client's is (RFC 9110 section 2.5).
  const versionEnd = head.targetEnd + 9;
  if (head.bytes[versionEnd - 1] !== one) edit.cut(head.targetEnd + 1, versionEnd, 'HTTP/1.1');
  if (head.minor === 0 && head.headers.has(Name.expect)) edit.cutLine(head.headers, head.headers.first(Name.expect));
}

/** Absolute-form becomes origin-form, and its authority the Host (RFC 9112 section 3.2.2). */
function toOriginForm(head: RequestHead, edit: Splice): void {
  const { bytes, pathStart, pathEnd } = head;
  // Only scheme and authority: what an affinity hides in path and query has cuts of its own.
  const isEmpty = pathStart === pathEnd;
  const begin = isEmpty && head.method === Method.options ? '*' : isEmpty || bytes[pathStart] !== SLASH ? '/' : null;
  edit.cut(head.targetStart, pathStart, begin);
  cutHost(head.headers, edit);
  edit.add(`Host: ${head.bytes.toString('latin1', head.authorityStart, head.authorityEnd)}`);
}

/**
 * Writes the edited head to `out`. `upgrade`: the client's upgrade is passed on. `session`: the session's header line, if it
 * has one. `lines`: more of them, each with its CR LF; '' for none.
 */
export function writeRequest(
  head: RequestHead,
  edit: Splice,
  client: Client,
  server: Server,
  upgrade: boolean,
  session: SessionHeader | null,
  lines: string,
  out: HeadWriter,
): void {
  const headers = head.headers;
  // The request line and the headers stand together: one range, with cuts.
  edit.write(head.bytes, head.methodStart, headers.end, out);
  edit.writeAdded(out);
  client.peer.writeForwarded(head, out);
  if (session !== null) out.copy(session.bytes, 0, session.length);
  if (lines !== '') out.text(lines);
  if (!headers.has(Name.host) && head.authorityStart === head.authorityEnd)
    out.text(`Host: ${hostHeaderOf(server)}\r\n`);
  if (head.chunked) out.text('Transfer-Encoding: chunked\r\n');
  if (upgrade) out.text(`Connection: Upgrade\r\nUpgrade: ${headers.valueOf(Name.upgrade)}\r\n`);
  out.text('\r\n');
}

/** HTTP/1.1 needs a Host where an HTTP/1.0 client sent none. */
function hostHeaderOf(server: Server): string {
  return server.address.kind === 'unix' ? 'localhost' : formatAddress(server.address);
}
