/**
 * What is known of one exchange: counted as it happens, and when it is over added to the statistics of its pool and server, and
 * written to the access log, if there is one. Reused.
 */
import type { ProofResult, RecognitionView } from '../affinity/affinity.ts';
import type { Fault } from '../errors.ts';
import { formatTag } from '../events/session-events.ts';
import type { Server } from '../fleet/server.ts';
import type { RequestHead } from '../http/head.ts';
import { Name } from '../http/names.ts';
import type { ExchangeRecord, RequestFlag, ResponseFlag } from '../metrics/access-log.ts';
import { counter } from '../metrics/counters.ts';
import { duration, requestFlags, responseFlags } from '../metrics/exchange-stats.ts';
import type { SessionView } from '../ownership/session.ts';
import { tagOf } from '../ownership/session-id.ts';
import type { Client } from './client/client.ts';
import type { Pool } from './pool.ts';
import type { WorkerContext } from './worker-context.ts';

/** Places in `requestFlags`. */
const flagOf: Readonly<{ [proof in ProofResult]: number }> = {
  none: requestFlags.indexOf('N'),
  invalid: requestFlags.indexOf('I'),
  foreign: requestFlags.indexOf('F'),
  valid: requestFlags.indexOf('V'),
  idle: requestFlags.indexOf('E'),
  old: requestFlags.indexOf('O'),
  ahead: requestFlags.indexOf('I'),
};
const notAsked = requestFlags.indexOf('U');
const ownerDown = requestFlags.indexOf('D');
const nothing = responseFlags.indexOf('N');
const updated = responseFlags.indexOf('U');
const inserted = responseFlags.indexOf('I');

/** What is read of a request, beside its head. */
interface RecordedRequest {
  readonly client: Client;
  readonly clientAddress: string;
  readonly trace: { readonly requestId: string; readonly traceId: string };
}

export class AccessRecord implements ExchangeRecord {
  time = 0;
  client = '';
  listener = '';
  method = '';
  target = '';
  host = '';
  version = '';
  status = 0;
  bytesIn = 0;
  bytesOut = 0;
  pool = '';
  server = '';
  session = '';
  epoch = 0;
  retries = 0;
  queueMs = -1;
  connectMs = -1;
  responseMs = -1;
  /** The response was not read at once, because of the client: when it began says nothing of the server. */
  isHeldBack = false;
  totalMs = 0;
  fault = '';
  referer = '';
  userAgent = '';
  requestId = '';
  traceId = '';
  requestFlag: RequestFlag = 'U';
  responseFlag: ResponseFlag = 'N';

  // What happened on the way, set by the exchange.
  /** The route asks for no affinity. */
  optedOut = false;
  requestProof: ProofResult = 'none';
  /** It brought more values for its session than are tried. */
  beyondLimit = false;
  /** The session was recognised, and its owner could not serve it. */
  ownerFailed = false;
  /** The response told the client of its session. */
  bound = false;
  failure: Fault | null = null;
  /** It gets no line in the access log. */
  isProbe = false;

  /** Slot of `server`; 0: none was tried. */
  private slot = 0;
  /** What the server has answered; 0: nothing. Not what the balancer says instead. */
  serverStatus = 0;
  /** Of the response's head: `WorkerContext.serverReads`. */
  private respondedIn = 0;
  private startedAt = 0;
  private queuedAt = 0;
  private connectingAt = 0;

  begin({ client, clientAddress, trace }: RecordedRequest, head: RequestHead, worker: WorkerContext): void {
    this.status = this.bytesIn = this.bytesOut = this.retries = 0;
    this.requestProof = 'none';
    this.optedOut = this.beyondLimit = this.ownerFailed = this.bound = false;
    this.failure = null;
    this.slot = this.serverStatus = 0;
    this.responseMs = -1;
    this.isHeldBack = false;
    const now = worker.stamp();
    this.startedAt = client.firstByteAt < 0 ? now : client.firstByteAt;
    if (worker.accessLog === null) return;
    this.time = worker.clock.wall() - (now - this.startedAt);
    this.queueMs = this.connectMs = -1;
    this.server = this.pool = '';
    this.client = clientAddress;
    this.requestId = trace.requestId;
    this.traceId = trace.traceId;
    this.listener = client.peer.listener;
    this.method = head.bytes.toString('latin1', head.methodStart, head.methodEnd);
    this.target = head.bytes.toString('latin1', head.targetStart, head.targetEnd);
    this.host = head.headers.valueOf(Name.host) ?? '';
    this.version = client.version ?? `HTTP/1.${head.minor}`;
    if (!worker.accessLog.readsAgent) return;
    this.referer = head.headers.named('referer');
    this.userAgent = head.headers.named('user-agent');
  }

  queued(worker: WorkerContext): void {
    worker.counters.add(counter.queued);
    worker.counters.add(counter.queue_depth);
    if (worker.accessLog !== null) this.queuedAt = worker.clock.monotonic();
  }

