/**
 * Whether the requests of one loop turn may share a connection to a server (RFC 9112 section 9.3.2). Requests behind a long or slow
 * response wait for it, or are sent again, and the server has then answered some of them for nothing. After each such case a number of
 * requests go alone. The number doubles each time, and is halved by each short response with others behind it.
 */
import { Method, type RequestHead } from '../../http/head.ts';
import { Name } from '../../http/names.ts';

/** Bytes of body up to which a response may have others behind it. */
export const shortResponseBytes = 64 * 1024;

/**
 * A GET without a body, which may be sent again, and whose response has a body as a rule. Not HEAD, OPTIONS, or what may be answered
 * with 304: where a response has no body, only the rules of HTTP tell where the next one begins. A server that breaks them and sends a
 * body would with it give the next request, which may be another client's, a false response (I7).
 */
export function isPipelinable({ method, length, headers }: RequestHead): boolean {
  const isConditional = headers.has(Name.ifNoneMatch) || headers.has(Name.ifModifiedSince);
  return method === Method.get && length === 0 && !isConditional;
}

/** Requests that go alone after the first such case, and at most. */
const minExclusive = 16;
const maxExclusive = 1024;

export class PipeliningGuard {
  /** Requests that still go alone. */
  private exclusive = 0;
  /** What `exclusive` was set to last, halved by each success since. */
  private penalty = 0;

  /** To be asked once for each request that may be pipelined. False: it goes alone. */
  allows(): boolean {
    if (this.exclusive === 0) return true;
    this.exclusive--;
    return false;
  }

  /** A response with a body of so many bytes is complete, and the next one on the connection can be read. */
  onResponse(bytes: number): void {
    if (bytes > shortResponseBytes) this.onRequeue();
    else this.penalty >>= 1;
  }

  /** Requests behind a response have to be sent again. */
  onRequeue(): void {
    this.penalty = Math.min(Math.max(minExclusive, 2 * this.penalty), maxExclusive);
    this.exclusive = this.penalty;
  }
}
