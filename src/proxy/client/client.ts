/**
 * What an exchange needs of the side where the client is. HTTP/1.1 is `connection.ts`; HTTP/2 will be another
 * implementation: nothing here says how a message is framed.
 */
import type { Fault } from '../../errors.ts';
import type { RequestHead, ResponseHead } from '../../http/head.ts';
import type { Splice } from '../../http/splice.ts';
import type { HeadWriter } from '../../http/writer.ts';
import type { Socket } from '../../net/socket.ts';

export interface Client {
  /** Address of the peer; '' on a unix-domain socket. */
  readonly peer: string;
  /** The peer is one of our own proxies. */
  readonly trusted: boolean;
  readonly secure: boolean;
  readonly isTrusted: (address: string) => boolean;
  /** Milliseconds: between two pieces of the request's body, and for the client to take what was sent. */
  readonly bodyTimeout: number;
  readonly writeTimeout: number;
  /** Bytes sent that the client has not taken yet, also those that the kernel has: not to be asked often. */
  readonly untaken: number;
  /** Of the request that is being read or answered, and of its answer: received and sent up to now, heads and framing included. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** When its first byte came (monotonic ms), with an access log only; negative: the whole head has come at once. */
  readonly begunAt: number;
  /** Of the connection, from 1: no other one of this worker has it. */
  readonly number: number;
  /** Where the client connected, for the log. */
  readonly listener: string;

  /** Writes the lines that tell the server who the client is. */
  writeForwarded(head: RequestHead, out: HeadWriter): void;
  /** Passes an interim response on (1xx). False: its client is not to have one. */
  inform(head: ResponseHead, edit: Splice): boolean;
  /** Begins the response. `length`: bytes of the body, or negative when they are not known before its end. */
  respond(head: ResponseHead, edit: Splice, length: number): void;
  /** Data of the body, by reference. False: the client is slow, wait for `exchange.onClientDrain`. */
  data(bytes: Buffer, start: number, end: number): boolean;
  /** The body is complete; `trailers` are lines. */
  finish(trailers: Buffer | null): void;
  /** Sends what the calls since the last flush have left to be written together. */
  flush(): void;
  /** Answers the fault instead of a server, when no response has begun, in the form that `accept` prefers. */
  refuse(fault: Fault, accept: string | null): void;
  /** The response cannot be completed: all of it that came is sent, and its end is such that nobody can take it for complete. */
  cut(): void;
  /** The same for a client that takes nothing, or for whom nothing more can be kept: what it has not taken is dropped. */
  drop(): void;
  /** The request's body may wait, or come on. */
  pauseBody(): void;
  resumeBody(): void;
  /** So many bytes more are kept for its exchange; negative: fewer (buffer-budget.ts). */
  keep(bytes: number): void;
  /** The exchange is over: the connection goes on with the next, or ends. */
  next(): void;
  /** After 101: the bare connection, and bytes that came early. */
  takeSocket(): { socket: Socket; early: Buffer | null };
}

/** What the client's connection tells the exchange of the request that it reads. */
export interface RequestHandler {
  /** A head has been read: `head` holds it now, `raw` from `start` on keeps it. What came of the body follows, then `start`. */
  begin(client: Client, head: RequestHead, raw: Buffer, start: number, mayUpgrade: boolean): void;
  start(): void;
  /** A piece of the body. `isKept`: it came with the head, and its bytes are kept with it. */
  onRequestData(piece: Buffer, isKept: boolean): void;
  onRequestEnd(trailers: Buffer | null): void;
  /** The rest of the request is wrong, or did not come in time; or there is no room for what is kept for it. */
  onRequestFault(fault: Fault): void;
  /** The client has taken what was kept for it. */
  onClientDrain(): void;
  onClientGone(): void;
}

/** Where exchanges come from. */
export interface ExchangeSource {
  take(): RequestHandler;
}
