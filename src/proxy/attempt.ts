/**
 * One attempt on one server: the place taken there, the connection, what was sent on it, and, when it fails, what that says of the
 * server and what comes next. A request may need several, one after the other.
 *
 *      start ─> an idle connection, or connect ─> send ─> done (the response is whole)
 *                             └──────── fail ────────┘ ─> 'same' | 'other' | 'refuse'
 */
import { type Fault, serverFaults } from '../errors.ts';
import { type Verdict, verdict } from '../failover/verdict.ts';
import type { Server } from '../fleet/server.ts';
import type { RequestHead } from '../http/head.ts';
import { counter } from '../metrics/counters.ts';
import type { Connecting } from '../net/socket.ts';
import type { AccessRecord } from './access-record.ts';
import type { SessionBinding } from './binding.ts';
import type { ListenerContext } from './client/listener-context.ts';
import { moveNotice } from './move-notice.ts';
import type { PhaseTimer } from './phase.ts';
import type { ClientRequest } from './request.ts';
import { writeRequest } from './request-head.ts';
import type { ConnectListener } from './server/connector.ts';
import { isPipelinable } from './server/pipelining-guard.ts';
import type { ResponseHandler } from './server/response-handler.ts';
import type { ServerConnection } from './server/server-connection.ts';
import type { WorkerContext } from './worker-context.ts';

/** A request with a body up to this size (bytes) may leave together with others of its loop turn. */
const smallBody = 8 * 1024;

/** There was no connection: for the health of a server they are all the same. */
const connectFaults: readonly Fault[] = [
  serverFaults.connectRefused,
  serverFaults.connectTimeout,
  serverFaults.nameNotFound,
  serverFaults.serverCertificate,
  serverFaults.tlsFailed,
  serverFaults.serverProtocol,
];

/** Told when no connection could be made. */
export interface AttemptListener {
  onServerFault(fault: Fault): void;
}

/** Gets the response. */
export interface SentListener extends ResponseHandler {
  /** The whole request has been sent; the response is awaited. */
  onSent(): void;
}

export class Attempt implements ConnectListener {
  /** Of the present attempt, or the last. Set by `start`. */
  server!: Server;
  /** A place is taken on it. */
  hasPlace = false;
  /** Set by `start`. */
  private handler!: SentListener;
  connection: ServerConnection | null = null;
  private readonly context: ListenerContext;
  private readonly worker: WorkerContext;
  private readonly listener: AttemptListener;
  private readonly request: ClientRequest;
  private readonly binding: SessionBinding;
  private readonly timer: PhaseTimer;
  private readonly record: AccessRecord;
  private connecting: Connecting | null = null;
  /** How many there were, this one included. Another connection to the same server is no other attempt. */
  private count = 0;
  private startedAt = 0;
  /** Times that the present server has refused to begin with the request. */
  private refusals = 0;
  /** The head has been given to the present connection. */
  private isSent = false;
  /** It may be written when the loop turn ends; it may share a connection with others. Neither once it has failed. */
  private mayGather = false;
  private mayPipeline = false;

  constructor(
    context: ListenerContext,
    listener: AttemptListener,
    request: ClientRequest,
    binding: SessionBinding,
    timer: PhaseTimer,
    record: AccessRecord,
  ) {
    this.context = context;
    this.worker = context.worker;
    this.listener = listener;
    this.request = request;
    this.binding = binding;
    this.timer = timer;
    this.record = record;
  }

  /** A new request. */
  begin(head: RequestHead): void {
    this.count = 0;
    this.startedAt = this.worker.wheel.now;
    this.isSent = false;
    this.mayGather = !this.request.mayUpgrade;
    this.mayPipeline = this.mayGather && isPipelinable(head);
  }

