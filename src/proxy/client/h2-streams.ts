/**
 * The streams of one HTTP/2 connection of a client, each with who has it: the client of an exchange, or a tunnel. Passes the events of the
 * protocol on to them.
 */
import type { H2Error } from '../../http/h2/errors.ts';
import type { FieldList } from '../../http/h2/hpack/field-list.ts';
import type { ProtocolHandler } from '../../http/h2/protocol-handler.ts';
import type { Stream } from '../../http/h2/streams.ts';
import { counter } from '../../metrics/counters.ts';
import type { Account, Socket } from '../../net/socket.ts';
import { IndexedSet } from '../indexed-set.ts';
import { H2Client } from './h2-client.ts';
import { FrameOutput, type FrameOutputOwner } from './h2-frame-output.ts';
import { KeptHead } from './h2-kept-head.ts';
import { H2Scratch } from './h2-scratch.ts';
import type { StreamUser, UserContext } from './h2-stream-user.ts';
import type { ListenerContext } from './listener-context.ts';
import type { ListenerSettings } from './listener-settings.ts';
import { Peer } from './peer.ts';
import type { ExchangeSource } from './request-handler.ts';

/** The connection. */
export interface StreamsOwner extends Account {
  /** The first stream is open; or (false) there is none any more. */
  onBusy(isBusy: boolean): void;
  /** The settings of the client have come. */
  onSettings(): void;
  onPong(): void;
  onConnectionError(error: H2Error): void;
}

/** Shared by the connections of a listener. */
interface Shared {
  readonly scratch: H2Scratch;
  /** Clients that wait for their next stream. */
  readonly spare: H2Client[];
}

/** Clients that are kept for reuse, of one listener. */
const maxSpare = 1024;
const shared = new WeakMap<ListenerContext, Shared>();

/** Made with the first connection of HTTP/2. */
function sharedBy(context: ListenerContext, { h2 }: ListenerSettings): Shared {
  let found = shared.get(context);
  if (found === undefined) shared.set(context, (found = { scratch: new H2Scratch(h2), spare: [] }));
  return found;
}

/** More than a person who leaves a page makes at once. */
const manyResets = 32;

export class ClientStreams implements ProtocolHandler, UserContext, FrameOutputOwner {
  readonly context: ListenerContext;
  readonly settings: ListenerSettings;
  readonly exchanges: ExchangeSource;
  readonly scratch: H2Scratch;
  readonly kept = new KeptHead();
  readonly peer: Peer;
  readonly socket: Socket;
  readonly output: FrameOutput;
  private readonly owner: StreamsOwner;
  private readonly spare: H2Client[];
  private readonly users = new IndexedSet<StreamUser>();
  /** Clients whose request began in the present read, and goes on. */
  private readonly begun: H2Client[] = [];
  /** Streams that the client has reset, or that ended by its error. */
  private resets = 0;

  constructor(
    owner: StreamsOwner,
    context: ListenerContext,
    settings: ListenerSettings,
    exchanges: ExchangeSource,
    socket: Socket,
  ) {
    const { worker, buffers } = context;
    const { scratch, spare } = sharedBy(context, settings);
    this.owner = owner;
    this.context = context;
    this.settings = settings;
    this.exchanges = exchanges;
    this.socket = socket;
    this.peer = new Peer(socket, settings, '2.0');
    this.scratch = scratch;
    this.spare = spare;
    this.output = new FrameOutput(worker, buffers.frames, scratch.blocks, socket, this, settings.timeouts.write);
  }

  get isEmpty(): boolean {
    return this.users.size === 0;
  }

  /** All users; they may go while a caller goes over them. */
  all(): StreamUser[] {
    return this.users.all();
  }

  add(user: StreamUser): void {
    this.users.add(user);
    if (this.users.size === 1) this.owner.onBusy(true);
  }

  /** False: it was not there. */
  remove(user: StreamUser): boolean {
    if (!this.users.remove(user)) return false;
    if (this.users.size === 0) this.owner.onBusy(false);
    return true;
  }

  /**
   * A client that has reset many requests may reset the next one in the same read (CVE-2023-44487): no server gets it before the read is
   * over. For others that would cost time: heads that are placed one by one need not be read again.
   */
  get startsLate(): boolean {
    return this.resets > manyResets;
  }

  /** It has no stream any more. */
  release(client: H2Client): void {
    // Once: what it does at its end may end the connection, and so itself. Free twice, it would get the responses of two streams.
    if (this.remove(client) && this.spare.length < maxSpare) this.spare.push(client);
  }

  /** All of this read has been reported: the requests in it that are not whole are placed, with what came of their bodies. */
  startBegun(): void {
    const { begun } = this;
    for (let i = 0; i < begun.length; i++) begun[i]?.start();
    begun.length = 0;
  }

  // What is sent.

  addBuffered(bytes: number): void {
    this.owner.addBuffered(bytes);
  }

  get crowded(): boolean {
    return this.owner.crowded;
  }

  onFull(): void {
    for (const user of this.users.all()) user.onSocketFull();
  }

  // The protocol.

  onHeaders(stream: Stream, fields: FieldList, endStream: boolean): void {
    if (stream.hasHeaders) {
      stream.owner?.onFields(fields, endStream);
      return;
    }
    const client = this.spare.pop() ?? new H2Client();
    this.context.worker.counters.add(counter.h2_streams);
    client.begin(this, stream);
    stream.owner = client;
    this.add(client);
    if (!endStream || this.startsLate) this.begun.push(client);
    client.onFields(fields, endStream);
  }

  onData(stream: Stream, bytes: Buffer, start: number, end: number): void {
    if (stream.owner === null) this.output.protocol.consume(stream, end - start);
    else stream.owner.onData(bytes, start, end);
  }

  onEnd(stream: Stream): void {
    stream.owner?.onEnd();
  }

  onReset(stream: Stream, code: number, isError: boolean): void {
    this.resets++;
    this.context.worker.counters.add(counter.h2_resets);
    stream.owner?.onReset(code, isError);
  }

  onWindow(stream: Stream | null): void {
    if (stream !== null) stream.owner?.onWindow();
    else if (this.output.waiting > 0) for (const user of this.users.all()) user.onWindow();
  }

  onSettings(): void {
    this.owner.onSettings();
  }

  onPong(): void {
    this.owner.onPong();
  }

  /** The client opens no more streams; those that are open go on. */
  onGoaway(): void {}

  onConnectionError(error: H2Error): void {
    this.owner.onConnectionError(error);
  }
}
