/**
 * The response on its way from the server to the client, with flow control: a slow client makes the server wait. What it changes in the
 * session waits for the store first (ownership/store-gate.ts). Reused; `begin` sets it anew.
 */
import { balancerFaults, type Fault, serverFaults } from '../errors.ts';
import type { Server } from '../fleet/server.ts';
import type { ResponseHead } from '../http/head.ts';
import { cutFromResponse } from '../http/hop-headers.ts';
import { replaceHsts } from '../http/hsts.ts';
import { Name } from '../http/names.ts';
import type { SessionCommand } from '../http/session-headers.ts';
import type { AccessRecord } from './access-record.ts';
import type { Attempt, SentListener } from './attempt.ts';
import type { SessionBinding } from './binding.ts';
import type { ListenerContext } from './client/listener-context.ts';
import { WriteStall } from './client/write-stall.ts';
import { drainAsked } from './drain-header.ts';
import type { LongLived } from './long-lived.ts';
import type { PhaseTimer } from './phase.ts';
import type { ClientRequest } from './request.ts';
import { type HoldListener, ResponseHold } from './response-hold.ts';
import { endsEvent, type StreamKind, streamKindOf } from './streams.ts';
import { openTunnel } from './tunnel.ts';

/** What becomes of the response; the exchange. */
export interface RelayListener {
  /** The client has all of it. */
  completed(): void;
  /** It will not come, or not be whole. */
  onServerFault(fault: Fault): void;
  /** The request lost its place behind another one on the connection, and nothing has failed. */
  onRequeued(): void;
  /** Neither the response nor what the store answered may be passed on. */
  refused(fault: Fault): void;
  /** The store has said where the session lives, or accepted its new owner. */
  onStoreAnswer(): void;
}

export class Relay implements SentListener, HoldListener, LongLived {
  index = -1;
  /** Part of the final response has gone to the client. */
  hasBegun = false;
  readonly hold: ResponseHold;
  private readonly context: ListenerContext;
  private readonly listener: RelayListener;
  private readonly request: ClientRequest;
  private readonly binding: SessionBinding;
  private readonly attempt: Attempt;
  private readonly timer: PhaseTimer;
  private readonly record: AccessRecord;
  private readonly stall = new WriteStall();
  private isClientSlow = false;
  /** Counted at its server as long as it runs, unless none. */
  private stream: StreamKind = 'none';
  /** What has come of the server-sent events is whole. */
  private isBetweenEvents = false;

  constructor(
    context: ListenerContext,
    listener: RelayListener,
    request: ClientRequest,
    binding: SessionBinding,
    attempt: Attempt,
    timer: PhaseTimer,
    record: AccessRecord,
  ) {
    this.context = context;
    this.listener = listener;
    this.request = request;
    this.binding = binding;
    this.attempt = attempt;
    this.timer = timer;
    this.record = record;
    this.hold = new ResponseHold(this, request, binding, attempt, timer, record, context.worker.counters);
  }

  begin(): void {
    this.hasBegun = this.isClientSlow = false;
    this.hold.begin();
  }

  // What a connection to a server asks of the request.

  get method(): number {
    return this.request.method;
  }

  get mayUpgrade(): boolean {
    return this.request.mayUpgrade;
  }

  get clientNumber(): number {
    return this.request.clientNumber;
  }

  /** The server has taken what was kept for it of the request. */
  onServerDrain(): void {
    this.request.body.resume();
    if (this.timer.isSending) this.attempt.awaitBody();
  }

  /** 1xx: the server is at work on the request, or asks for the body that the client has waited with. */
  onInterim(head: ResponseHead): void {
    const { timer } = this;
    const { client, pool } = this.request;
    if (timer.phase === 'response') timer.extend(pool.settings.timeouts.response);
    else if (timer.isSending) this.attempt.awaitBody();
    const { responseEdit: edit } = this.context.buffers;
    edit.clear();
    cutFromResponse(head.headers, edit);
    if (client.sendInterim(head, edit)) this.context.worker.counters.responded(head.status);
  }

