/**
 * What an exchange needs of the client. `h1-client.ts` implements it for HTTP/1.1, `h2-client.ts` for HTTP/2, so nothing here
 * says how a message is framed.
 */
import type { Fault } from '../../errors.ts';
import type { ResponseHead } from '../../http/head.ts';
import type { Splice } from '../../http/splice.ts';
import type { Socket } from '../../net/socket.ts';
import type { Peer } from './peer.ts';

export interface Client {
  readonly peer: Peer;
  /** Longest time between two pieces of the request's body. */
  readonly bodyTimeoutMs: number;
  /** Longest time in which the client takes nothing of what was sent. */
  readonly writeTimeoutMs: number;
  /** Bytes sent that the client has not taken yet, those in the kernel included. Not cheap: it asks the kernel. */
  readonly undeliveredBytes: number;
  /** Received of the current request, and sent of its response, up to now, heads and framing included. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** When the first byte of the request came (monotonic ms). Negative: the whole head came in one read. */
  readonly firstByteAt: number;
  /** Of HTTP, for the log; null: the one of the request's head. */
  readonly version: string | null;

  /**
   * The connection takes nothing at present, because of what other exchanges have sent on it: what the server sends could only be kept.
   * `RequestHandler.onClientDrain` follows, and until then `undeliveredBytes` counts what goes before. False where no others share it.
   */
  isBehindOthers(): boolean;
  /** Whether this response can be passed on: not to an upgrade in another form, of which it would mean something else. */
  accepts(head: ResponseHead): boolean;
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
  refuse(fault: Fault, accept: string | null, reference: RequestReference): void;
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
  /** After 101: the bare connection is the tunnel's. */
  takeSocket(): ClientSocket;
}

/** By what the request of a response can be found in the logs. */
export interface RequestReference {
  /** A header line with its CR LF; '': the client is told nothing. */
  readonly responseLine: string;
  /** The id in that line; '': none. */
  readonly shownId: string;
}

/** The client is told nothing. */
export const noReference: RequestReference = { responseLine: '', shownId: '' };

export interface ClientSocket {
  readonly socket: Socket;
  /** Bytes of the other protocol that have come before the server had agreed to it. */
  readonly early: Buffer | null;
}
