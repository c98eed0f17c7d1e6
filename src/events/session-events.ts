/**
 * What happens to single sessions, reported by the thread that sees it. Many sessions move at one time, as when a server fails, so
 * these events go to the supervisor in batches, and beyond a rate they are only counted.
 *
 *      worker: report ──> batch of at most 100 ms ──> supervisor: EventBus
 *                └ beyond 200 a second: counted, and told once (events.dropped)
 *
 * A request that changes nothing of its session calls nothing here.
 */
import { type Counters, counter } from '../metrics/counters.ts';
import type { Clock, Timers } from '../time/clock.ts';
import type { EventPublisher } from './bus.ts';
import type { EventFields } from './event.ts';

export type OwnerChangeName = 'session.moved' | 'session.rescued';
type SessionEventName = OwnerChangeName | 'session.fenced' | 'session.ended';

/** Takes the events. `tag`: the number that the access log prints as eight hex digits. */
export interface SessionEvents {
  /** `from` null: the server that had it has left the pool. `copied`: its state comes along. */
  ownerChanged(change: OwnerChange): void;
  fenced(pool: string, tag: number, server: string, reason: string): void;
  ended(pool: string, tag: number, server: string, reason: string): void;
}

export interface OwnerChange {
  readonly name: OwnerChangeName;
  readonly pool: string;
  readonly tag: number;
  readonly from: string | null;
  readonly to: string;
  readonly reason: string;
  readonly copied: boolean;
}

/** One event on its way to the bus. */
export type SessionEvent<Names extends SessionEventName = SessionEventName> = {
  [Name in Names]: { readonly name: Name; readonly fields: EventFields<Name> };
}[Names];

/** Takes a batch; `dropped`: so many more were left out since the last one. */
export type SendSessionEvents = (events: readonly SessionEvent[], dropped: number) => void;

export interface SessionEventBatchSettings {
  readonly send: SendSessionEvents;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly timers: Timers;
  readonly counters: Counters;
}

/** The most events of one thread in a second. */
export const mostSessionEvents = 200;
/** The oldest event of a batch is this old (ms). */
const batchAge = 100;
const secondMs = 1000;

export class SessionEventBatch implements SessionEvents {
  private readonly settings: SessionEventBatchSettings;
  private batch: SessionEvent[] = [];
  private dropped = 0;
  private secondEndsAt = Number.NEGATIVE_INFINITY;
  private inSecond = 0;
  private cancelTimer: (() => void) | null = null;

  constructor(settings: SessionEventBatchSettings) {
    this.settings = settings;
  }

  ownerChanged({ name, pool, tag, from, to, reason, copied }: OwnerChange): void {
    if (!this.hasRoom()) return;
    this.add({ name, fields: { pool, session: formatTag(tag), from, to, reason, copied } });
  }

  fenced(pool: string, tag: number, server: string, reason: string): void {
    if (!this.hasRoom()) return;
    this.add({ name: 'session.fenced', fields: { pool, session: formatTag(tag), server, reason } });
  }

  ended(pool: string, tag: number, server: string, reason: string): void {
    if (!this.hasRoom()) return;
    this.add({ name: 'session.ended', fields: { pool, session: formatTag(tag), server, reason } });
  }

  /** Sends what has been collected. Call it once more when the thread ends. */
  flush(): void {
    this.cancelTimer?.();
    this.cancelTimer = null;
    const { batch, dropped } = this;
    if (batch.length === 0 && dropped === 0) return;
    this.batch = [];
    this.dropped = 0;
    this.settings.send(batch, dropped);
  }

  /** False: the second has had its events, and this one is dropped. */
  private hasRoom(): boolean {
    const { clock, counters } = this.settings;
    const now = clock.monotonic();
    if (now >= this.secondEndsAt) {
      this.secondEndsAt = now + secondMs;
      this.inSecond = 0;
    }
    if (++this.inSecond <= mostSessionEvents) return true;
    counters.add(counter.events_dropped);
    this.dropped++;
    // With the last batch of this second: its number is told once.
    if (this.batch.length === 0) this.sendAfter(this.secondEndsAt - now);
    return false;
  }

  private add(event: SessionEvent): void {
    this.batch.push(event);
    this.sendAfter(batchAge);
  }

  private sendAfter(ms: number): void {
    this.cancelTimer ??= this.settings.timers.after(ms, () => this.flush());
  }
}

/** For a balancer that nobody watches, such as that of `limpet explain`. */
export const noSessionEvents: SessionEvents = { ownerChanged() {}, fenced() {}, ended() {} };

/** The tag of a session as the access log prints it. */
export function formatTag(tag: number): string {
  return tag.toString(16).padStart(8, '0');
}

/** What `SendSessionEvents` sent arrives at the bus. `worker`: its number, from 1; null: the store interface. */
export function publishSessionEvents(
  bus: EventPublisher,
  worker: number | null,
  events: readonly SessionEvent[],
  dropped: number,
): void {
  for (const event of events) publishOne(bus, event);
  if (dropped > 0) bus.publish('events.dropped', { worker, count: dropped });
}

function publishOne<Name extends SessionEventName>(bus: EventPublisher, { name, fields }: SessionEvent<Name>): void {
  bus.publish(name, fields);
}
