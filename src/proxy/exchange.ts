/**
 * One request and its response, from top to bottom:
 *
 *      begin ─> identify ─> place ─> admit ─> connect ─> send ─> (keep) ─> relay ─> complete
 *                           │   │      │         │         │                │
 *                hear, ask ┘   └ wait ┘ <────── failed <──┴────────────────┘      (retry, rebind or refuse)
 *
 * Where sessions have copies, the store is asked twice at most: of the owner, when that is about to change (ask), and to
 * keep what the server has changed, before the client hears of it (keep).
 *
 * Reused from request to request; `begin` sets every field.
 */
import { type Affinity, Recognition } from '../affinity/affinity.ts';
import { balancerFaults, type Fault, requestFaults, serverFaults } from '../errors.ts';
import { type Verdict, verdict } from '../failover/verdict.ts';
import type { Server } from '../fleet/server.ts';
import { clientAddress, isForwardedSecure, seemsProxied } from '../http/forwarded.ts';
import { isIdempotent, Method, type RequestHead, type ResponseHead } from '../http/head.ts';
import { cutFromResponse, cutTrailerNames } from '../http/hop-headers.ts';
import { Name } from '../http/names.ts';
import type { SessionWord } from '../http/session-headers.ts';
import { counter } from '../metrics/counters.ts';
import type { Connecting } from '../net/socket.ts';
import { Session } from '../ownership/session.ts';
import { StoreGate, type StoreGateOwner } from '../ownership/store-gate.ts';
import { Deadline, type DeadlineOwner } from '../time/wheel.ts';
import { AccessRecord } from './access-record.ts';
import type { Client } from './client/client.ts';
import type { ListenerContext } from './client/listener-context.ts';
import { WriteStall } from './client/write-stall.ts';
import { BodyReader, learnFromHead } from './learning.ts';
import { Placement } from './placement.ts';
import type { Pool } from './pool.ts';
import { RequestBody } from './request-body.ts';
import { editRequest, writeRequest } from './request-head.ts';
import type { ServerConnection } from './server/connection.ts';
import type { ConnectListener } from './server/connector.ts';
import { mayShare } from './server/pipelining-guard.ts';
import type { ResponseHandler } from './server/response-handler.ts';
import { openTunnel } from './tunnel.ts';
import type { WorkerContext } from './worker-context.ts';

/** What the exchange waits for; `onDeadline` says what it means when that does not come. */
type Phase =
  | 'idle'
  | 'stale'
  | 'claiming'
  | 'waiting'
  | 'connecting'
  | 'sending'
  | 'answering'
  | 'storing'
  | 'relaying'
  | 'tunnel';

export class Exchange implements DeadlineOwner, ResponseHandler, StoreGateOwner, ConnectListener {
  method: number = Method.get;
  /** The client asked for an upgrade that we pass on. */
  mayUpgrade = false;
  /** See `ResponseHandler`. */
  user = 0;
  clientAddress = '';
  clientSecure = false;
  readonly session: Session;
  /** Where it is, or is about to be. */
  server: Server | null = null;
  readonly record = new AccessRecord();

  private readonly context: ListenerContext;
  private readonly worker: WorkerContext;
  /** The session's: what the affinities fill. */
  private readonly recognition = new Recognition();
  private readonly release: (exchange: Exchange) => void;
  private readonly deadline = new Deadline(this);
  private readonly placement = new Placement();
  private readonly body: RequestBody;
  private readonly bodyReader = new BodyReader();
  private readonly dialog: StoreGate;
  private client!: Client;
  private pool: Pool | null = null;
  private affinity = false;
  /** The head as it came: read again for a retry, or after a wait. */
  private raw!: Buffer;
  private rawStart = 0;
  private phase: Phase = 'idle';
  private upstream: ServerConnection | null = null;
  private connecting: Connecting | null = null;
  /** Wheel time of the beginning, and up to which it may wait for room; 0 while it never had to. */
  private startedAt = 0;
  private waitUntil = 0;
  private attempts = 0;
  /** Servers that have failed it, and what the last of them did. */
  private tried: Server[] | null = null;
  private lastFault: Fault | null = null;
  /** The head has gone out on the current connection; part of a response has gone to the client. */
  private sent = false;
  private relayed = false;
  private clientSlow = false;
  /** The app may name the session in the body of its response. */
  private reading = false;
  /** The request may leave when this loop turn is over: not one that is sent once more, or asks for an upgrade. */
  private gathers = false;
  /** It may share a connection with others (pipelining-guard.ts). */
  private shares = false;
  private readonly taking = new WriteStall();