  // What the response changes in its session, or says of its name, is in the store before the client gets the response.

  mustHold(head: ResponseHead): boolean {
    return this.hold.mustHold(head);
  }

  mustHoldEnd(command: SessionCommand | 'bad'): boolean {
    return this.hold.mustHoldEnd(command);
  }

  onReleased(piece: Buffer | null): void {
    const { body, pool } = this.request;
    if (body.ended) this.awaitResponse(pool.settings.timeouts.responseBody);
    else this.attempt.awaitBody();
    if (piece !== null) this.sendData(piece, 0, piece.length);
  }

  onStoreAnswer(): void {
    this.listener.onStoreAnswer();
  }

  onUnsafe(fault: Fault): void {
    this.attempt.abort();
    this.listener.refused(fault);
  }

  /** The exchange is over. */
  end(): void {
    this.hold.end();
    if (this.stream !== 'none') this.endStream();
  }

  // The response itself.

  /** The head of the final response: binds the session, and begins to relay. */
  onResponse(head: ResponseHead): void {
    const { binding, request, timer } = this;
    const { gate } = this.hold;
    const { responseEdit: edit } = this.context.buffers;
    const { server } = this.attempt;
    const { settings } = request.pool;
    if (!request.client.accepts(head)) {
      this.onUnsafe(serverFaults.badResponse);
      return;
    }
    this.hasBegun = true;
    if (head.headers.has(Name.limpet)) request.pool.onDrainAsked(server, drainAsked(head.headers));
    if (timer.phase === 'response') timer.enter('relaying', settings.timeouts.responseBody);
    binding.bind(head, server, gate);
    if (gate.degraded) edit.add('Limpet-Degraded: session-store');
    if (settings.identify) edit.add(`Limpet-Server: ${server.name}; epoch=${binding.session.epoch}`);
    const { client } = request;
    if (client.peer.hsts !== '') replaceHsts(head.headers, client.peer.hsts, edit);
    const length = head.bodyLength(request.method);
    if (length < 0) this.beginStream(head, server);
    client.sendHead(head, edit, length);
  }

  private beginStream({ headers }: ResponseHead, server: Server): void {
    this.stream = streamKindOf(headers, this.request.pool.settings.protocol === 'h2');
    if (this.stream === 'none') return;
    this.isBetweenEvents = true;
    server.countStream(1);
    this.request.pool.longLived.add(this);
  }

  private endStream(): void {
    this.stream = 'none';
    this.attempt.server.countStream(-1);
    this.request.pool.longLived.remove(this);
  }

  // Its server is drained, and it goes on.

  get at(): Server {
    return this.attempt.server;
  }

  /** Server-sent events end between two of them: the client connects anew, and says which event was its last. */
  dismiss(): void {
    if (this.stream !== 'events' || !this.isBetweenEvents || this.isClientSlow) return;
    this.attempt.cancel();
    this.request.client.finish(null);
    this.flush();
    this.listener.completed();
  }

  cut(): void {
    this.attempt.cancel();
    this.listener.refused(balancerFaults.serverDrained);
  }

  onResponseData(bytes: Buffer, start: number, end: number): boolean {
    if (this.hold.mustHoldPiece(bytes, start, end)) return true;
    this.sendData(bytes, start, end);
    return false;
  }

  private sendData(bytes: Buffer, start: number, end: number): void {
    const { attempt, timer } = this;
    const { client, pool } = this.request;
    timer.extend(pool.settings.timeouts.responseBody);
    if (this.stream === 'events') this.isBetweenEvents = endsEvent(bytes, start, end);
    if (client.sendData(bytes, start, end)) return;
    this.waitForClient();
    attempt.connection?.pause(this);
  }

  flush(): void {
    this.request.client.flush();
  }

  onResponseEnd(trailers: Buffer | null, isReusable: boolean): void {
    // The place is free before the client can know: its next request must not find its own last one in the way.
    this.attempt.free(isReusable);
    this.request.client.finish(trailers);
    this.attempt.offer();
    this.listener.completed();
  }

