/** Gives what a connection to a server reads to the streams that it belongs to, and the rest to the connection. */
import { type Fault, serverFaults } from '../../errors.ts';
import { ErrorCode, type H2Error } from '../../http/h2/errors.ts';
import type { FieldList } from '../../http/h2/hpack/field-list.ts';
import type { Protocol } from '../../http/h2/protocol.ts';
import type { ProtocolHandler } from '../../http/h2/protocol-handler.ts';
import type { Stream } from '../../http/h2/streams.ts';
import type { H2ServerStream } from './h2-stream.ts';

/** The connection. */
export interface ReceiverOwner {
  readonly protocol: Protocol;
  /** There may be room in a window. */
  onRoom(): void;
  onSettings(): void;
  onGoaway(lastStreamId: number, code: number): void;
  onConnectionError(error: H2Error): void;
}

export class H2Receiver implements ProtocolHandler {
  private readonly owner: ReceiverOwner;
  /** By identifier, in the order in which they were opened. */
  private readonly streams = new Map<number, H2ServerStream>();
  /** Streams of which this read has brought something. */
  private readonly touched: H2ServerStream[] = [];

  constructor(owner: ReceiverOwner) {
    this.owner = owner;
  }

  add({ id }: Stream, stream: H2ServerStream): void {
    this.streams.set(id, stream);
  }

  remove({ id }: Stream): void {
    this.streams.delete(id);
  }

  /** Those with a higher identifier. */
  above(id: number): H2ServerStream[] {
    const found: H2ServerStream[] = [];
    for (const [one, stream] of this.streams) if (one > id) found.push(stream);
    return found;
  }

  /** The read is over: what has gathered for clients can be written. */
  flush(): void {
    const { touched } = this;
    for (let i = 0; i < touched.length; i++) touched[i]?.reader.handler?.flush();
    touched.length = 0;
  }

  onHeaders(stream: Stream, fields: FieldList, endStream: boolean): void {
    const by = this.touch(stream);
    if (by === undefined) return;
    by.reader.onHeaders(fields, endStream);
    if (by.reader.isAnswered) stream.hasHeaders = true;
  }

  onData(stream: Stream, bytes: Buffer, start: number, end: number): void {
    const by = this.touch(stream);
    if (by === undefined) this.owner.protocol.consume(stream, end - start);
    else by.reader.onData(bytes, start, end);
  }

  onEnd(stream: Stream): void {
    this.streams.get(stream.id)?.reader.onEnd();
  }

  onReset(stream: Stream, code: number): void {
    const by = this.streams.get(stream.id);
    by?.fail(faultOfReset(code, by.reader.isAnswered));
  }

  onWindow(stream: Stream | null): void {
    if (stream !== null) this.streams.get(stream.id)?.writer.onWindow();
    else for (const { writer } of this.streams.values()) writer.onWindow();
    this.owner.onRoom();
  }

  onSettings(): void {
    this.owner.onSettings();
  }

  /** That it has come is what the connection waits for. */
  onPong(): void {}

  onGoaway(lastStreamId: number, code: number): void {
    this.owner.onGoaway(lastStreamId, code);
  }

  onConnectionError(error: H2Error): void {
    this.owner.onConnectionError(error);
  }

  private touch({ id }: Stream): H2ServerStream | undefined {
    const { touched } = this;
    const by = this.streams.get(id);
    if (by !== undefined && touched.at(-1) !== by) touched.push(by);
    return by;
  }
}

/** RFC 9113 section 7. `isAnswered`: the response has begun. */
function faultOfReset(code: number, isAnswered: boolean): Fault {
  if (isAnswered) return serverFaults.bodyCut;
  if (code === ErrorCode.refusedStream) return serverFaults.streamRefused;
  return code === ErrorCode.enhanceYourCalm ? serverFaults.serverOverloaded : serverFaults.streamReset;
}