  constructor(context: ListenerContext, release: (exchange: Exchange) => void) {
    const { worker } = context;
    this.context = context;
    this.worker = worker;
    this.release = release;
    this.session = new Session(this.recognition);
    this.body = new RequestBody(worker.buffers);
    this.dialog = new StoreGate(this, worker.counters);
  }

  get peerTrusted(): boolean {
    return this.client.trusted;
  }

  /** 1. A request head has been read: `head` holds it now, `raw` from `start` on keeps it. What came of the body follows, then `start`. */
  begin(client: Client, head: RequestHead, raw: Buffer, start: number, mayUpgrade: boolean): void {
    const { worker } = this;
    this.client = client;
    this.raw = raw;
    this.rawStart = start;
    this.method = head.method;
    this.mayUpgrade = mayUpgrade;
    this.body.begin(client, head.length !== 0);
    this.startedAt = worker.wheel.now;
    this.waitUntil = 0;
    this.attempts = 0;
    this.tried = this.lastFault = null;
    this.sent = this.relayed = this.clientSlow = this.reading = false;
    this.dialog.begin();
    this.session.clear();
    this.recognition.reader = null;
    this.clientAddress = client.trusted ? clientAddress(head, client.peer, client.isTrusted) : client.peer;
    this.clientSecure = client.secure || (client.trusted && isForwardedSecure(head));
    worker.counters.add(counter.requests);
    this.record.begin(this.clientAddress, client, head, worker);
    this.gathers = !mayUpgrade;
    this.shares = this.gathers && mayShare(head);
    this.user = client.trusted || seemsProxied(head) ? 0 : client.number;
    this.route(head);
  }

  /** False: it is refused, and over. */
  private route(head: RequestHead): boolean {
    const route = this.context.route(head);
    if (route === null) {
      this.pool = null;
      this.refuse(balancerFaults.noRoute);
      return false;
    }
    this.pool = route.pool;
    this.affinity = route.affinity;
    this.record.optedOut = !route.affinity;
    this.body.bufferBody = route.pool.settings.retry.bufferBody;
    this.identify(head, this.recognition);
    this.session.begin();
    return true;
  }

  /** 2. Who is this? The first affinity that recognises wins; what the server must not see is noted on the way. */
  private identify(head: RequestHead, recognition: Recognition): void {
    const { scratch } = this.context;
    const { edit } = scratch;
    const now = this.worker.seconds();
    const { affinities } = this.pool!.parts;
    scratch.assign(this);
    edit.clear();
    editRequest(head, edit, this.client.trusted);
    for (let i = 0; i < affinities.length; i++) {
      // Once one has recognised, the others only take out what the server must not see.
      affinities[i]!.recognise(head, this, now, recognition.recognised ? ignoredRecognition : recognition, edit);
    }
    this.record.requestProof = recognition.proof;
    this.record.beyondLimit ||= recognition.beyondLimit;
    if (!this.affinity) recognition.clear();
    else if (!recognition.recognised) this.pool!.binder?.begin(now, recognition);
    // Nothing is known of the client but where it calls from: that is what hashing policies go by.
    if (recognition.affinity === null) recognition.key = hashText(this.clientAddress);
  }

