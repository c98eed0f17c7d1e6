/**
 * One request and its response, from top to bottom:
 *
 *      begin ─> recognise ─> locate ─> attempt ─> (store-put) ─> relay ─> complete
 *                              ^          │            │           │
 *                              └──────────┴── failed <─┴───────────┘      (retry, rebind or refuse)
 *
 * Each step is somebody else's: the request as it came (request.ts), who sends it and what the client is told of its session
 * (binding.ts), which server (locate.ts), one attempt there (attempt.ts), the response (relay.ts), what the store has to say
 * (ownership/store-gate.ts), and how long each may take (phase.ts). Reused from request to request; `begin` sets everything anew.
 */
import { balancerFaults, type Fault, requestFaults } from '../errors.ts';
import type { Server } from '../fleet/server.ts';
import type { RequestHead } from '../http/head.ts';
import { Name } from '../http/names.ts';
import { counter } from '../metrics/counters.ts';
import { AccessRecord } from './access-record.ts';
import { Attempt, type AttemptListener } from './attempt.ts';
import { SessionBinding } from './binding.ts';
import type { Client } from './client/client.ts';
import type { ListenerContext } from './client/listener-context.ts';
import type { RequestHandler } from './client/request-handler.ts';
import { type LocateListener, Locator } from './locate.ts';
import { type Expiry, PhaseTimer } from './phase.ts';
import { Relay, type RelayListener } from './relay.ts';
import { ClientRequest } from './request.ts';
import type { WorkerContext } from './worker-context.ts';

export class Exchange implements RequestHandler, LocateListener, AttemptListener, RelayListener {
  private readonly context: ListenerContext;
  private readonly worker: WorkerContext;
  private readonly giveBack: (exchange: Exchange) => void;
  private readonly record: AccessRecord;
  private readonly timer: PhaseTimer;
  private readonly request: ClientRequest;
  private readonly binding: SessionBinding;
  private readonly locator: Locator;
  private readonly attempt: Attempt;
  private readonly relay: Relay;
  private isRouted = false;

  /** `giveBack`: the exchange is over, and free for another request. */
  constructor(context: ListenerContext, giveBack: (exchange: Exchange) => void) {
    const { worker } = context;
    this.context = context;
    this.worker = worker;
    this.giveBack = giveBack;
    const record = new AccessRecord();
    const timer = new PhaseTimer(worker.wheel, (expiry) => this.onExpired(expiry));
    const request = new ClientRequest(context);
    const binding = new SessionBinding(context, request, record);
    this.record = record;
    this.timer = timer;
    this.request = request;
    this.binding = binding;
    this.attempt = new Attempt(context, this, request, binding, timer, record);
    this.relay = new Relay(context, this, request, binding, this.attempt, timer, record);
    this.locator = new Locator(worker, this, request, binding, this.relay.hold.gate, timer, record);
  }

  /** 1. The request has come: its head. What came of its body follows, then `start`. */
  begin(client: Client, head: RequestHead, bytes: Buffer, start: number, mayUpgrade: boolean): void {
    const { request, worker } = this;
    request.begin(client, head, bytes, start, mayUpgrade);
    this.locator.begin();
    this.attempt.begin(head);
    this.relay.begin();
    worker.counters.add(counter.requests);
    this.record.begin(request, head, worker);
    this.route(head);
  }

  /** 2. Which pool serves it, and who sends it? Without a route the balancer answers by itself, or refuses, and the exchange is over. */
  private route(head: RequestHead): void {
    const { context, record, request } = this;
    record.isProbe = context.probes?.has(head) === true;
    const redirect = request.clientSecure ? null : context.redirect;
    const route = record.isProbe ? null : redirect === null ? context.route(head) : redirect.exempt(head);
    this.binding.begin();
    this.isRouted = route !== null;
    if (route === null) {
      const status = (record.isProbe ? context.probes : redirect)?.answer(head, request, context.buffers.responseEdit);
      if (typeof status !== 'number') this.refused(status ?? balancerFaults.noRoute);
      else record.responded(status, this.worker);
      if (typeof status === 'number') this.completed();
      return;
    }
    request.routeTo(route.pool);
    this.binding.recognise(head, route.affinity);
  }

  /** 3. Where does its session live, or who takes it? Ends in `located` or `refused`. */
  start(): void {
    this.locator.locate();
  }

