/**
 * One HTTP/1.1 connection to a server. It serves one exchange after the other:
 *
 *            ┌────────── release: the connection can be used again ──────────┐
 *            v                                                               │
 *          idle ── begin, or gather ──> busy ── response and request complete, or a pipelined request is next ──> busy
 *            │                           ├── takeSocket: 101 ──> detached    the socket is a tunnel's
 *            │ time-out, FIN, any byte   │ anything else
 *            └──────────> closed <───────┘
 *
 * closed and detached are terminal. Requests are written by h1-request-writer.ts, responses read by h1-response-reader.ts. In a pool that
 * pipelines, requests that may (pipelining-guard.ts) share a connection and a write, and h1-pipeline.ts has those whose responses are
 * not due yet. They never wait for anything but short responses: when the current one is slow, long or of unknown length, or its client
 * is slow, or the connection breaks, they are sent again at once on connections of their own, and others go alone for a while.
 */
import { balancerFaults, serverFaults } from '../../errors.ts';
import type { Server } from '../../fleet/server.ts';
import type { HeadWriter } from '../../http/writer.ts';
import type { Socket, SocketHandler } from '../../net/socket.ts';
import { Deadline, type DeadlineOwner } from '../../time/wheel.ts';
import { BufferAccount, type BufferOwner } from '../buffer-budget.ts';
import { DelayedReset } from '../delayed-reset.ts';
import type { WorkerContext } from '../worker-context.ts';
import type { ConnectionOwner } from './connection-owner.ts';
import type { PoolConnection } from './connections.ts';
import { DelayedEnd } from './delayed-end.ts';
import { type DrainedConnection, DrainHandler } from './drain-handler.ts';
import { Pipeline } from './h1-pipeline.ts';
import { RequestWriter } from './h1-request-writer.ts';
import { ResponseReader, type ResponseReaderOwner } from './h1-response-reader.ts';
import type { PoolContext } from './pool-context.ts';
import type { BatchedConnection } from './request-batch.ts';
import type { ResponseHandler } from './response-handler.ts';
import type { SentBody, ServerConnection } from './server-connection.ts';

type State = 'idle' | 'busy' | 'detached' | 'closed';

/** A server that takes nothing for this long does not get the rest of a request whose client has gone. */
const resetTimeoutMs = 10_000;

