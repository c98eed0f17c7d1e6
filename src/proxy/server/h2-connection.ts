/**
 * One HTTP/2 connection to a server, which the requests of this worker share:
 *
 *      open ── GOAWAY of the server, its addresses have changed, the pool is retired ──> draining ── no stream is left ──> closed
 *        └────── idle for too long, no answer to PING, an error of the connection, or it is lost ─────────────────────────────^
 *
 * draining: streams under way finish, and others go to another connection. closed is terminal. The frames of one loop turn leave in one write.
 */
import { balancerFaults, serverFaults } from '../../errors.ts';
import type { Server } from '../../fleet/server.ts';
import { ErrorCode, type H2Error } from '../../http/h2/errors.ts';
import { Protocol } from '../../http/h2/protocol.ts';
import type { Stream } from '../../http/h2/streams.ts';
import type { Socket, SocketHandler } from '../../net/socket.ts';
import { Deadline, type DeadlineOwner } from '../../time/wheel.ts';
import { BufferAccount, type BufferOwner } from '../buffer-budget.ts';
import type { ConnectionOwner } from './connection-owner.ts';
import { assumedStreams, type H2Context } from './h2-context.ts';
import { H2FrameWriter } from './h2-frame-writer.ts';
import { H2Receiver, type ReceiverOwner } from './h2-receiver.ts';
import { H2ServerStream, type ServerStreamOwner } from './h2-stream.ts';

/** The connections of the pool, to which this one belongs. */
export interface H2ConnectionOwner {
  /** More or fewer requests can be taken than before, or the connection is closed. */
  onPlaces(connection: H2ServerConnection): void;
}

type State = 'open' | 'draining' | 'closed';

/** A connection that has been silent for so long is asked by PING whether it is still there, together with its next request. */
const silentMs = 1000;
const pingTimeoutMs = 10_000;

export class H2ServerConnection implements ServerStreamOwner, ReceiverOwner, SocketHandler, DeadlineOwner, BufferOwner {
  readonly server: Server;
  readonly moves: number;
  readonly context: H2Context;
  readonly protocol: Protocol;
  readonly frames: H2FrameWriter;
  readonly isSecure: boolean;
  readonly maxInterim: number;
  private readonly pool: ConnectionOwner;
  private readonly owner: H2ConnectionOwner;
  readonly socket: Socket;
  private readonly keepAliveMs: number;
  private readonly account: BufferAccount;
  private readonly deadline = new Deadline(this);
  private readonly receiver = new H2Receiver(this);
  /** Requests that have a place on it: those with a stream, and those that have not opened theirs yet. */
  private taken = 0;
  private state: State = 'open';
  private closeReason = 'it is not needed any more';
  private hasSettings = false;
  private hasWrittenBlock = false;
  private isReading = false;
  /** PING has been sent, and nothing has come since. */
  private isChecking = false;
  /** Wheel time of the last read. */
  private readAt: number;
  private keptBytes = 0;
  /** Streams that wait for the settings of the server. */
  private connecting: H2ServerStream[] = [];

  constructor(
    context: H2Context,
    pool: ConnectionOwner,
    owner: H2ConnectionOwner,
    server: Server,
    socket: Socket,
    keepAliveMs: number,
  ) {
    const { worker, fields, settings, requests } = context;
    this.context = context;
    this.pool = pool;
    this.owner = owner;
    this.server = server;
    this.moves = server.moves;
    this.socket = socket;
    this.keepAliveMs = keepAliveMs;
    this.isSecure = context.isSecure;
    this.maxInterim = pool.settings.limits.interim;
    this.account = new BufferAccount(worker.buffers, this);
    this.readAt = worker.wheel.now;
    this.frames = new H2FrameWriter(socket, requests);
    this.protocol = new Protocol(false, settings, this.receiver, fields, this.frames.out, worker.wheel.now);
    this.protocol.begin();
    socket.charge(this.account);
    this.frames.schedule();
  }

  // Places.

  /** Requests that it can take now. */
  get places(): number {
    if (this.state !== 'open') return 0;
    const allowed = this.hasSettings ? this.protocol.peer.maxConcurrentStreams : assumedStreams;
    return Math.max(0, Math.min(allowed, this.context.maxStreams) - this.taken);
  }

  /** The server does not take what was written to it. */
  get isStalled(): boolean {
    return this.socket.pending > 0;
  }

  get isIdle(): boolean {
    return this.taken === 0;
  }

  get isClosed(): boolean {
    return this.state === 'closed';
  }

  /** A place for a request. Only while there are `places`. */
  take(): H2ServerStream {
    this.taken++;
    if (this.taken === 1 && !this.isChecking) this.context.worker.wheel.set(this.deadline, 0);
    this.owner.onPlaces(this);
    return new H2ServerStream(this, this.hasSettings);
  }

  openStream(by: H2ServerStream): Stream | null {
    const { wheel, net } = this.context.worker;
    const stream = this.state === 'closed' ? null : this.protocol.openStream();
    if (stream === null) {
      // There are no identifiers left, or GOAWAY has come since the place was taken.
      this.drain('no more streams can be opened on it');
      net.afterTurn(() => by.fail(serverFaults.streamRefused));
      return null;
    }
    if (!this.isChecking && wheel.now - this.readAt >= silentMs && this.hasSettings) {
      this.isChecking = true;
      this.protocol.ping();
      wheel.set(this.deadline, pingTimeoutMs);
    }
    return stream;
  }

