/**
 * One request and its response, from top to bottom:
 *
 *      begin ─> identify ─> start ─> locate ─> choose ─> admit ─> connect ─> send ─> relay ─> complete
 *                              │        │         │         │         │       │
 *                              └────────┴─ queue ─┴─── failed ────────┴───────┴─> retry, rebind or refuse
 *
 * Reused from request to request; every field is set by `begin`.
 */
import { Session } from '../affinity/affinity.ts';
import { balancerFaults, type Fault, requestFaults, serverFaults } from '../errors.ts';
import { type Verdict, verdict } from '../failover/verdict.ts';
import type { Server } from '../fleet/server.ts';
import { clientAddress, isForwardedSecure } from '../http/forwarded.ts';
import { isIdempotent, Method, type RequestHead, type ResponseHead } from '../http/head.ts';
import { cutFromResponse } from '../http/hop-headers.ts';
import { Name } from '../http/names.ts';
import { counter } from '../metrics/counters.ts';
import type { Connecting } from '../net/socket.ts';
import { Deadline, type DeadlineOwner } from '../time/wheel.ts';
import type { Client } from './client.ts';
import type { Pool } from './pool.ts';
import { Record } from './record.ts';
import { Replay } from './replay.ts';
import { editRequest, writeRequest } from './request-head.ts';
import { Tunnel } from './tunnel.ts';
import type { Upstream } from './upstream.ts';
import type { Work } from './work.ts';

/** What the exchange waits for; `onDeadline` says what it means when that does not come. */
export type Phase = 'idle' | 'queued' | 'connecting' | 'sending' | 'waiting' | 'relaying' | 'tunnel';

export class Exchange implements DeadlineOwner {
  phase: Phase = 'idle';
  method: number = Method.get;
  /** The client asked for an upgrade that we pass on. */
  mayUpgrade = false;
  clientAddress = '';
  clientSecure = false;
  readonly session = new Session();
  readonly record = new Record();
  server: Server | null = null;

  private readonly work: Work;
  private readonly deadline = new Deadline(this);
  private client!: Client;
  private pool: Pool | null = null;
  private affinity = false;
  /** The head as it came: read again for a retry, or after a wait. */
  private raw!: Buffer;
  private rawStart = 0;
  private upstream: Upstream | null = null;
  private connecting: Connecting | null = null;
  private readonly replay = new Replay();
  private startedAt = 0;
  private attempts = 0;
  /** Wheel time up to which it may wait for room; 0 when it never had to. */
  private queueUntil = 0;
  private tried: Server[] | null = null;
  private hasBody = false;
  /** The request's head has gone out on the current connection. */
  private sent = false;
  private relayed = false;
  private bodyPaused = false;
  private clientSlow = false;

  constructor(work: Work) {
    this.work = work;
  }

  /** 1. A request head has been read: `head` holds it now, `raw` from `start` on keeps it. */
  begin(client: Client, head: RequestHead, raw: Buffer, start: number, mayUpgrade: boolean): void {
    const work = this.work;
    this.client = client;
    this.raw = raw;
    this.rawStart = start;
    this.method = head.method;
    this.mayUpgrade = mayUpgrade;
    this.hasBody = head.length !== 0;
    this.startedAt = work.wheel.now;
    this.attempts = 0;
    this.queueUntil = 0;
    this.tried = null;
    this.server = null;
    this.sent = this.relayed = this.bodyPaused = this.clientSlow = false;
    this.replay.clear();
    this.session.clear();
    this.clientAddress = client.trusted ? clientAddress(head, client.peer, client.isTrusted) : client.peer;
    this.clientSecure = client.secure || (client.trusted && isForwardedSecure(head));
    work.counters.add(counter.requests);
    this.record.begin(this.clientAddress, client, head, work);

    const route = work.route(head);
    this.pool = route?.pool ?? null;
    if (route === null) {
      this.refuse(balancerFaults.noRoute);
      return;
    }
    this.affinity = route.affinity;
    this.record.optedOut = !route.affinity;
    this.identify(head, this.session);
  }

  /** The head, and what came of the body with it, are in: find a server. */
  start(): void {
    this.settle();
  }

  /** 2. Who is this? The first affinity that recognises wins; what the server must not see is noted on the way. */
  private identify(head: RequestHead, session: Session): void {
    const { work } = this;
    const edit = work.requestEdit;
    const now = this.seconds();
    const { affinities } = this.pool!.parts;
    work.current = this;
    edit.clear();
    editRequest(head, edit);
    for (let i = 0; i < affinities.length; i++) if (affinities[i]!.recognise(head, this, now, session, edit)) break;
    if (session !== this.session) return;
    this.record.requestVerdict = session.verdict;
    if (!this.affinity) session.clear();
    else if (!session.recognised && affinities.length > 0) affinities[0]!.begin(now, session);
    // Nothing is known of the client but where it calls from: that is what hashing policies go by.
    if (session.affinity === null) session.key = hashText(this.clientAddress);
  }

