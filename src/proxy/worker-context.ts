/** What everything on one worker's event loop shares: network, time, counters, logs, and the budget for buffered bytes. */
import type { SessionEvents } from '../events/session-events.ts';
import type { AccessLog } from '../metrics/access-log.ts';
import type { Counters } from '../metrics/counters.ts';
import type { ExchangeStats } from '../metrics/exchange-stats.ts';
import type { Descriptors } from '../net/descriptors.ts';
import { SendQueues } from '../net/send-queue.ts';
import type { Net } from '../net/socket.ts';
import type { Clock } from '../time/clock.ts';
import type { Wheel } from '../time/wheel.ts';
import type { BufferBudget } from './buffer-budget.ts';
import type { DebugLog } from './debug-log.ts';
import type { RequestTracing } from './request-tracing.ts';
import { IdleRegistry } from './server/idle-registry.ts';

/** Called with the reason, for a person, why this machine could not connect to `address`, or accept a client there. */
export type ReportShortage = (what: 'connect' | 'accept', reason: string, address: string) => void;

export interface WorkerContextOptions {
  readonly net: Net;
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly counters: Counters;
  readonly stats: ExchangeStats;
  readonly buffers: BufferBudget;
  readonly descriptors: Descriptors;
  readonly reportShortage: ReportShortage;
  /** null: no access log. */
  readonly accessLog: AccessLog | null;
  /** null: `log.level` is not debug. */
  readonly debug: DebugLog | null;
  readonly events: SessionEvents;
  /** null: requests have neither ids nor traces. */
  readonly tracing: RequestTracing | null;
}

export class WorkerContext {
  readonly net: Net;
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly counters: Counters;
  readonly stats: ExchangeStats;
  readonly buffers: BufferBudget;
  readonly descriptors: Descriptors;
  readonly reportShortage: ReportShortage;
  readonly accessLog: AccessLog | null;
  readonly debug: DebugLog | null;
  readonly events: SessionEvents;
  /** A reload replaces it. */
  tracing: RequestTracing | null;
  readonly sendQueues: SendQueues;
  /** Everyone who keeps idle connections to servers. */
  readonly idle = new IdleRegistry();
  /** One up with every piece that a server sends. What happens in between happens at one time, as far as statistics go. */
  serverReads = 0;
  private readonly isTimed: boolean;
  /** Wheel time at which the clock was read last, and what it said (Unix seconds). */
  private readAt = -1;
  private second = 0;
  /** The same for `date`. */
  private datedAt = -1;
  private dateSecond = -1;
  private dateText = '';

  constructor(options: WorkerContextOptions) {
    this.net = options.net;
    this.clock = options.clock;
    this.wheel = options.wheel;
    this.counters = options.counters;
    this.stats = options.stats;
    this.buffers = options.buffers;
    this.descriptors = options.descriptors;
    this.reportShortage = options.reportShortage;
    this.accessLog = options.accessLog;
    this.debug = options.debug;
    this.events = options.events;
    this.tracing = options.tracing;
    this.isTimed = options.accessLog !== null || options.stats.isKept;
    this.sendQueues = new SendQueues(() => options.clock.monotonic());
  }

  /** Unix seconds, as sessions are timed. Read once per tick of the wheel: reading the clock costs more than its callers do. */
  seconds(): number {
    const { now } = this.wheel;
    if (now !== this.readAt) {
      this.readAt = now;
      this.second = Math.floor(this.clock.now() / 1000);
    }
    return this.second;
  }

  /** Monotonic ms, for the times of statistics and logs; 0 where nobody wants them. */
  stamp(): number {
    return this.isTimed ? this.clock.monotonic() : 0;
  }

  /** The time as HTTP writes it (RFC 9110 section 5.6.7), as good as a tick of the wheel, for the same reason. */
  date(): string {
    const { now } = this.wheel;
    if (now !== this.datedAt) {
      this.datedAt = now;
      const second = Math.floor(this.clock.wall() / 1000);
      if (second !== this.dateSecond) {
        this.dateSecond = second;
        this.dateText = new Date(second * 1000).toUTCString();
      }
    }
    return this.dateText;
  }
}