  endStream(by: H2ServerStream, code: number): void {
    const { stream } = by;
    this.taken--;
    if (stream !== null) {
      if (stream.state !== 'closed') this.protocol.reset(stream, code);
      this.frames.schedule();
    }
    if (this.taken === 0) this.becomeIdle();
    this.owner.onPlaces(this);
  }

  touch(stream: H2ServerStream): void {
    this.receiver.touch(stream);
  }

  mayConnect(stream: H2ServerStream): boolean | null {
    if (this.hasSettings) return this.protocol.peer.enableConnectProtocol;
    this.connecting.push(stream);
    return null;
  }

  isFirstBlock(): boolean {
    if (this.hasWrittenBlock) return false;
    this.hasWrittenBlock = true;
    return true;
  }

  // Writing.

  addBuffered(bytes: number): void {
    this.account.addBuffered(bytes);
  }

  // The socket.

  onData(chunk: Buffer): void {
    const { worker } = this.context;
    const { wheel } = worker;
    worker.serverReads++;
    if (this.state === 'closed') return;
    this.readAt = wheel.now;
    if (this.isChecking) {
      this.isChecking = false;
      wheel.set(this.deadline, this.taken === 0 ? this.keepAliveMs : 0);
    }
    this.isReading = true;
    this.protocol.read(chunk, wheel.now);
    this.isReading = false;
    this.receiver.flush();
    this.countKept(this.protocol.keptBytes);
    if (this.isDrained) this.close();
    else if (this.frames.out.length > 0) this.frames.schedule();
  }

  onDrain(): void {
    this.owner.onPlaces(this);
    this.onRoom();
  }

  /** A server that ends its side reads no more requests, and answers none. */
  onEnd(): void {
    this.lose('the server has ended it');
  }

  onClose(error: Error | null): void {
    this.lose(error === null ? 'it was closed' : error.message);
  }

  onDeadline(): void {
    if (this.isChecking) this.lose('the server has not answered PING');
    else if (this.taken === 0) {
      this.closeReason = 'it was idle for timeouts.keepAlive';
      this.close();
    }
  }

  // What the protocol reads beside streams (h2-receiver.ts).

  onRoom(): void {
    this.frames.resume();
  }

  onSettings(): void {
    this.hasSettings = true;
    this.owner.onPlaces(this);
    for (const stream of this.connecting.splice(0)) stream.onConnectKnown();
  }

  onGoaway(lastStreamId: number, code: number): void {
    this.drain(`the server has sent GOAWAY (${code})`);
    for (const stream of this.streamsAbove(lastStreamId)) stream.fail(serverFaults.streamRefused);
  }

  onConnectionError(error: H2Error): void {
    this.pool.onMisframed(this, error.text);
    this.frames.flush();
    this.lose(error.text);
  }

  onMisframed(how: string): void {
    this.pool.onMisframed(this, how);
  }

  // The end.

  /** No other request begins on it. */
  drain(reason: string): void {
    if (this.state !== 'open') return;
    this.state = 'draining';
    this.closeReason = reason;
    this.owner.onPlaces(this);
    if (this.isDrained && !this.isReading) this.close();
  }

  private get isDrained(): boolean {
    return this.state === 'draining' && this.taken === 0;
  }

  private becomeIdle(): void {
    if (this.isChecking || this.state === 'closed') return;
    if (this.state === 'open') this.context.worker.wheel.set(this.deadline, this.keepAliveMs);
    else if (!this.isReading) this.close();
  }

  /** Regularly. */
  close(): void {
    if (this.state === 'closed') return;
    this.protocol.goaway(ErrorCode.noError, '');
    this.frames.flush();
    this.end();
    this.socket.close();
  }

  /** Its streams will not be answered. */
  private lose(reason: string): void {
    if (this.state === 'closed') return;
    this.closeReason = reason;
    this.end();
    this.socket.destroy();
    for (const stream of this.streamsAbove(0)) stream.onLost();
  }

  onBuffersFull(): void {
    if (this.state !== 'closed') {
      this.closeReason = 'too much was buffered for it';
      this.end();
      for (const stream of this.streamsAbove(0)) stream.fail(balancerFaults.buffersFull);
    }
    // It may have been left to deliver what it buffers.
    this.socket.destroy();
  }

  /** With a higher identifier; also those that have not opened theirs, because they wait. */
  private streamsAbove(id: number): H2ServerStream[] {
    const found = [...this.connecting];
    for (const { id: one, owner } of this.protocol.streams.open.values())
      if (one > id && owner instanceof H2ServerStream) found.push(owner);
    return found;
  }

  private end(): void {
    this.state = 'closed';
    this.context.worker.debug?.disconnected(this.pool.settings.name, this.server, this.closeReason);
    this.context.worker.wheel.cancel(this.deadline);
    this.countKept(0);
    this.frames.close();
    this.owner.onPlaces(this);
  }

  private countKept(bytes: number): void {
    if (bytes === this.keptBytes) return;
    this.account.addBuffered(bytes - this.keptBytes);
    this.keptBytes = bytes;
  }
}