  /** 3. Where do they live, or who takes them? */
  start(): void {
    const { placement } = this;
    if (this.pool!.replaced) {
      this.startAnew();
      return;
    }
    placement.find(this.pool!, this.session, this.tried, this.worker.seconds());
    if (placement.ownerFailed) this.record.ownerFailed = true;
    if (placement.viewIsStale) {
      this.waitForCurrentView();
      return;
    }
    if (placement.asks !== 'nothing') {
      const copies = this.pool!.copies!;
      this.enter('claiming', copies.settings.timeout);
      this.body.pause();
      this.dialog.ask(placement.asks, placement.server, copies);
      return;
    }
    // With nobody left to ask, what the last server did says more than that there is none.
    if (placement.fault !== null)
      this.refuse(placement.fault === balancerFaults.noServer ? (this.lastFault ?? placement.fault) : placement.fault);
    else if (placement.server?.hasRoom && this.pool!.take(placement.server)) this.admit(placement.server);
    else this.wait(placement.server);
  }

  /** The owner seems to be lost, but this worker's view is stale: the owner may be back. */
  private waitForCurrentView(): void {
    this.worker.counters.add(counter.stale_view_waits);
    this.enter('stale', this.pool!.settings.queue.timeout);
    this.body.pause();
    this.pool!.parts.configVersion.whenCurrent(this);
  }

  /** It may be another config: from the beginning. */
  onCurrent(): void {
    this.enter('idle', 0);
    this.startAnew();
  }

  /** By the config that holds now, with what remains of its attempts: not at a server that has left, nor at one that failed. */
  private startAnew(): void {
    const { session, tried } = this;
    this.pool!.leave(session, this.worker.seconds());
    session.clear();
    this.recognition.reader = null;
    if (!this.route(this.rereadHead())) return;
    if (tried !== null) this.tried = this.pool!.parts.fleet.same(tried);
    this.start();
  }

  /** The store has said what it knows. */
  onAnswered(): void {
    this.enter('idle', 0);
    this.start();
  }

  /** No room: in turn, for this server, or for any (null). */
  private wait(server: Server | null): void {
    const pool = this.pool!;
    const { now } = this.worker.wheel;
    // A change of states makes everyone who waits ask again: that gives nobody a longer wait.
    if (this.waitUntil === 0) this.waitUntil = now + pool.settings.queue.timeout;
    if (!pool.wait(this, server)) {
      this.refuse(balancerFaults.queueFull);
      return;
    }
    if (pool.isConnecting(server)) this.worker.counters.add(counter.connecting_full);
    this.record.queued(this.worker);
    this.enter('waiting', Math.max(1, this.waitUntil - now));
    this.body.pause();
  }

  /** There is room, or states have changed. */
  onRoom(): void {
    this.record.unqueued(this.worker);
    this.enter('idle', 0);
    this.start();
  }

  /** 4. It has a place on the server; now a connection to it: an idle one, else a new one. */
  private admit(server: Server): void {
    this.server = server;
    this.record.server = server.name;
    if (this.attempts++ > 0) this.record.retried(this.worker);
    const upstream = this.shares ? this.pool!.takeGathering(server, this.user) : this.pool!.takeIdle(server, this.user);
    if (upstream === undefined) this.connect(server);
    else {
      this.worker.counters.add(counter.upstream_reused);
      this.send(upstream);
    }
  }

  private connect(server: Server): void {
    const pool = this.pool!;
    this.enter('connecting', pool.settings.timeouts.connect);
    this.record.connecting(this.worker);
    this.connecting = pool.connect(server, this);
  }

  onConnected(upstream: ServerConnection): void {
    this.connecting = null;
    this.record.connected(this.worker);
    this.send(upstream);
  }

  onConnectFailed(fault: Fault): void {
    this.connecting = null;
    this.failed(fault);
  }