  /** A place on `server` is taken: sends the request there, on an idle connection if there is one. The response is for `handler`. */
  start(server: Server, handler: SentListener): void {
    const { request, record, worker } = this;
    const { pool } = request;
    const former = this.server;
    this.server = server;
    this.handler = handler;
    this.hasPlace = true;
    this.refusals = 0;
    record.tried(server);
    if (request.trace.isOn) request.trace.attempt(server, pool.settings.tls !== null);
    if (this.count++ > 0) record.retried(former, pool.parts.fleet.slot, worker);
    const connection = this.mayPipeline
      ? pool.takeGathering(server, request.clientNumber)
      : pool.takeIdle(server, request.clientNumber);
    if (connection === undefined) this.connect();
    else {
      worker.counters.add(counter.upstream_reused);
      this.send(connection);
    }
  }

  private connect(): void {
    this.timer.enter('connecting', this.request.pool.settings.timeouts.connect);
    this.record.connecting(this.worker);
    this.connecting = this.request.pool.connect(this.server, this);
  }

  onConnected(connection: ServerConnection): void {
    this.connecting = null;
    this.record.connected(this.server, this.request.pool.parts.fleet.slot, this.worker);
    this.send(connection);
  }

  onConnectFailed(fault: Fault): void {
    this.connecting = null;
    this.listener.onServerFault(fault);
  }

  /** One write for the head, and for what has come of the body. */
  private send(connection: ServerConnection): void {
    const { request, binding, handler, server } = this;
    const { body, client, pool } = request;
    const { scratch, buffers } = this.context;
    const head = binding.editedHead();
    const { replicator } = pool;
    const isOffered = replicator !== null && binding.session.isOffered;
    const session = isOffered ? replicator.writeHeader(binding.session, server) : null;
    const notice = pool.settings.notifyMoves ? moveNotice(binding.session, pool.parts.fleet, server) : '';
    const lines = request.trace.isOn ? notice + request.trace.lines : notice;
    this.connection = connection;
    this.isSent = true;
    if (this.mayGather && connection.reused && body.isWithin(smallBody)) {
      const out = connection.gather(handler, head.chunked, this.mayPipeline);
      writeRequest(head, scratch.edit, client, server, false, session, lines, out);
      connection.appendBody(body, out);
      body.resume();
      this.awaitResponse();
      return;
    }
    const out = buffers.toServer;
    connection.begin(handler, head.chunked);
    out.clear();
    writeRequest(head, scratch.edit, client, server, request.mayUpgrade, session, lines, out);
    const hasRoom = connection.send(out, body);
    if (!this.mayRepeat(connection)) body.drop();
    if (hasRoom) body.resume();
    else body.pause();
    if (body.ended) this.awaitResponse();
    else this.awaitBody();
  }

  private awaitResponse(): void {
    this.timer.enter('response', this.request.pool.settings.timeouts.response);
    this.handler.onSent();
  }

  /** The request is not whole: the client owes the rest of it, or the server has to take what came. */
  awaitBody(): void {
    const { body, client, pool } = this.request;
    if (body.paused) this.timer.enter('body-room', pool.settings.timeouts.response);
    else this.timer.enter('request-body', client.bodyTimeoutMs);
  }

  /** Ends it, and says what comes next. `isRelayed`: part of a response has gone to the client. */
  fail(fault: Fault, isRelayed: boolean): Verdict {
    const { connection, server } = this;
    const isReused = connection?.reused ?? false;
    const next = this.decide(fault, isRelayed, isReused);
    const { pool, trace } = this.request;
    this.worker.debug?.failed(pool.settings.name, server, fault, next, this.count, trace.requestId);
    this.mayGather = this.mayPipeline = this.isSent = false;
    this.abort();
    if (fault === serverFaults.streamRefused) {
      this.refusals++;
      this.worker.counters.add(counter.upstream_refused);
    } else if (next === 'same') this.worker.counters.add(counter.upstream_stale);
    if (next !== 'same') {
      this.worker.stats.failed(server.slot, fault);
      if (trace.isOn) trace.fail(fault, this.record.serverStatus);
      this.reportHealth(fault, isReused);
      this.leave();
    }
    return next;
  }

