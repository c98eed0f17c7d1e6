/** What is known of one exchange: counted as it happens, and written to the access log, if there is one, when it is over. Reused. */
import type { ProofResult, RecognitionView } from '../affinity/affinity.ts';
import type { Fault } from '../errors.ts';
import type { RequestHead } from '../http/head.ts';
import { Name } from '../http/names.ts';
import type { ExchangeRecord, RequestFlag, ResponseFlag } from '../metrics/access-log.ts';
import { counter } from '../metrics/counters.ts';
import type { SessionView } from '../ownership/session.ts';
import type { Client } from './client/client.ts';
import type { WorkerContext } from './worker-context.ts';

const requestFlags: Readonly<{ [proof in ProofResult]: RequestFlag }> = {
  none: 'N',
  invalid: 'I',
  foreign: 'F',
  valid: 'V',
  idle: 'E',
  old: 'O',
  ahead: 'I',
};

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
  totalMs = 0;
  fault = '';
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

  private startedAt = 0;
  private queuedAt = 0;
  private connectingAt = 0;

  begin(clientAddress: string, client: Client, head: RequestHead, worker: WorkerContext): void {
    this.status = this.bytesIn = this.bytesOut = this.retries = 0;
    this.requestProof = 'none';
    this.optedOut = this.beyondLimit = this.ownerFailed = this.bound = false;
    this.failure = null;
    if (worker.accessLog === null) return;
    const now = worker.clock.monotonic();
    this.startedAt = client.firstByteAt < 0 ? now : client.firstByteAt;
    this.time = worker.clock.wall() - (now - this.startedAt);
    this.queueMs = this.connectMs = this.responseMs = -1;
    this.server = this.pool = '';
    this.client = clientAddress;
    this.listener = client.peer.listener;
    this.method = head.bytes.toString('latin1', head.methodStart, head.methodEnd);
    this.target = head.bytes.toString('latin1', head.targetStart, head.targetEnd);
    this.host = head.headers.valueOf(Name.host) ?? '';
    this.version = client.version ?? `HTTP/1.${head.minor}`;
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

  connecting(worker: WorkerContext): void {
    if (worker.accessLog !== null) this.connectingAt = worker.clock.monotonic();
  }

  connected(worker: WorkerContext): void {
    if (worker.accessLog !== null) this.connectMs = worker.clock.monotonic() - this.connectingAt;
  }

  retried(worker: WorkerContext): void {
    worker.counters.add(counter.retries);
    this.retries++;
  }

  /** Called before the client is answered: whoever sees the answer finds the failure in the counters. */
  failed(fault: Fault, worker: WorkerContext): void {
    this.failure = fault;
    worker.counters.refused(fault);
  }

  responded(status: number, worker: WorkerContext): void {
    this.status = status;
    worker.counters.responded(status);
    if (worker.accessLog !== null) this.responseMs = worker.clock.monotonic() - this.startedAt;
  }

  /** The exchange is over. `pool`: '' when no route matched. `bytesIn` and `bytesOut` already hold what a tunnel has moved. */
  complete(pool: string, session: SessionView, client: Client, worker: WorkerContext): void {
    const { counters, accessLog } = worker;
    this.bytesIn += client.bytesIn;
    this.bytesOut += client.bytesOut;
    counters.add(counter.bytes_in, this.bytesIn);
    counters.add(counter.bytes_out, this.bytesOut);
    const { recognition } = session;
    this.countSession(recognition, worker);
    if (accessLog === null) return;
    this.pool = pool;
    this.session = recognition.sid0 === 0 && recognition.sid1 === 0 ? '' : tag(recognition);
    this.epoch = session.epoch;
    this.fault = this.failure?.code ?? '';
    this.requestFlag = this.optedOut
      ? 'U'
      : this.ownerFailed
        ? 'D'
        : recognition.affinity?.byAddress === true
          ? 'V'
          : requestFlags[this.requestProof];
    this.responseFlag = !this.bound ? 'N' : recognition.recognised ? 'U' : 'I';
    this.totalMs = worker.clock.monotonic() - this.startedAt;
    accessLog.record(this);
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

/** A tag that tells sessions apart in the log and cannot be used as an id: 32 bits of the id, and not those that place sessions. */
function tag({ kind, sid1, sid3 }: RecognitionView): string {
  return (kind === 'key' ? sid1 : sid3).toString(16).padStart(8, '0');
}