  /** 5. The request goes out: one write for the head, and for the body that has come so far. */
  private send(upstream: ServerConnection): void {
    const { body } = this;
    const head = this.readAgain();
    this.upstream = upstream;
    this.sent = true;
    const { copies } = this.pool!;
    const line = copies !== null && this.session.isOffered ? copies.writeLine(this.session, this.server!) : null;
    if (this.gathers && upstream.reused && body.isWithin(smallBody)) {
      const out = upstream.gather(this, head.chunked, this.shares);
      writeRequest(head, this.context.scratch.edit, this.client, this.server!, false, line, out);
      upstream.putBody(body, out);
      body.resume();
      this.enter('answering', this.pool!.settings.timeouts.response);
      return;
    }
    const out = this.context.buffers.toServer;
    upstream.serve(this, head.chunked);
    out.clear();
    writeRequest(head, this.context.scratch.edit, this.client, this.server!, this.mayUpgrade, line, out);
    const room = upstream.send(out, body);
    if (!isIdempotent(this.method)) body.drop();
    if (room) body.resume();
    else body.pause();
    if (body.ended) this.enter('answering', this.pool!.settings.timeouts.response);
    else this.enter('sending', this.sendingTimeout());
  }

  /** A piece of the request's body has come. `isKept`: it came with the head, and stays with it. */
  onRequestData(piece: Buffer, isKept: boolean): void {
    if (isKept) this.body.addKept(piece);
    else this.body.add(piece, this.upstream, isIdempotent(this.method), this.context.buffers.toServer);
    if (this.phase === 'sending') this.enter('sending', this.sendingTimeout());
  }

  onRequestEnd(trailers: Buffer | null): void {
    this.body.end(trailers, this.upstream, this.context.buffers.toServer);
    if (this.phase === 'sending')
      this.enter(this.relayed ? 'relaying' : 'answering', this.pool!.settings.timeouts.response);
  }

  /** The server has taken what was kept for it. */
  onServerDrain(): void {
    this.body.resume();
    if (this.phase === 'sending') this.enter('sending', this.sendingTimeout());
  }

  onInterim(head: ResponseHead): void {
    // The server is at work on it; or it has asked for the body that the client has waited with.
    if (this.phase === 'answering') this.enter('answering', this.pool!.settings.timeouts.response);
    else if (this.phase === 'sending') this.enter('sending', this.sendingTimeout());
    const edit = this.context.buffers.responseEdit;
    edit.clear();
    cutFromResponse(head.headers, edit);
    if (this.client.inform(head, edit)) this.worker.counters.responded(head.status);
  }

  /** 6. What the server says of its session is kept first. True: the response has to wait, or has been refused. */
  mustHold(head: ResponseHead): boolean {
    const copies = this.pool!.copies;
    return copies !== null && this.dialog.mustHold(head, copies);
  }

  get isTold(): boolean {
    return this.recognition.recognised || this.record.bound;
  }

  /** The same in the trailers: the end of the response has to wait. */
  mustHoldEnd(word: SessionWord | 'bad'): boolean {
    const copies = this.pool!.copies;
    return copies !== null && this.dialog.mustHoldEnd(word, copies);
  }

  waitForCopy(timeout: number): void {
    this.enter('storing', timeout);
  }

  /** The copy is safe: on, as it was before it had to wait. */
  proceed(): void {
    const { timeouts } = this.pool!.settings;
    if (!this.body.ended) this.enter('sending', this.sendingTimeout());
    else this.enter(this.relayed ? 'relaying' : 'answering', timeouts.responseBody);
    this.upstream!.proceed();
  }

  /** Neither the store's answer nor the server's may be passed on. */
  onUnsafe(fault: Fault): void {
    this.upstream?.breakOff(this);
    this.upstream = null;
    this.refuse(fault);
  }

  /** 7. The response's head: bind the session, then relay. */
  onResponse(head: ResponseHead): void {
    const { session } = this;
    const pool = this.pool!;
    const edit = this.context.buffers.responseEdit;
    this.relayed = true;
    if (this.phase === 'answering') this.enter('relaying', pool.settings.timeouts.responseBody);
    this.bind(head);
    if (this.dialog.degraded) edit.add('Limpet-Degraded: session-store');
    if (pool.settings.identify) edit.add(`Limpet-Server: ${this.server!.name}; epoch=${session.epoch}`);
    this.client.respond(head, edit, head.bodyLength(this.method));
  }