  /** 3. Where do they live? The owner when it is usable; else what the pool does when an owner fails; else a new owner. */
  private settle(): void {
    const { session } = this;
    const pool = this.pool!;
    if (!session.recognised) {
      this.choose();
      return;
    }
    const owner = pool.locate(session, this.seconds());
    if (owner !== undefined && pool.isUsable(owner) && this.tried?.includes(owner) !== true) this.admit(owner, true);
    else this.ownerFailed();
  }

  /** 4. Nobody's: a policy proposes, the fleet filters. */
  private choose(): void {
    const pool = this.pool!;
    const server = pool.parts.choose(this.session.key, this.tried);
    if (server === undefined) {
      if (pool.parts.busy(this.tried)) this.queue(null);
      else this.refuse(balancerFaults.noServer);
      return;
    }
    if (this.session.affinity !== null) this.session.owner = server.id;
    this.admit(server, false);
  }

  /** The owner is gone, down, or has just failed: borrow another server, make it the owner, or say so. */
  private ownerFailed(): void {
    const { session } = this;
    const pool = this.pool!;
    this.record.ownerFailed = true;
    if (pool.settings.whenOwnerFails === 'reject') {
      this.refuse(pool.ownerDown);
      return;
    }
    // A key placed by hashing has no owner to change: it falls to the next server, and returns.
    const claims = pool.settings.whenOwnerFails === 'rebind' && session.owner !== 0;
    const server = claims ? pool.parts.choose(session.key, this.tried) : pool.parts.borrow(session.key, this.tried);
    if (server === undefined) {
      if (pool.parts.busy(this.tried)) this.queue(null);
      else this.refuse(balancerFaults.noServer);
      return;
    }
    if (claims) {
      pool.claim(session, server, this.seconds());
      this.work.counters.add(counter.rebinds);
    }
    this.admit(server, false);
  }

  /** 5. A place on the server, now or in turn. */
  private admit(server: Server, pinned: boolean): void {
    if (!server.hasRoom) {
      this.queue(pinned ? server : null);
      return;
    }
    this.pool!.take(server);
    this.server = server;
    this.record.server = server.name;
    this.attempts++;
    const upstream = this.pool!.takeIdle(server);
    if (upstream === undefined) this.connect(server);
    else {
      this.work.counters.add(counter.upstream_reused);
      this.send(upstream);
    }
  }

  private queue(server: Server | null): void {
    const pool = this.pool!;
    const { now } = this.work.wheel;
    // A change of states makes everyone who waits ask again: that gives nobody a longer wait.
    if (this.queueUntil === 0) this.queueUntil = now + pool.settings.queue.timeout;
    if (!pool.wait(this, server)) {
      this.refuse(balancerFaults.queueFull);
      return;
    }
    this.record.queued(this.work);
    this.enter('queued', Math.max(1, this.queueUntil - now));
    this.holdBody();
  }

  /** Room, or a change of states, while it was queued. */
  onRoom(): void {
    this.record.unqueued(this.work);
    this.enter('idle', 0);
    this.settle();
  }

  private connect(server: Server): void {
    const pool = this.pool!;
    this.enter('connecting', pool.settings.timeouts.connect);
    this.holdBody();
    this.record.connecting(this.work);
    this.connecting = pool.connect(
      server,
      (upstream) => {
        this.connecting = null;
        this.record.connected(this.work);
        this.send(upstream);
      },
      () => {
        this.connecting = null;
        this.failed(serverFaults.connectRefused);
      },
    );
  }

  /** 6. The request goes out: one write for the head, and for the body that has come so far. */
  private send(upstream: Upstream): void {
    const { work, replay } = this;
    const head = this.readAgain();
    this.upstream = upstream;
    this.sent = true;
    upstream.serve(this, head.chunked);
    const out = work.toServer;
    out.clear();
    writeRequest(head, work.requestEdit, this.client, this.server!, this.mayUpgrade, out);
    const room = upstream.send(out, replay);
    if (this.hasBody && !this.isRepeatable()) replay.drop();
    if (!this.hasBody || replay.ended) this.enter('waiting', this.pool!.settings.timeouts.response);
    else {
      this.enter('sending', this.client.bodyTimeout);
      if (room) this.releaseBody();
      else this.holdBody();
    }
  }

  /** The scratch head and its edits are this exchange's, read again if another one used them meanwhile. */
  private readAgain(): RequestHead {
    const { work } = this;
    if (work.current !== this) {
      this.rereadHead();
      this.identify(work.request, scratchSession);
    }
    return work.request;
  }

