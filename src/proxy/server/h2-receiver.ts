/** Gives what a connection to a server reads to the streams that it belongs to, and the rest to the connection. */
import type { H2Error } from '../../http/h2/errors.ts';
import type { FieldList } from '../../http/h2/hpack/field-list.ts';
import type { Protocol } from '../../http/h2/protocol.ts';
import type { ProtocolHandler } from '../../http/h2/protocol-handler.ts';
import type { Stream } from '../../http/h2/streams.ts';

/** The connection. */
export interface ReceiverOwner {
  readonly protocol: Protocol;
  /** There may be room in a window. */
  onRoom(): void;
  onSettings(): void;
  onGoaway(lastStreamId: number, code: number): void;
  onConnectionError(error: H2Error): void;
}

/** A stream of which a read has brought something. */
export interface TouchedStream {
  /** The read is over. */
  flush(): void;
}

export class H2Receiver implements ProtocolHandler {
  private readonly owner: ReceiverOwner;
  private readonly touched: TouchedStream[] = [];

  constructor(owner: ReceiverOwner) {
    this.owner = owner;
  }

  /** `flush` is called when the read is over. */
  touch(stream: TouchedStream): void {
    const { touched } = this;
    if (touched.at(-1) !== stream) touched.push(stream);
  }

  /** The read is over: what has gathered for clients can be written. */
  flush(): void {
    const { touched } = this;
    for (let i = 0; i < touched.length; i++) touched[i]?.flush();
    touched.length = 0;
  }

  onHeaders({ owner }: Stream, fields: FieldList, endStream: boolean): void {
    owner?.onFields(fields, endStream);
  }

  onData(stream: Stream, bytes: Buffer, start: number, end: number): void {
    if (stream.owner === null) this.owner.protocol.consume(stream, end - start);
    else stream.owner.onData(bytes, start, end);
  }

  onEnd({ owner }: Stream): void {
    owner?.onEnd();
  }

  onReset({ owner }: Stream, code: number, isError: boolean): void {
    owner?.onReset(code, isError);
  }

  onWindow(stream: Stream | null): void {
    if (stream !== null) stream.owner?.onWindow();
    else for (const { owner } of this.owner.protocol.streams.open.values()) owner?.onWindow();
    this.owner.onRoom();
  }

  onSettings(): void {
    this.owner.onSettings();
  }

  /** Any bytes show that the server is there. */
  onPong(): void {}

  onGoaway(lastStreamId: number, code: number): void {
    this.owner.onGoaway(lastStreamId, code);
  }

  onConnectionError(error: H2Error): void {
    this.owner.onConnectionError(error);
  }
}