  private bind(head: ResponseHead): void {
    const { worker, session, recognition } = this;
    const edit = this.context.buffers.responseEdit;
    // Not before: a session belongs to nobody who has not taken a request of it (I10).
    if (session.former !== 0) this.accepted(session);
    this.pool!.parts.health?.answered(this.server!, head.status);
    this.record.responded(head.status, worker);
    edit.clear();
    cutFromResponse(head.headers, edit);
    if (head.headers.has(Name.trailer)) cutTrailerNames(head.headers, edit);
    const { affinities } = this.pool!.parts;
    if (!this.affinity) {
      for (const affinity of affinities) affinity.hide?.(session.owner, head, edit);
      return;
    }
    if (this.dialog.cookie !== undefined) recognition.affinity?.shape?.(recognition, this.dialog.cookie);
    if (session.isBindingDue && this.pool!.copies?.isOver(session) === true) session.changeBinding('withheld');
    const ended = (this.dialog.word?.ended ?? 0) > 0;
    // In the pool's order: a new session that the app has named needs no cookie of ours on top.
    for (const affinity of affinities) {
      const named = this.learn(affinity, head);
      if (named && !recognition.recognised && !session.mustBind) session.changeBinding('withheld');
      if (affinity !== recognition.affinity) affinity.hide?.(session.owner, head, edit);
      else if (ended) affinity.unbind?.(recognition, session, head, this, edit);
      else if (affinity.bind?.(recognition, session, head, this, this.worker.seconds(), edit)) this.record.bound = true;
    }
    this.reading = recognition.reader !== null && this.bodyReader.begin(recognition.reader, head);
  }

  private accepted(session: Session): void {
    const { owners, parts, settings } = this.pool!;
    const { debug } = this.worker;
    // The first epoch is nobody's before.
    if (debug !== null && session.epoch > 1) {
      const former = parts.fleet.at(session.former);
      debug.moved(settings.name, former, this.server!, this.record.ownerFailed, session.epoch);
    }
    owners.accept(session, this.server!, this.worker.seconds());
  }

  private learn(affinity: Affinity, head: ResponseHead): boolean {
    if (affinity.learn === undefined) return false;
    return learnFromHead(affinity, this.pool!, this.session, this.server!, head, this, this.worker.seconds());
  }

  onResponseData(bytes: Buffer, start: number, end: number): void {
    if (this.reading)
      this.reading = this.bodyReader.read(
        bytes,
        start,
        end,
        this.pool!,
        this.session,
        this.server!,
        this.worker.seconds(),
      );
    this.worker.wheel.set(this.deadline, this.pool!.settings.timeouts.responseBody);
    if (this.client.data(bytes, start, end)) return;
    this.clientSlow = true;
    this.taking.begin();
    this.worker.wheel.set(this.deadline, this.client.writeTimeout / 2);
    this.upstream!.pause();
  }

  /** The client has taken what was kept for it. */
  onClientDrain(): void {
    if (!this.clientSlow) return;
    this.clientSlow = false;
    this.worker.wheel.set(this.deadline, this.pool!.settings.timeouts.responseBody);
    this.upstream?.resume();
  }

  /** What was gathered for one write goes out. */
  flush(): void {
    this.client.flush();
  }

  /** 8. The response is whole. `reusable`: so is the connection, once the request is. */
  onResponseEnd(trailers: Buffer | null, reusable: boolean): void {
    const upstream = this.upstream!;
    this.upstream = null;
    upstream.release(reusable && this.body.ended);
    // Before the client can know: its next request must not find its own last one still in the way.
    this.pool!.free(this.server!);
    this.client.finish(trailers);
    this.pool!.offer(this.server!);
    this.server = null;
    this.complete();
  }