  unqueued(worker: WorkerContext): void {
    worker.counters.add(counter.queue_depth, -1);
    if (worker.accessLog !== null) this.queueMs = Math.max(0, this.queueMs) + worker.clock.monotonic() - this.queuedAt;
  }

  /** The request goes to this server, the first or the next one. */
  tried({ name, slot }: Server): void {
    this.server = name;
    this.slot = slot;
  }

  connecting(worker: WorkerContext): void {
    this.connectingAt = worker.clock.monotonic();
  }

  connected({ slot }: Server, poolSlot: number, worker: WorkerContext): void {
    this.connectMs = worker.clock.monotonic() - this.connectingAt;
    worker.stats.observe(slot, duration.connect, this.connectMs);
    worker.stats.observe(poolSlot, duration.connect, this.connectMs);
  }

  /** It goes to another server, because `former` has failed. */
  retried(former: Server, poolSlot: number, worker: WorkerContext): void {
    worker.counters.add(counter.retries);
    worker.stats.retried(former.slot);
    worker.stats.retried(poolSlot);
    this.retries++;
  }

  /** Called before the client is answered: whoever sees the answer finds the failure in the counters. */
  failed(fault: Fault, worker: WorkerContext): void {
    this.failure = fault;
    worker.counters.refused(fault);
  }

  /** The balancer answers by itself. */
  responded(status: number, worker: WorkerContext): void {
    this.status = status;
    worker.counters.responded(status);
    if (worker.accessLog !== null) this.responseMs = worker.clock.monotonic() - this.startedAt;
  }

  /** The server has answered. */
  serverResponded(status: number, worker: WorkerContext): void {
    this.status = this.serverStatus = status;
    worker.counters.responded(status);
    this.responseMs = worker.stamp() - this.startedAt;
    this.respondedIn = worker.serverReads;
  }

  /**
   * The exchange is over. `pool`: null when no route matched. `bytesIn` and `bytesOut` already hold what a tunnel has moved.
   */
  complete(pool: Pool | null, session: SessionView, client: Client, worker: WorkerContext): void {
    const { counters, accessLog, stats } = worker;
    this.bytesIn += client.bytesIn;
    this.bytesOut += client.bytesOut;
    counters.add(counter.bytes_in, this.bytesIn);
    counters.add(counter.bytes_out, this.bytesOut);
    const { recognition } = session;
    this.countSession(recognition, worker);
    const request = this.optedOut
      ? notAsked
      : this.ownerFailed
        ? ownerDown
        : recognition.affinity?.byAddress === true
          ? flagOf.valid
          : flagOf[this.requestProof];
    const response = !this.bound ? nothing : recognition.recognised ? updated : inserted;
    this.totalMs = this.endMs(worker);
    if (pool !== null) {
      const { slot } = pool.parts.fleet;
      stats.judged(slot, request, response);
      this.addTo(slot, this.status, worker);
    }
    if (this.slot !== 0) this.addTo(this.slot, this.serverStatus, worker);
    this.requestFlag = requestFlags[request]!;
    this.responseFlag = responseFlags[response]!;
    if (this.isProbe) counters.add(counter.probes);
    if (accessLog === null || this.isProbe) return;
    this.pool = pool?.settings.name ?? '';
    this.session = recognition.sid0 === 0 && recognition.sid1 === 0 ? '' : formatTag(tagOf(recognition));
    this.epoch = session.epoch;
    this.fault = this.failure?.code ?? '';
    accessLog.record(this);
  }

  /** A response that came as one piece ends when it began: the clock is read once for it. */
  private endMs(worker: WorkerContext): number {
    const isOnePiece = this.serverStatus !== 0 && this.failure === null && this.respondedIn === worker.serverReads;
    return isOnePiece ? this.responseMs : worker.stamp() - this.startedAt;
  }

  private addTo(slot: number, status: number, { stats }: WorkerContext): void {
    stats.requested(slot);
    if (status !== 0) stats.responded(slot, status);
    if (this.serverStatus === 0) return;
    if (!this.isHeldBack) stats.observe(slot, duration.firstByte, this.responseMs);
    // A tunnel lasts as long as its client wants to.
    if (this.serverStatus !== 101) stats.observe(slot, duration.total, this.totalMs);
  }

  private countSession({ recognised }: RecognitionView, worker: WorkerContext): void {
    if (recognised) worker.counters.add(counter.sessions_valid);
    else if (this.bound) worker.counters.add(counter.sessions_new);
    if (this.beyondLimit) worker.counters.add(counter.keys_beyond_limit);
    if (this.requestProof === 'invalid' || this.requestProof === 'ahead') worker.counters.add(counter.tokens_invalid);
    else if (this.requestProof === 'foreign') worker.counters.add(counter.tokens_foreign);
    else if (this.requestProof === 'idle' || this.requestProof === 'old') worker.counters.add(counter.tokens_expired);
  }
}