  private rereadHead(): RequestHead {
    const { work } = this;
    if (work.current !== this) {
      work.current = null;
      work.request.read(this.raw, this.rawStart, this.raw.length);
    }
    return work.request;
  }

  /** The request's body comes in: on to the server, or held until there is one. */
  onRequestData(piece: Buffer): void {
    const { replay } = this;
    const upstream = this.upstream;
    this.record.bytesIn += piece.length;
    if (upstream === null || this.isRepeatable()) {
      replay.keep(piece);
      if (replay.size > this.pool!.settings.retry.bufferBody) {
        if (upstream === null) this.holdBody();
        else replay.drop();
      }
    }
    if (upstream === null) return;
    if (this.phase === 'sending') this.work.wheel.set(this.deadline, this.client.bodyTimeout);
    if (!upstream.data(piece, this.work.toServer)) this.holdBody();
  }

  onRequestEnd(trailers: Buffer | null): void {
    this.replay.ended = true;
    this.replay.trailers = trailers;
    if (this.upstream === null) return;
    this.upstream.finish(trailers, this.work.toServer);
    if (this.phase === 'sending') this.enter('waiting', this.pool!.settings.timeouts.response);
  }

  /** The server has taken what was kept for it. */
  onServerDrain(): void {
    this.releaseBody();
  }

  onInterim(head: ResponseHead): void {
    const edit = this.work.responseEdit;
    edit.clear();
    cutFromResponse(head.headers, edit);
    this.client.inform(head, edit);
  }

  /** 7. The response's head: bind the session, then relay. */
  onResponse(head: ResponseHead): void {
    const { work, session } = this;
    const pool = this.pool!;
    const edit = work.responseEdit;
    this.relayed = true;
    if (this.phase === 'waiting') this.enter('relaying', pool.settings.timeouts.responseBody);
    pool.parts.health?.answered(this.server!, head.status);
    edit.clear();
    cutFromResponse(head.headers, edit);
    if (session.affinity?.bind(session, head, this, this.seconds(), edit) === true) this.record.bound = true;
    if (pool.settings.identify) edit.add(`Limpet-Server: ${this.server!.name}; epoch=${session.epoch}`);
    this.record.responded(head.status, work);
    this.client.respond(head, edit, head.bodyLength(this.method));
  }

  onResponseData(bytes: Buffer, start: number, end: number): void {
    this.record.bytesOut += end - start;
    this.work.wheel.set(this.deadline, this.pool!.settings.timeouts.responseBody);
    if (this.client.data(bytes, start, end)) return;
    this.clientSlow = true;
    this.work.wheel.set(this.deadline, this.client.writeTimeout);
    this.upstream!.socket.pause();
  }

  /** The client has taken what was kept for it. */
  onClientDrain(): void {
    if (!this.clientSlow) return;
    this.clientSlow = false;
    this.work.wheel.set(this.deadline, this.pool!.settings.timeouts.responseBody);
    this.upstream?.socket.resume();
  }

  /** 8. The response is whole. `reusable`: so is the connection. */
  onResponseEnd(trailers: Buffer | null, reusable: boolean): void {
    const upstream = this.upstream!;
    this.upstream = null;
    this.client.finish(trailers);
    upstream.release(reusable && (!this.hasBody || this.replay.ended));
    this.complete();
  }

  /** What was gathered for one write goes out. */
  flush(): void {
    this.client.flush();
  }

  /** 101: from here on the two sides talk to each other. The exchange lasts as long as they do. */
  onUpgrade(head: ResponseHead, early: Buffer | null): void {
    const { work, session } = this;
    const pool = this.pool!;
    const edit = work.responseEdit;
    pool.parts.health?.answered(this.server!, head.status);
    edit.clear();
    cutFromResponse(head.headers, edit);
    edit.add('Connection: Upgrade');
    edit.add(`Upgrade: ${head.headers.valueOf(Name.upgrade)}`);
    if (session.affinity?.bind(session, head, this, this.seconds(), edit) === true) this.record.bound = true;
    this.record.responded(101, work);
    this.client.inform(head, edit);
    const client = this.client.takeSocket();
    const server = this.upstream!.takeSocket();
    this.upstream = null;
    this.enter('tunnel', 0);
    work.counters.add(counter.tunnels);
    work.counters.add(counter.tunnels_open);
    const tunnel = new Tunnel(client.socket, server, {
      wheel: work.wheel,
      idle: pool.settings.timeouts.tunnel,
      onClose: (bytesIn, bytesOut) => {
        this.record.bytesIn += bytesIn;
        this.record.bytesOut += bytesOut;
        work.counters.add(counter.tunnels_open, -1);
        work.tunnels.delete(tunnel);
        this.complete();
      },
    });
    work.tunnels.add(tunnel);
    tunnel.start(client.early, early);
  }