  /** 101: from here on the two sides talk to each other. The exchange lasts as long as they do. */
  onUpgrade(head: ResponseHead, early: Buffer | null): void {
    const edit = this.context.buffers.responseEdit;
    this.bind(head);
    edit.add('Connection: Upgrade');
    edit.add(`Upgrade: ${head.headers.valueOf(Name.upgrade)}`);
    this.client.inform(head, edit);
    const client = this.client.takeSocket();
    const server = this.upstream!.takeSocket();
    this.upstream = null;
    if (this.recognition.recognised) this.pool!.owners.hold(this.session, this.worker.seconds());
    this.enter('tunnel', 0);
    openTunnel(
      this.context,
      client,
      { socket: server, early },
      this.pool!.settings.timeouts.tunnel,
      (bytesIn, bytesOut) => {
        this.record.bytesIn += bytesIn;
        this.record.bytesOut += bytesOut;
        this.complete();
      },
    );
  }

  /** Something went wrong on the server's side: retry, rebind or refuse. */
  failed(fault: Fault): void {
    if (fault.side === 'balancer') {
      // No server has done anything wrong.
      this.onRequestFault(fault);
      return;
    }
    const server = this.server!;
    const reused = this.upstream?.reused ?? false;
    const decision = this.decide(fault, reused, this.upstream?.answered ?? false);
    this.worker.debug?.failed(this.pool!.settings.name, server, fault, decision, this.attempts);
    this.gathers = this.shares = false;
    this.dialog.again();
    this.connecting?.cancel();
    this.connecting = null;
    this.upstream?.breakOff(this);
    this.upstream = null;
    if (decision === 'same') {
      this.worker.counters.add(counter.upstream_stale);
      this.sendAgain(server);
      return;
    }
    this.reportHealth(server, fault, reused);
    this.leave();
    if (decision === 'refuse') {
      this.refuse(fault);
      return;
    }
    this.lastFault = fault;
    this.sent = false;
    this.tried = [...(this.tried ?? []), server];
    this.start();
  }

  /** It went out behind another request, whose answer gives no hold for its own: once more, alone. Nothing has failed. */
  repeat(): void {
    this.gathers = this.shares = false;
    this.dialog.again();
    this.upstream = null;
    this.sendAgain(this.server!);
  }

  /** To the same server over a fresh connection, which is no other attempt; in its turn where too many are being made. */
  private sendAgain(server: Server): void {
    this.sent = false;
    if (server.connects.hasRoom && !this.pool!.replaced) {
      this.connect(server);
      return;
    }
    this.leave();
    this.attempts--;
    this.start();
  }

  private decide(fault: Fault, reused: boolean, answered: boolean): Verdict {
    const { retry } = this.pool!.settings;
    return verdict({
      fault,
      stage: this.relayed ? 'relayed' : this.sent && this.upstream?.unwritten !== true ? 'sent' : 'unsent',
      reused,
      answered,
      idempotent: isIdempotent(this.method),
      replayable: this.body.complete,
      attempts: this.attempts,
      maxAttempts: retry.attempts,
      timeLeft: retry.deadline === 0 ? 1 : retry.deadline - (this.worker.wheel.now - this.startedAt),
    });
  }

  /** A fresh connection that breaks before an answer is no connection: a proxy before a dead server accepts, too. */
  private reportHealth(server: Server, fault: Fault, reused: boolean): void {
    if (fault.side !== 'server') return;
    const { health, fleet } = this.pool!.parts;
    const { connectRefused, connectTimeout, nameNotFound } = serverFaults;
    const noConnection = fault === connectRefused || fault === connectTimeout || fault === nameNotFound;
    if (fault !== serverFaults.bodyCut) fleet.confirmDown(server);
    if (noConnection || (fault === serverFaults.closedEarly && !reused)) health?.connectFailed(server);
    else if (fault !== serverFaults.bodyCut) health?.answered(server, fault.status);
  }

  /** The client is told, or, when part of a response has gone, cut off. */
  private refuse(fault: Fault): void {
    this.record.failed(fault, this.worker);
    if (this.relayed && (fault === requestFaults.clientGone || fault === balancerFaults.buffersFull))
      this.client.drop();
    else if (this.relayed) this.client.cut();
    else {
      this.record.responded(fault.status, this.worker);
      const accept = this.rereadHead().headers.valueOf(Name.accept);
      this.client.refuse(fault, accept);
    }
    this.complete();
  }

