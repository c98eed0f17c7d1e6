/** What a connection of HTTP/2 is given: its limits, and who gets the events of its streams. */
import type { AbuseLimits } from './abuse.ts';
import type { H2Error } from './errors.ts';
import type { BlockLimits } from './header-block.ts';
import type { FieldList } from './hpack/field-list.ts';
import type { Stream } from './streams.ts';

export interface ProtocolSettings extends BlockLimits {
  /** Streams of the other side; a server's side opens none. */
  readonly maxConcurrentStreams: number;
  /** Bytes of a stream, and of the connection, that may be on the way to this side. The latter is at least 65,535. */
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
  readonly headerTableBytes: number;
  readonly maxHeaderListBytes: number;
  /** RFC 8441: clients may open WebSockets. */
  readonly connectProtocol: boolean;
  readonly abuse: AbuseLimits;
}

export interface ProtocolHandler {
  /**
   * Fields of a message, or its trailers when `stream.hasHeaders` was set before. On a server's connection the handler sets it, with the
   * first response that is not interim. `fields` are good within the call; where the handler has used `keepFields`, see `fields.repeat`.
   * `endStream`: they end the message, and `onEnd` follows.
   */
  onHeaders(stream: Stream, fields: FieldList, endStream: boolean): void;
  /** The bytes are good within the call. Once they have gone on, `consume` gives the window back. */
  onData(stream: Stream, bytes: Buffer, start: number, end: number): void;
  /** END_STREAM. */
  onEnd(stream: Stream): void;
  /** The stream is closed, because the other side has reset it, or, with `isError`, because of an error in what it sent. */
  onReset(stream: Stream, code: number, isError: boolean): void;
  /** There may be room again for DATA of this stream, or of any (null). */
  onWindow(stream: Stream | null): void;
  /** The other side's settings have changed. */
  onSettings(): void;
  /** The other side has answered a `ping`. */
  onPong(): void;
  /** The other side does not answer own streams above `lastStreamId`: they can be tried again elsewhere. */
  onGoaway(lastStreamId: number, code: number): void;
  /** GOAWAY has been written. No stream gets another event. */
  onConnectionError(error: H2Error): void;
}
