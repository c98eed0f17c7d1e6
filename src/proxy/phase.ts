/**
 * What an exchange waits for, how long at most, and what it means when that does not come. One phase at a time:
 *
 *      idle ─> stale-view | store-query | queued ─> connecting ─> sending ─> response ─> store-put ─> relaying ─> idle
 *                  (before a server is found)                          └──── 101 ────────────────> tunnel ─────┘
 */
import { balancerFaults, type Fault, requestFaults, serverFaults } from '../errors.ts';
import { Deadline, type DeadlineOwner, type Wheel } from '../time/wheel.ts';

/**
 * - `stale-view`: this worker's view of the servers is older than what was published;
 * - `store-query`: the store has to say who owns the session, or to accept its new owner;
 * - `queued`: for room at a server;
 * - `connecting`: for a connection to the server;
 * - `request-body`: for the rest of the request from the client; `body-room`: for the server to take what it got of it;
 * - `response`: for the head of the response;
 * - `store-put`: for the store to keep what the response changes;
 * - `relaying`: for more of the response, or for a slow client to take what has come;
 * - `tunnel`: the tunnel has a limit of its own.
 */
export type Phase =
  | 'idle'
  | 'stale-view'
  | 'store-query'
  | 'queued'
  | 'connecting'
  | 'request-body'
  | 'body-room'
  | 'response'
  | 'store-put'
  | 'relaying'
  | 'tunnel';

/**
 * Who is overdue, and the fault. balancer: nothing was sent, and the client gets the fault. server: the attempt has failed. server-or-client: the
 * server, unless it is the client that does not take what has come. store-query and store-put: the store gate knows what to do.
 */
export interface Expiry {
  readonly overdue: 'balancer' | 'server' | 'client' | 'server-or-client' | 'store-query' | 'store-put';
  readonly fault: Fault;
}

const expiries: Readonly<Record<Phase, Expiry | null>> = {
  idle: null,
  'stale-view': { overdue: 'balancer', fault: balancerFaults.queueTimeout },
  'store-query': { overdue: 'store-query', fault: balancerFaults.sessionStore },
  queued: { overdue: 'balancer', fault: balancerFaults.queueTimeout },
  connecting: { overdue: 'server', fault: serverFaults.connectTimeout },
  'request-body': { overdue: 'client', fault: requestFaults.requestTimeout },
  'body-room': { overdue: 'server', fault: serverFaults.responseTimeout },
  response: { overdue: 'server-or-client', fault: serverFaults.responseTimeout },
  'store-put': { overdue: 'store-put', fault: balancerFaults.sessionStore },
  relaying: { overdue: 'server-or-client', fault: serverFaults.bodyTimeout },
  tunnel: null,
};

/** The phase of one exchange and its deadline on the worker's wheel. */
export class PhaseTimer implements DeadlineOwner {
  phase: Phase = 'idle';
  private readonly wheel: Wheel;
  private readonly onExpired: (expiry: Expiry) => void;
  private readonly deadline = new Deadline(this);

  constructor(wheel: Wheel, onExpired: (expiry: Expiry) => void) {
    this.wheel = wheel;
    this.onExpired = onExpired;
  }

  /** The request is on its way to the server, and is not whole. */
  get isSending(): boolean {
    return this.phase === 'request-body' || this.phase === 'body-room';
  }

  /** `timeoutMs` 0: without limit. */
  enter(phase: Phase, timeoutMs: number): void {
    this.phase = phase;
    this.wheel.set(this.deadline, timeoutMs);
  }

  /** The phase goes on, for so long from now. */
  extend(timeoutMs: number): void {
    this.wheel.set(this.deadline, timeoutMs);
  }

  end(): void {
    this.phase = 'idle';
    this.wheel.cancel(this.deadline);
  }

  onDeadline(): void {
    const expiry = expiries[this.phase];
    if (expiry !== null) this.onExpired(expiry);
  }
}