  /** Something went wrong on the server's side: retry, rebind or refuse. */
  failed(fault: Fault): void {
    const pool = this.pool!;
    const server = this.server!;
    const reused = this.upstream?.reused ?? false;
    const answered = this.upstream?.answered ?? false;
    const decision = this.decide(fault, reused, answered);
    this.dropUpstream();
    if (decision === 'same') {
      this.work.counters.add(counter.upstream_stale);
      this.sent = false;
      this.connect(server);
      return;
    }
    if (fault !== serverFaults.bodyCut && fault.status !== 504) pool.parts.health?.connectFailed(server);
    this.leave();
    if (decision === 'refuse') {
      this.refuse(fault);
      return;
    }
    this.record.retried(this.work);
    this.sent = false;
    this.tried = [...(this.tried ?? []), server];
    this.settle();
  }

  private decide(fault: Fault, reused: boolean, answered: boolean): Verdict {
    const { retry } = this.pool!.settings;
    return verdict({
      fault,
      stage: this.relayed ? 'relayed' : this.sent ? 'sent' : 'unsent',
      reused,
      answered,
      idempotent: isIdempotent(this.method),
      replayable: this.replay.complete,
      attempts: this.attempts,
      maxAttempts: retry.attempts,
      timeLeft: retry.deadline === 0 ? 1 : retry.deadline - (this.work.wheel.now - this.startedAt),
    });
  }

  /** The client is told, or, when part of a response has gone, cut off. */
  private refuse(fault: Fault): void {
    this.record.failure = fault;
    if (this.relayed) this.client.cut();
    else {
      this.record.responded(fault.status, this.work);
      const accept = this.rereadHead().headers.valueOf(Name.accept);
      this.client.refuse(fault, accept, fault.side === 'balancer' && fault.status === 503 ? retryAfter : 0);
    }
    this.complete();
  }

  /** The request turned out to be wrong while its body came. */
  onRequestFault(fault: Fault): void {
    this.dropUpstream();
    this.refuse(fault);
  }

  /** The client went away: nobody is left to answer to. */
  onClientGone(): void {
    if (this.phase === 'tunnel') return;
    this.work.counters.add(counter.aborted_by_client);
    this.record.failure = requestFaults.clientGone;
    this.dropUpstream();
    this.complete();
  }

  onDeadline(): void {
    switch (this.phase) {
      case 'queued':
        this.refuse(balancerFaults.queueTimeout);
        break;
      case 'connecting':
        this.failed(serverFaults.connectTimeout);
        break;
      case 'sending':
        // Whose turn was it? A held body waits for the server, else the client owes us the rest.
        if (this.bodyPaused) this.failed(serverFaults.responseTimeout);
        else this.onRequestFault(requestFaults.requestTimeout);
        break;
      case 'waiting':
        this.failed(serverFaults.responseTimeout);
        break;
      default:
        if (this.clientSlow) this.onRequestFault(requestFaults.clientGone);
        else this.failed(serverFaults.bodyTimeout);
    }
  }

  private complete(): void {
    const { client } = this;
    if (this.phase === 'queued') {
      this.pool!.stopWaiting(this);
      this.record.unqueued(this.work);
    }
    const pool = this.pool?.settings.name ?? '';
    this.leave();
    this.enter('idle', 0);
    this.work.wheel.cancel(this.deadline);
    this.record.complete(pool, this.session, this.work);
    this.replay.clear();
    this.pool = null;
    if (this.work.current === this) this.work.current = null;
    this.work.returnExchange(this);
    client.next();
  }

  private leave(): void {
    const server = this.server;
    if (server === null) return;
    this.server = null;
    this.pool!.leave(server);
  }

  private dropUpstream(): void {
    this.connecting?.cancel();
    this.connecting = null;
    this.upstream?.discard();
    this.upstream = null;
  }

  private enter(phase: Phase, timeout: number): void {
    this.phase = phase;
    this.work.wheel.set(this.deadline, timeout);
  }

  private isRepeatable(): boolean {
    return this.replay.complete && isIdempotent(this.method);
  }

  private holdBody(): void {
    if (this.bodyPaused || !this.hasBody) return;
    this.bodyPaused = true;
    if (this.phase === 'sending') this.work.wheel.set(this.deadline, this.pool!.settings.timeouts.response);
    this.client.pauseBody();
  }

  private releaseBody(): void {
    if (!this.bodyPaused) return;
    this.bodyPaused = false;
    if (this.phase === 'sending') this.work.wheel.set(this.deadline, this.client.bodyTimeout);
    this.client.resumeBody();
  }

  /** Unix seconds. */
  private seconds(): number {
    return Math.floor(this.work.clock.now() / 1000);
  }
}

/** Seconds after which a client may try again when there was no room or no server. */
const retryAfter = 2;

/** FNV-1a: only spreads clients over servers. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Where a second reading of a head leaves what the first has already found. */
const scratchSession = new Session();
