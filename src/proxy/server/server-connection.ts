/**
 * One connection to a server as an exchange sees it, whatever protocol is spoken on it. HTTP/1.1 is `h1-connection.ts`; of HTTP/2 it is a
 * stream, `h2-stream.ts`. What the pool sees of it is in connections.ts; the response is reported to a `ResponseHandler`.
 */
import type { HeadWriter } from '../../http/writer.ts';
import type { Socket } from '../../net/socket.ts';
import type { ResponseHandler } from './response-handler.ts';

/** What is sent of a request's body. */
export interface SentBody {
  /** What has come of it, in order. */
  readonly held: readonly Buffer[];
  /** It is complete, with these trailer lines. */
  readonly ended: boolean;
  readonly trailers: Buffer | null;
}

export interface ServerConnection {
  /** It has served a request before this one. */
  readonly reused: boolean;
  /** Bytes of a response have come for the current request. */
  readonly responseStarted: boolean;
  /** Nothing has been written yet of the requests that it has. */
  readonly isUnwritten: boolean;
  /** The server may say that it has not begun with a request, after that was sent: it can be sent again, whatever its method. */
  readonly mayRefuse: boolean;

  /** Takes a request, which follows by `send`, `sendData` and `finish`. `chunked`: the length of its body is not known. */
  begin(handler: ResponseHandler, chunked: boolean): void;
  /** Writes the head in `out`, and what has come of the body. False: wait for `ResponseHandler.onServerDrain`. */
  send(out: HeadWriter, body: SentBody): boolean;
  /** A piece of the body, composed in `out` if need be. False: wait for `ResponseHandler.onServerDrain`. */
  sendData(piece: Buffer, out: HeadWriter): boolean;
  /** The body is complete. */
  finish(trailers: Buffer | null, out: HeadWriter): void;

  /**
   * Takes a request that is written when the loop turn ends. All of it has to be put into the writer that is returned, its body by
   * `appendBody`. `mayPipeline`: it is safe and has no body, so that it may go behind others like it, and they behind it.
   */
  gather(handler: ResponseHandler, chunked: boolean, mayPipeline: boolean): HeadWriter;
  appendBody(body: SentBody, out: HeadWriter): void;

  /** The client is slow: nothing is read from the server, until `resume`. False: the response before this one is not over. */
  pause(handler: ResponseHandler): boolean;
  resume(): void;
  /** What `ResponseHandler.mustHold` or `mustHoldEnd` has held goes on. */
  resumeHeld(): void;
  /** The response is complete. `reusable`: so is the request, and the connection can take another one. */
  release(reusable: boolean): void;
  /** The client of this request has gone. */
  cancel(handler: ResponseHandler): void;
  /** This request has failed, or is refused. */
  abort(handler: ResponseHandler): void;
  /** The bare connection, for a tunnel. */
  takeSocket(): Socket;
}