  onServerFault(fault: Fault): void {
    this.listener.onServerFault(fault);
  }

  onRequeued(): void {
    this.listener.onRequeued();
  }

  /** The whole request has gone to a server. */
  onSent(): void {
    this.isClientSlow = false;
    this.onClientFull();
  }

  /** Nothing is read from the server while the client's connection takes nothing: each stream of it would keep what one read brings. */
  onClientFull(): void {
    const { attempt, timer } = this;
    if (this.isClientSlow || (timer.phase !== 'response' && timer.phase !== 'relaying')) return;
    if (!this.request.client.isBehindOthers() || attempt.connection?.pause(this) !== true) return;
    if (timer.phase === 'response') this.record.isHeldBack = true;
    this.waitForClient();
  }

  private waitForClient(): void {
    this.isClientSlow = true;
    this.stall.begin();
    this.timer.extend(this.request.client.writeTimeoutMs / 2);
  }

  /** The client has taken what was kept for it. */
  onClientDrain(): void {
    if (!this.isClientSlow) return;
    this.isClientSlow = false;
    const { timeouts } = this.request.pool.settings;
    this.timer.extend(this.timer.phase === 'response' ? timeouts.response : timeouts.responseBody);
    this.attempt.connection?.resume();
  }

  /** Nothing has moved for the time of the phase: because of the server, or of the client? One that takes anything at all is only slow. */
  onTimeout(): 'server' | 'client' | 'wait' {
    if (!this.isClientSlow) return 'server';
    const { client } = this.request;
    if (this.stall.hasStalled(client.undeliveredBytes)) return 'client';
    this.timer.extend(client.writeTimeoutMs / 2);
    return 'wait';
  }

  /** The request is whole. A response that is under way already may be quiet for as long as any other. */
  onRequestEnd(): void {
    const { response, responseBody } = this.request.pool.settings.timeouts;
    this.awaitResponse(this.hasBegun ? responseBody : response);
  }

  /** The request is whole, or the store has what the response changes: what is awaited now. */
  private awaitResponse(timeoutMs: number): void {
    this.timer.enter(this.hasBegun ? 'relaying' : 'response', timeoutMs);
    this.onClientFull();
  }

  /** 101: from here on the two sides talk to each other. The exchange lasts as long as they do. */
  onUpgrade(head: ResponseHead, early: Buffer | null): void {
    const { attempt, binding, record } = this;
    const { client, pool } = this.request;
    const { connection, server } = attempt;
    const { responseEdit: edit } = this.context.buffers;
    if (connection === null) return;
    if (!client.accepts(head)) {
      this.onUnsafe(serverFaults.badResponse);
      return;
    }
    binding.bind(head, server, this.hold.gate);
    edit.add('Connection: Upgrade');
    edit.add(`Upgrade: ${head.headers.valueOf(Name.upgrade)}`);
    client.sendInterim(head, edit);
    const clientEnd = client.takeSocket();
    const serverEnd = { socket: connection.takeSocket(), early };
    attempt.connection = null;
    // A session with an open tunnel is not idle.
    if (binding.session.recognition.recognised) pool.claims.countTunnel(binding.session, this.context.worker.seconds());
    this.timer.enter('tunnel', 0);
    const isWebSocket = head.headers.valueOf(Name.upgrade)?.toLowerCase() === 'websocket';
    server.countTunnel(1);
    const guest: LongLived = { index: -1, at: server, dismiss: () => tunnel.dismiss(), cut: () => tunnel.cut() };
    pool.longLived.add(guest);
    const idleMs = pool.settings.timeouts.tunnel;
    const tunnel = openTunnel(this.context, clientEnd, serverEnd, idleMs, isWebSocket, (bytesIn, bytesOut) => {
      record.bytesIn += bytesIn;
      record.bytesOut += bytesOut;
      server.countTunnel(-1);
      pool.longLived.remove(guest);
      this.listener.completed();
    });
  }
}
