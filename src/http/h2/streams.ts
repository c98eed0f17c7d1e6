/**
 * The streams of a connection: their states (RFC 9113 section 5.1), their identifiers, and what a frame means for a stream that is closed.
 *
 *                              ┌── end sent ──> half-closed-local ── end received ──┐
 *      idle ── headers ──> open                                                     ├──> closed
 *                            │ └── end received ──> half-closed-remote ── end sent ─┘       ^
 *                            └───────── reset, sent or received, also when half-closed ────┘
 *
 * closed is terminal. The reserved states do not exist here: push is disabled, and PUSH_PROMISE an error of the connection. Only open and
 * half-closed streams have an object. Of those that are closed, the identifiers of the last that this side has reset are remembered: the
 * other side may have sent frames for them before it saw the reset, and these are no error.
 */
import { type H2Error, h2Errors } from './errors.ts';
import { ReceiveWindow, SendWindow } from './flow.ts';
import { maxStreamId } from './frame.ts';
import type { FieldList } from './hpack/field-list.ts';
import { StreamTable } from './stream-table.ts';

export type StreamState = 'open' | 'half-closed-local' | 'half-closed-remote' | 'closed';

export type StreamEvent = 'end-sent' | 'end-received' | 'reset';

/**
 * The one function that changes a stream's state. The caller has refused frames that the state does not allow (`maySend`, `mayReceive`);
 * an event that is forbidden all the same changes nothing.
 */
export function nextState(state: StreamState, event: StreamEvent): StreamState {
  // Nothing opens a closed stream again: an identifier is used once, or a delayed frame would belong to another request.
  if (state === 'closed' || event === 'reset') return 'closed';
  if (event === 'end-sent') {
    // Forbidden: DATA or trailers behind the end of a message.
    if (state === 'half-closed-local') return state;
    return state === 'open' ? 'half-closed-local' : 'closed';
  }
  if (state === 'half-closed-remote') return state;
  return state === 'open' ? 'half-closed-remote' : 'closed';
}

/** Gets the events of one stream, as `ProtocolHandler` describes them. */
export interface StreamOwner {
  onFields(fields: FieldList, endStream: boolean): void;
  onData(bytes: Buffer, start: number, end: number): void;
  onEnd(): void;
  onReset(code: number, isError: boolean): void;
  onWindow(): void;
}

export class Stream {
  readonly id: number;
  state: StreamState = 'open';
  readonly sendWindow: SendWindow;
  /** Fields of a request, or of a response that is not interim, have been received: what comes then are trailers. */
  hasHeaders = false;
  /** It was closed by RST_STREAM, of either side. */
  isReset = false;
  /** Whose stream it is: the handler of the connection passes its events on. */
  owner: StreamOwner | null = null;

  /** Made with the first DATA: most requests have none. */
  private received: ReceiveWindow | null = null;
  private receiveBytes: number;

  constructor(id: number, sendBytes: number, receiveBytes: number) {
    this.id = id;
    this.sendWindow = new SendWindow(sendBytes);
    this.receiveBytes = receiveBytes;
  }

  get receiveWindow(): ReceiveWindow {
    this.received ??= new ReceiveWindow(this.receiveBytes);
    return this.received;
  }

  /** Bytes that have come and were not taken. */
  get heldBytes(): number {
    return this.received === null ? 0 : this.received.held;
  }

  /** SETTINGS_INITIAL_WINDOW_SIZE of this side changes by so many bytes. */
  adjustReceiveWindow(bytes: number): void {
    if (this.received === null) this.receiveBytes += bytes;
    else this.received.adjust(bytes);
  }

  get maySend(): boolean {
    return this.state === 'open' || this.state === 'half-closed-remote';
  }

  get mayReceive(): boolean {
    return this.state === 'open' || this.state === 'half-closed-local';
  }
}

/** What an identifier belongs to that has no object. */
export type Absent = 'idle' | 'closed' | 'recently-reset';

/** So many resets of this side may be on their way to the other side. */
const rememberedResets = 256;

export class Streams {
  /** Highest identifier that the other side has opened, for GOAWAY. */
  lastPeerId = 0;
  /** Streams that either side has opened and that are not closed. */
  readonly open = new StreamTable<Stream>();
  private readonly isServer: boolean;
  private nextOwnId: number;
  private peerStreams = 0;
  /** Identifiers in a ring, made with the first reset; 0: none. */
  private resets: Uint32Array | null = null;
  private resetCount = 0;

  constructor(isServer: boolean) {
    this.isServer = isServer;
    this.nextOwnId = isServer ? 2 : 1;
  }

  get(id: number): Stream | undefined {
    return this.open.get(id);
  }

  /** Streams of the other side that count against SETTINGS_MAX_CONCURRENT_STREAMS (section 5.1.2). */
  get peerCount(): number {
    return this.peerStreams;
  }

  get ownCount(): number {
    return this.open.size - this.peerStreams;
  }

  /** Of an identifier that `get` does not find. */
  absent(id: number): Absent {
    if (this.isPeerId(id) ? id > this.lastPeerId : id >= this.nextOwnId) return 'idle';
    // A client resets what its users do not wait for, and that may be more streams in one round trip than are remembered here.
    return !this.isServer || this.resets?.includes(id) ? 'recently-reset' : 'closed';
  }

  /** HEADERS came for an identifier that is idle. It is used up, also when the stream is refused then. Servers open none: no push. */
  usePeerId(id: number): H2Error | null {
    if (!this.isServer || !this.isPeerId(id)) return h2Errors.badStreamId;
    this.lastPeerId = id;
    return null;
  }

  addPeerStream(id: number, sendBytes: number, receiveBytes: number): Stream {
    this.peerStreams++;
    return this.add(id, sendBytes, receiveBytes);
  }

  /** This side opens one. null: there are no identifiers left, and a new connection is needed (section 5.1.1). */
  addOwnStream(sendBytes: number, receiveBytes: number): Stream | null {
    const id = this.nextOwnId;
    if (id > maxStreamId) return null;
    this.nextOwnId += 2;
    return this.add(id, sendBytes, receiveBytes);
  }

  /** The state of a stream changes. True: it is closed now, and forgotten. */
  change(stream: Stream, event: StreamEvent): boolean {
    if (stream.state === 'closed') return false;
    stream.state = nextState(stream.state, event);
    if (stream.state !== 'closed') return false;
    this.open.delete(stream.id);
    if (this.isPeerId(stream.id)) this.peerStreams--;
    return true;
  }

  /** This side has reset it. Frames that come for it for a while are no error. */
  rememberReset(id: number): void {
    this.resets ??= new Uint32Array(rememberedResets);
    this.resets[this.resetCount++ % rememberedResets] = id;
  }

  private add(id: number, sendBytes: number, receiveBytes: number): Stream {
    const stream = new Stream(id, sendBytes, receiveBytes);
    this.open.add(stream);
    return stream;
  }

  private isPeerId(id: number): boolean {
    return (id & 1) === (this.isServer ? 1 : 0);
  }
}