  /** The store was asked, and has answered. */
  onStoreAnswer(): void {
    this.locator.onStoreAnswer();
  }

  /** The config has changed while the request waited: it is placed by the new one, with the attempts that are left. */
  onConfigReplaced(): void {
    const { binding, request } = this;
    request.pool.leave(binding.session, this.worker.seconds());
    this.route(request.head());
    if (!this.isRouted) return;
    this.locator.onRerouted();
    this.start();
  }

  /** 4. A place on the server is taken: the request goes there. */
  located(server: Server): void {
    this.attempt.start(server, this.relay);
  }

  /** 5. The rest of its body follows. */
  onRequestData(piece: Buffer, isKept: boolean): void {
    this.attempt.addBody(piece, isKept);
  }

  onRequestEnd(trailers: Buffer | null): void {
    this.attempt.endBody(trailers);
    if (this.timer.isSending) this.relay.onRequestEnd();
  }

  /** 6. The response goes through the relay: the store keeps what it changes, the client is told of its session, and takes it. */
  onClientDrain(): void {
    this.relay.onClientDrain();
  }

  onClientFull(): void {
    this.relay.onClientFull();
  }

  /** 7. Something went wrong on the server's side: retry, rebind or refuse. */
  onServerFault(fault: Fault): void {
    if (fault.side === 'balancer') {
      // No server has done anything wrong.
      this.onRequestFault(fault);
      return;
    }
    const next = this.attempt.fail(fault, this.relay.hasBegun);
    this.relay.hold.onRetry();
    if (next === 'refuse') this.refused(fault);
    else if (next === 'same') this.sendAgain();
    else {
      this.locator.exclude(this.attempt.server, fault);
      this.start();
    }
  }

  /** It lost its place behind another request on a connection. Nothing has failed. */
  onRequeued(): void {
    this.attempt.requeued();
    this.relay.hold.onRetry();
    this.sendAgain();
  }

  private sendAgain(): void {
    if (!this.attempt.sendAgain()) this.start();
  }

  /** Something did not come in its time (phase.ts). */
  private onExpired(expiry: Expiry): void {
    const overdue = expiry.overdue === 'server-or-client' ? this.relay.onTimeout() : expiry.overdue;
    if (overdue === 'server') this.onServerFault(expiry.fault);
    else if (overdue === 'client')
      this.onRequestFault(expiry.overdue === 'client' ? expiry.fault : requestFaults.clientGone);
    else if (overdue === 'balancer') this.refused(expiry.fault);
    else if (overdue === 'store-query') this.relay.hold.onQueryTimeout();
    else if (overdue === 'store-put') this.relay.hold.onPutTimeout();
  }

  /** The request is wrong, or its client too slow; or there is no room for what is kept for it. */
  onRequestFault(fault: Fault): void {
    this.attempt.cancel();
    this.refused(fault);
  }

  /** Nobody is left to answer to. */
  onClientGone(): void {
    this.worker.counters.add(counter.aborted_by_client);
    this.record.failed(requestFaults.clientGone, this.worker);
    this.attempt.cancel();
    this.completed();
  }

  /** The client is told, or, when part of a response has gone, cut off. */
  refused(fault: Fault): void {
    const { record, request, worker } = this;
    record.failed(fault, worker);
    if (!this.relay.hasBegun) {
      record.responded(fault.status, worker);
      request.client.refuse(fault, request.head().headers.valueOf(Name.accept), request.trace);
    } else if (fault === requestFaults.clientGone || fault === balancerFaults.buffersFull) request.client.reset();
    else request.client.truncate();
    this.completed();
  }

  /** 8. Over: counted, logged, and free for another request. Nothing may touch it after this. */
  completed(): void {
    const { binding, record, request, worker } = this;
    const { client } = request;
    const { session } = binding;
    if (this.isRouted) {
      this.locator.end();
      this.attempt.leave();
      if (session.counted) request.pool.leave(session, worker.seconds());
    }
    this.relay.end();
    this.timer.end();
    record.complete(this.isRouted ? request.pool : null, session, client, worker);
    if (request.trace.isOn && !record.isProbe)
      request.trace.finish(record, this.isRouted ? request.pool : null, session);
    request.end();
    this.giveBack(this);
    client.onExchangeEnd();
  }
}
