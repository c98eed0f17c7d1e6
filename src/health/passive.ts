/**
 * Passive health: judges servers by the outcome of real requests. Each server has a circuit breaker:
 *
 *     closed --failures in a row--> open --ejection time over, or well in a panic--> probation
 *       ^                             ^                                                |   |
 *       |                             +------------------- one failure ----------------+   |
 *       +--------------------------------- three good answers -----------------------------+
 *
 * closed: traffic flows. open: ejected, the fleet has it as down. probation: up again, and ejected by one failure. Each
 * ejection lasts twice as long as the one before; only the end of a probation makes the next one short again.
 */
import type { PassiveOptions } from '../config/options.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import type { Clock, Timers } from '../time/clock.ts';

export interface PassiveDependencies {
  readonly fleet: Fleet;
  readonly options: PassiveOptions;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Called at each ejection (`up` false) and each return, and why. */
  readonly log?: (server: Server, up: boolean, reason: string) => void;
  /** Called for each good answer of a server that is ejected or on probation, before what it changes. */
  readonly onAnswered?: (server: Server) => void;
}

/** What traffic has shown of a server, if it may change the server's health. Plain data: it may come from another thread. */
export type PassiveReport =
  | { readonly what: 'connect-failed' }
  /** It answered with this status, or with a fault that has it. */
  | { readonly what: 'answered'; readonly status: number }
  /** It has broken the framing of HTTP, for the first time: what it did. */
  | { readonly what: 'misframed'; readonly how: string }
  /** It asks for its drain, or does not any more. */
  | { readonly what: 'drain-asked'; readonly asked: boolean }
  /** No encrypted connection to it could be made, for this reason. */
  | { readonly what: 'tls-failed'; readonly how: string };

type State = 'closed' | 'open' | 'probation';

interface Breaker {
  readonly server: Server;
  state: State;
  /** In a row; any answer ends it. */
  connectErrors: number;
  /** In a row; only a good answer ends it. */
  serverErrors: number;
  /** Since the last time it was closed. */
  ejections: number;
  /** Good answers of this probation. */
  successes: number;
  cancelTimer: () => void;
}

/** Good answers that end a probation. */
const probationSuccesses = 3;

export class PassiveHealth {
  private readonly deps: PassiveDependencies;
  private readonly breakers = new Map<Server, Breaker>();

  /** All breakers are closed: failures that another config has counted do not count here. */
  constructor(deps: PassiveDependencies) {
    this.deps = deps;
    this.follow();
  }

  /**
   * The fleet has other servers than before. The breakers of those that have joined are closed, those of servers that have left
   * are gone; the others stay as they are.
   */
  follow(): void {
    for (const [server, breaker] of this.breakers) {
      if (!server.removed) continue;
      breaker.cancelTimer();
      this.breakers.delete(server);
    }
    for (const server of this.deps.fleet.servers) {
      if (this.breakers.has(server)) continue;
      // Its slot may have been another server's.
      server.failures = 0;
      this.breakers.set(server, newBreaker(server));
    }
  }

  /** No connection came about: refused, unreachable, or not in time. */
  connectFailed(server: Server): void {
    const breaker = this.breakers.get(server);
    if (breaker === undefined || breaker.state === 'open') return;
    breaker.connectErrors++;
    this.failed(breaker, breaker.connectErrors, this.deps.options.connectErrors, 'connection errors');
  }

  /**
   * The server answered with this status; or it broke off, answered late or not in HTTP, and the status is that
   * of the fault (502, 504). Not for answers that the balancer made by itself for another reason.
   */
  answered(server: Server, status: number): void {
    // Every request comes by here. `failures` is 0 only while the breaker is closed and the last answer was good.
    if (server.failures === 0 && status < 500) return;
    const breaker = this.breakers.get(server);
    if (breaker !== undefined) this.judge(breaker, status);
  }

  /** Forgets the timers: nobody is let back in any more. For a pool that is replaced. */
  stop(): void {
    for (const breaker of this.breakers.values()) breaker.cancelTimer();
  }

  private judge(breaker: Breaker, status: number): void {
    const { serverErrors } = this.deps.options;
    breaker.connectErrors = 0;
    if (serverErrors > 0 && isServerError(status)) {
      if (breaker.state === 'open') return;
      breaker.serverErrors++;
      this.failed(breaker, breaker.serverErrors, serverErrors, 'server errors');
      return;
    }
    if (breaker.state !== 'closed') this.deps.onAnswered?.(breaker.server);
    // Ejected and asked all the same, because the fleet is in panic: it is well.
    if (breaker.state === 'open') this.enter(breaker, 'probation', 'answered well while ejected');
    if (breaker.state === 'probation' && ++breaker.successes < probationSuccesses) return;
    this.enter(breaker, 'closed', 'answers well');
  }

  private failed(breaker: Breaker, inARow: number, threshold: number, what: string): void {
    breaker.server.failures++;
    if (breaker.state === 'probation') this.enter(breaker, 'open', `${what} on probation`);
    else if (threshold > 0 && inARow >= threshold) this.enter(breaker, 'open', `${inARow} ${what} in a row`);
  }

  /**
   * The one place where a state changes. Never from open to open: the failures of requests that were under way at
   * the moment of an ejection say nothing new, and 64 of them would double its length 64 times.
   */
  private enter(breaker: Breaker, state: State, reason: string): void {
    const { fleet, options, clock, timers, log } = this.deps;
    const { server } = breaker;
    breaker.cancelTimer();
    breaker.state = state;
    breaker.connectErrors = 0;
    breaker.serverErrors = 0;
    switch (state) {
      case 'closed':
        breaker.ejections = 0;
        server.failures = 0;
        return;
      case 'open': {
        const time = Math.min(options.maxEjection, options.ejection * 2 ** breaker.ejections);
        breaker.ejections++;
        breaker.cancelTimer = timers.after(time, () => this.enter(breaker, 'probation', 'ejection time is over'));
        fleet.setPassive(server, false, clock.now());
        log?.(server, false, `${reason}: ejected for ${time} ms`);
        return;
      }
      case 'probation':
        breaker.successes = 0;
        fleet.setPassive(server, true, clock.now());
        log?.(server, true, `${reason}: on probation`);
    }
  }
}

function newBreaker(server: Server): Breaker {
  const counts = { connectErrors: 0, serverErrors: 0, ejections: 0, successes: 0 };
  return { server, state: 'closed', ...counts, cancelTimer: () => {} };
}

/** 501 and 505 speak of the request: a client must not be able to eject a server by sending odd methods. */
function isServerError(status: number): boolean {
  return status >= 500 && status !== 501 && status !== 505;
}