  /** The request was pipelined, and lost its connection before the response to it began: nothing has failed. */
  requeued(): void {
    this.mayGather = this.mayPipeline = false;
    this.connection = null;
  }

  /** It may be sent once more after it was sent, as far as its method goes. */
  private mayRepeat(connection: ServerConnection | null): boolean {
    return this.request.isIdempotent || connection?.mayRefuse === true;
  }

  /**
   * To the same server over a fresh connection, which is no other attempt. False: too many are being made there, or the config has
   * changed; the place is given back, and the request has to look for a server again.
   */
  sendAgain(): boolean {
    this.isSent = false;
    if (this.server.connects.hasRoom && !this.request.pool.replaced) {
      this.connect();
      return true;
    }
    this.leave();
    this.count--;
    return false;
  }

  private decide(fault: Fault, isRelayed: boolean, isReused: boolean): Verdict {
    const { connection, request } = this;
    const { retry } = request.pool.settings;
    return verdict({
      fault,
      stage: isRelayed ? 'relayed' : this.isSent && connection?.isUnwritten !== true ? 'sent' : 'unsent',
      reused: isReused,
      answered: connection?.responseStarted ?? false,
      refusals: this.refusals,
      idempotent: request.isIdempotent,
      replayable: request.body.complete,
      attempts: this.count,
      maxAttempts: retry.attempts,
      timeLeft: retry.deadline === 0 ? 1 : retry.deadline - (this.worker.wheel.now - this.startedAt),
    });
  }

  /** A fresh connection that breaks before an answer is no connection: a proxy before a dead server accepts, too. */
  private reportHealth(fault: Fault, isReused: boolean): void {
    if (fault.side !== 'server') return;
    const { server } = this;
    const { health, fleet } = this.request.pool.parts;
    const noConnection = connectFaults.includes(fault);
    if (fault !== serverFaults.bodyCut) fleet.confirmDown(server);
    if (noConnection || (fault === serverFaults.closedEarly && !isReused)) health?.connectFailed(server);
    else if (fault !== serverFaults.bodyCut) health?.answered(server, fault.status);
  }

  /** The response is whole: connection and place are free for the next request. `offer` the place once the client has its end. */
  free(isReusable: boolean): void {
    const { connection, request } = this;
    this.connection = null;
    connection?.release(isReusable && request.body.ended);
    this.hasPlace = false;
    request.pool.free(this.server);
  }

  /** The free place goes to whoever waits for it. */
  offer(): void {
    this.request.pool.offer(this.server);
  }

  /** Gives the place back, if there is one. */
  leave(): void {
    if (!this.hasPlace) return;
    this.hasPlace = false;
    this.request.pool.free(this.server);
    this.offer();
  }

  /** A piece of the request's body has come. `isKept`: it came with the head, whose bytes are kept. */
  addBody(piece: Buffer, isKept: boolean): void {
    const { request } = this;
    if (isKept) request.body.addKept(piece);
    else request.body.add(piece, this.connection, this.mayRepeat(this.connection), this.context.buffers.toServer);
    if (this.timer.isSending) this.awaitBody();
  }

  endBody(trailers: Buffer | null): void {
    const { buffers, reserved } = this.context;
    const kept = trailers === null || reserved === null ? trailers : reserved.withoutTrailers(trailers);
    this.request.body.end(kept, this.connection, buffers.toServer);
  }

  /** The attempt has failed, and so has the connection. */
  abort(): void {
    this.cancelConnect();
    this.connection?.abort(this.handler);
    this.connection = null;
  }

  /** Nobody waits for the response any more. */
  cancel(): void {
    this.cancelConnect();
    this.connection?.cancel(this.handler);
    this.connection = null;
  }

  private cancelConnect(): void {
    this.connecting?.cancel();
    this.connecting = null;
  }
}