export class H1ServerConnection
  implements
    ServerConnection,
    PoolConnection,
    ResponseReaderOwner,
    BatchedConnection,
    DrainedConnection,
    SocketHandler,
    DeadlineOwner,
    BufferOwner
{
  readonly server: Server;
  readonly moves: number;
  readonly deadline = new Deadline(this);
  reused = false;
  readonly mayRefuse = false;
  /** Also while the client uses it for which it is in quarantine. */
  quarantined = false;
  /** Not a time of the wheel, which is late by as much as the event loop is. */
  quarantinedUntil = 0;
  clientNumber = 0;
  private readonly worker: WorkerContext;
  private readonly pool: ConnectionOwner;
  private readonly socket: Socket;
  private readonly writer: RequestWriter;
  private readonly reader: ResponseReader;
  private readonly pipeline: Pipeline;
  private state: State = 'idle';
  /** Why it ended, once it has, for the log. */
  private closeReason = 'it is not needed any more';

  constructor(context: PoolContext, pool: ConnectionOwner, server: Server, socket: Socket) {
    const { worker, requests } = context;
    const account = new BufferAccount(worker.buffers, this);
    this.worker = worker;
    this.pool = pool;
    this.server = server;
    this.moves = server.moves;
    this.socket = socket;
    this.writer = new RequestWriter(socket, requests);
    this.pipeline = new Pipeline(worker, pool, server, this.deadline);
    this.reader = new ResponseReader(this, context, account, socket, this.pipeline, pool.settings.limits.interim);
    socket.charge(account);
  }

  // Requests.

  get isUnwritten(): boolean {
    return this.writer.isUnwritten;
  }

  get isGathering(): boolean {
    return this.writer.isUnwritten && this.pipeline.isOpen && this.state === 'busy';
  }

  get depth(): number {
    return this.state === 'busy' ? 1 + this.pipeline.length : 0;
  }

  begin(handler: ResponseHandler, chunked: boolean): void {
    this.setState('busy');
    this.writer.begin(chunked);
    this.reader.begin(handler);
  }

  gather(handler: ResponseHandler, chunked: boolean, mayPipeline: boolean): HeadWriter {
    if (this.state === 'busy') this.pipeline.push(handler);
    else {
      this.begin(handler, chunked);
      this.pipeline.isOpen = mayPipeline;
    }
    return this.writer.gather(this);
  }

  writeGathered(): void {
    this.writer.writeGathered(this.state !== 'closed');
  }

  appendBody(body: SentBody, out: HeadWriter): void {
    this.writer.appendBody(body, out);
  }

  send(out: HeadWriter, body: SentBody): boolean {
    return this.writer.send(out, body);
  }

  sendData(piece: Buffer, out: HeadWriter): boolean {
    return this.writer.sendData(piece, out);
  }

  finish(trailers: Buffer | null, out: HeadWriter): void {
    this.writer.finish(trailers, out);
  }

  // The response.

  get responseStarted(): boolean {
    return this.reader.hasStarted;
  }

  pause(handler: ResponseHandler): boolean {
    if (this.reader.handler !== handler) return false;
    this.requeue();
    this.reader.pause();
    return true;
  }

  resume(): void {
    this.reader.resume();
  }

  resumeHeld(): void {
    const serverSide = this.reader.resumeHeld();
    // The server's end counts for whoever has the socket now: the response may have been complete before it, or not.
    const { handler } = this.socket;
    if (handler === this && this.state !== 'busy') return;
    if (serverSide === 'ended' || serverSide === 'ended-and-gone') handler.onEnd();
    if (serverSide === 'gone' || serverSide === 'ended-and-gone') handler.onClose(null);
  }

  release(reusable: boolean): void {
    const { reader } = this;
    this.clientNumber = reader.handler?.clientNumber ?? 0;
    this.reused = true;
    reader.end();
    // The next exchange must not find it paused: it would wait for a response that nobody reads.
    reader.resume();
    if (this.state !== 'busy' || !reusable) {
      this.close();
      return;
    }
    const next = this.pipeline.next(reader.bodyBytes);
    if (next !== undefined) reader.begin(next);
    else this.becomeIdle();
  }

  private becomeIdle(): void {
    const { misframed } = this.server;
    const { isBodiless } = this.reader;
    this.setState('idle');
    // Reset, because with such a server every such response costs a connection, and closed ones keep their port for a while.
    if (misframed && isBodiless) this.reset();
    else {
      // A quarantine that is not over goes on: bytes that belong to the response before this one may still come.
      if (misframed || isBodiless) this.quarantined = true;
      if (!this.pool.addIdle(this)) this.close();
    }
  }

  takeSocket(): Socket {
    this.requeue();
    this.reader.end();
    this.setState('detached');
    this.worker.wheel.cancel(this.deadline);
    return this.socket;
  }

  // Requests that nobody waits for.

  /** With other requests on the connection, only the response to this one is dropped. */
  cancel(handler: ResponseHandler): void {
    const { reader, pipeline } = this;
    const isCurrent = reader.handler === handler;
    if (isCurrent && (!this.writer.isComplete || this.socket.pending > 0)) this.endDelayed();
    else if (isCurrent && pipeline.length > 0 && !reader.isHeld)
      reader.replaceHandler(new DrainHandler(this, handler.method));
    else this.abort(handler);
  }

  /** The connection has failed with it, if its response is the current one. */
  abort(handler: ResponseHandler): void {
    if (this.reader.handler === handler) this.reset();
    else this.pipeline.replace(handler, new DrainHandler(this, handler.method));
  }

  /** Pipelined requests are sent again elsewhere. Then nobody may be left who waits for the current response. */
  requeue(): void {
    if (this.pipeline.requeue() && this.reader.handler instanceof DrainHandler) this.reset();
  }

  requeueAll(handler: ResponseHandler): void {
    this.reset();
    handler.onRequeued();
  }

  // The socket.

  onData(chunk: Buffer): void {
    this.worker.serverReads++;
    if (this.state === 'closed') return;
    if (this.state === 'busy' && !this.isUnwritten) this.reader.read(chunk);
    else {
      // There is no request, or it has not been written yet: these bytes answer nothing (I7).
      this.reader.checkUnsolicited(chunk, 0);
      this.onLost();
    }
  }

  onDrain(): void {
    this.reader.handler?.onServerDrain();
  }

  /** FIN. Only a body without any other end may end so; the server will not take another request. */
  onEnd(): void {
    const { reader } = this;
    this.closeReason = 'the server has ended it';
    if (reader.isHeld) reader.holdServerEnd(false);
    else if (reader.endsWithConnection) reader.handler?.onResponseEnd(null, false);
    else this.onLost();
  }

  onClose(error: Error | null): void {
    if (this.state === 'closed') return;
    this.closeReason = error === null ? 'it was closed' : error.message;
    if (this.reader.isHeld) this.reader.holdServerEnd(true);
    else {
      this.onLost();
      this.close();
    }
  }

  /** It ends before the current response is complete, or while it is idle. */
  private onLost(): void {
    const { handler, state } = this.reader;
    if (handler === null) this.closeIdle();
    else handler.onServerFault(state === 'body' ? serverFaults.bodyCut : serverFaults.closedEarly);
  }

  /** Its quarantine is over; it was idle for too long; or it is slow, and pipelined requests wait. */
  onDeadline(): void {
    if (this.state === 'busy') this.requeue();
    else if (this.quarantined) this.endQuarantine();
    else {
      this.closeReason = 'it was idle for timeouts.keepAlive';
      this.closeIdle();
    }
  }

  /** No byte has come: any client may use it. */
  private endQuarantine(): void {
    const leftMs = this.quarantinedUntil - this.worker.clock.monotonic();
    if (leftMs > 0) {
      this.worker.wheel.set(this.deadline, leftMs);
      return;
    }
    this.pool.removeIdle(this);
    this.quarantined = false;
    if (!this.pool.addIdle(this)) this.close();
  }

  // The end.

  onMisframed(how: string): void {
    this.pool.onMisframed(this, how);
  }

  onBuffersFull(): void {
    const { handler } = this.reader;
    if (handler === null) this.closeIdle();
    else handler.onServerFault(balancerFaults.buffersFull);
    this.reset();
    // It may have been left to deliver what it buffers.
    this.socket.destroy();
  }

  private closeIdle(): void {
    this.pool.removeIdle(this);
    this.close();
  }

  /** Regularly. */
  close(): void {
    if (!this.end()) return;
    this.socket.close();
    this.requeue();
  }

  /** At once: the server sees that nobody waits for its response any more. */
  reset(): void {
    if (!this.end()) return;
    this.socket.destroy();
    this.requeue();
  }

  /** The same, once the server has what came of the request: an upload that broke off may be resumed from there another time. */
  private endDelayed(): void {
    if (!this.end()) return;
    if (this.writer.isComplete) new DelayedReset(this.worker, this.socket, resetTimeoutMs, () => {});
    else new DelayedEnd(this.worker.wheel, this.socket);
    this.requeue();
  }

  /** False: it has ended already. */
  private end(): boolean {
    if (this.state === 'closed' || this.state === 'detached') return false;
    this.setState('closed');
    this.worker.debug?.disconnected(this.pool.settings.name, this.server, this.closeReason);
    this.reader.end();
    this.worker.wheel.cancel(this.deadline);
    return true;
  }

  /** The one place where the state changes. A socket that was given away, or closed, cannot be used again. */
  private setState(state: State): void {
    if (this.state === 'closed' || this.state === 'detached') return;
    this.state = state;
  }
}