  /** The request turned out to be wrong, or too slow, while its body came; or there is no room for what is kept for it. */
  onRequestFault(fault: Fault): void {
    this.abandon();
    this.refuse(fault);
  }

  /** The client went away: nobody is left to answer to. */
  onClientGone(): void {
    this.worker.counters.add(counter.aborted_by_client);
    this.record.failed(requestFaults.clientGone, this.worker);
    this.abandon();
    this.complete();
  }

  onDeadline(): void {
    if (this.phase === 'waiting' || this.phase === 'stale') this.refuse(balancerFaults.queueTimeout);
    else if (this.phase === 'claiming') this.dialog.onAnswer('failed', this.pool!.copies!);
    else if (this.phase === 'storing') this.dialog.onLate(this.pool!.copies!);
    else if (this.phase === 'connecting') this.failed(serverFaults.connectTimeout);
    else if (this.phase === 'answering') this.failed(serverFaults.responseTimeout);
    // Whose turn was it? A paused body waits for the server, else the client owes us the rest.
    else if (this.phase === 'sending' && this.body.paused) this.failed(serverFaults.responseTimeout);
    else if (this.phase === 'sending') this.onRequestFault(requestFaults.requestTimeout);
    else if (this.clientSlow) this.onClientStall();
    else this.failed(serverFaults.bodyTimeout);
  }

  /** A client that takes anything at all is only slow. */
  private onClientStall(): void {
    if (this.taking.hasStalled(this.client.untaken)) this.onRequestFault(requestFaults.clientGone);
    else this.worker.wheel.set(this.deadline, this.client.writeTimeout / 2);
  }

  /** 9. Over: counted, logged, and free for the next. Nothing may touch it after this. */
  private complete(): void {
    const { client, pool, worker } = this;
    if (this.phase === 'waiting') {
      pool!.stopWaiting(this);
      this.record.unqueued(worker);
    } else if (this.phase === 'stale') pool!.parts.configVersion.forget(this);
    this.leave();
    if (this.session.counted) pool!.leave(this.session, this.worker.seconds());
    this.phase = 'idle';
    this.dialog.end();
    worker.wheel.cancel(this.deadline);
    this.record.complete(pool?.settings.name ?? '', this.session, client, worker);
    this.body.clear();
    this.raw = noBytes;
    this.context.scratch.release(this);
    this.release(this);
    client.next();
  }

  private leave(): void {
    const { server } = this;
    this.server = null;
    if (server === null) return;
    this.pool!.free(server);
    this.pool!.offer(server);
  }

  /** Nobody waits for the answer any more. */
  private abandon(): void {
    this.connecting?.cancel();
    this.connecting = null;
    this.upstream?.abandon(this);
    this.upstream = null;
  }

  private enter(phase: Phase, timeout: number): void {
    this.phase = phase;
    this.worker.wheel.set(this.deadline, timeout);
  }

  private sendingTimeout(): number {
    return this.body.paused ? this.pool!.settings.timeouts.response : this.client.bodyTimeout;
  }

  /** The scratch head and its edits are this exchange's; read again if another one has used them. */
  private readAgain(): RequestHead {
    const head = this.rereadHead();
    if (!this.context.scratch.isHeldBy(this)) {
      scratchRecognition.clear();
      this.identify(head, scratchRecognition);
    }
    return head;
  }

  private rereadHead(): RequestHead {
    return this.context.scratch.reread(this, this.raw, this.rawStart);
  }
}

/** A request with a body up to this size leaves with others of its loop turn. */
const smallBody = 8 * 1024;

/** FNV-1a: only spreads clients over servers. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

const ignoredRecognition = new Recognition();
const noBytes = Buffer.alloc(0);

/** Where a second reading of a head leaves what the first has already found. */
const scratchRecognition = new Recognition();
