/**
 * What an exchange needs of the client. For HTTP/1.1 it is implemented by `connection.ts`; HTTP/2 will be another implementation, so
 * nothing here says how a message is framed.
 */
import type { Fault } from '../../errors.ts';
import type { RequestHead, ResponseHead } from '../../http/head.ts';
import type { Splice } from '../../http/splice.ts';
import type { HeadWriter } from '../../http/writer.ts';
import type { Socket } from '../../net/socket.ts';

export interface Client {
  /** Address of the peer; '' on a unix-domain socket. */
  readonly peer: string;
  /** The peer is one of the trusted proxies of the listener. */
  readonly trusted: boolean;
  readonly secure: boolean;
  readonly isTrusted: (address: string) => boolean;
  /** Longest time between two pieces of the request's body. */
  readonly bodyTimeoutMs: number;
  /** Longest time in which the client takes nothing of what was sent. */
  readonly writeTimeoutMs: number;
  /** Bytes sent that the client has not taken yet, those in the kernel included. Not cheap: it asks the kernel. */
  readonly undeliveredBytes: number;
  /** Received of the current request, and sent of its response, up to now, heads and framing included. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** When the first byte of the request came (monotonic ms), with an access log only. Negative: the whole head came in one read. */
  readonly firstByteAt: number;
  /** Number of the connection, from 1; no other one of this worker has it. */
  readonly number: number;
  /** Name of the listener, for the log. */
  readonly listener: string;

  /** Writes the header lines that tell the server who the client is. */
  writeForwarded(head: RequestHead, out: HeadWriter): void;
  /** Passes an interim response (1xx) on. False: this client does not get any. */
  sendInterim(head: ResponseHead, edit: Splice): boolean;
  /** Begins the response. `length`: bytes of the body; negative: not known before its end. */
  sendHead(head: ResponseHead, edit: Splice, length: number): void;
  /** Data of the body, by reference. False: the client is slow, wait for `RequestHandler.onClientDrain`. */
  sendData(bytes: Buffer, start: number, end: number): boolean;
  /** The body is complete; `trailers` are header lines. */
  finish(trailers: Buffer | null): void;
  /** Writes what the calls since the last flush have gathered. */
  flush(): void;
  /** Sends an error response, when no response has begun yet, in the form that `accept` prefers. */
  refuse(fault: Fault, accept: string | null): void;
  /** The response cannot be completed. What has come of it is sent, and then it ends so that the client cannot take it for complete. */
  truncate(): void;
  /** The same, but what the client has not taken yet is dropped: it takes nothing, or there is no room to buffer it. */
  reset(): void;
  /** The rest of the request's body is not wanted now, or is wanted again. */
  pauseBody(): void;
  resumeBody(): void;
  /** The exchange buffers so many bytes more for this client; negative: fewer (buffer-budget.ts). */
  addBuffered(bytes: number): void;
  /** The exchange is over: the connection reads the next request, or ends. */
  onExchangeEnd(): void;
  /** After 101: the bare connection, and bytes that came early. */
  takeSocket(): { socket: Socket; early: Buffer | null };
}
