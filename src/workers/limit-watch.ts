/**
 * Publishes an event when a limit has refused or dropped something. The counters have it already, so requests pay nothing for it: the
 * supervisor reads them once a second. A limit that goes on refusing has an event every ten seconds.
 */
import type { EventPublisher } from '../events/bus.ts';
import type { Clock, Timers } from '../time/clock.ts';

export interface LimitWatchDependencies {
  /** The counters of all threads together, by name. */
  readonly counters: () => Readonly<Record<string, number>>;
  readonly events: EventPublisher;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly timers: Timers;
}

/** Counters of what limits have refused, dropped or ended. */
export const limitCounters: readonly string[] = [
  ...['connections_refused', 'connections_shed', 'connections_evicted'],
  ...['sessions_evicted', 'copies_evicted', 'endings_refused', 'addresses_dropped'],
  ...['linger_exceeded', 'kept_bytes_exceeded', 'access_lines_dropped', 'log_lines_dropped'],
  ...['resets', 'forced_resets', 'refused_streams', 'pings', 'settings', 'empty_frames', 'window_updates'].map(h2Limit),
  ...['priorities', 'continuations', 'closed_stream_frames', 'goaways'].map(h2Limit),
  ...['too_many_connections', 'queue_full', 'queue_timeout', 'owner_full', 'buffers_full', 'out_of_resources'].map(
    refused,
  ),
  ...['uri_too_long', 'head_too_large', 'too_many_headers', 'body_too_large', 'response_head_too_large'].map(refused),
];

function h2Limit(name: string): string {
  return `h2_limit_${name}`;
}

function refused(fault: string): string {
  return `requests_refused_${fault}`;
}

const readEveryMs = 1000;
/** Between two events of the same limit (ms). */
const pauseMs = 10_000;

interface Watched {
  /** Its counter at the last event. */
  count: number;
  /** When it may have the next event. */
  quietUntil: number;
}

export class LimitWatch {
  private readonly deps: LimitWatchDependencies;
  private readonly watched = new Map<string, Watched>();
  private cancelTimer: () => void = () => {};

  constructor(deps: LimitWatchDependencies) {
    this.deps = deps;
    for (const limit of limitCounters) this.watched.set(limit, { count: 0, quietUntil: Number.NEGATIVE_INFINITY });
  }

  start(): void {
    this.cancelTimer = this.deps.timers.after(readEveryMs, () => {
      this.read();
      this.start();
    });
  }

  stop(): void {
    this.cancelTimer();
  }

  private read(): void {
    const { counters, events, clock } = this.deps;
    const current = counters();
    const now = clock.monotonic();
    for (const [limit, watched] of this.watched) {
      const count = current[limit] ?? 0;
      if (count <= watched.count || now < watched.quietUntil) continue;
      const times = count - watched.count;
      watched.count = count;
      watched.quietUntil = now + pauseMs;
      events.publish('limit.hit', { limit, times });
    }
  }
}
