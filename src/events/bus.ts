/**
 * Carries events from the parts of the supervisor to whoever has subscribed, and keeps the last ones for those that were away for a
 * moment.
 *
 *      publish ──> ring of the last 1,000 ──> each subscriber, one event after the other
 *                        └── since(id)
 */
import type { Clock } from '../time/clock.ts';
import type { EventFields, EventName, EventValue, LimpetEvent } from './event.ts';

/** What a part needs that has something to report. */
export interface EventPublisher {
  publish<Name extends EventName>(name: Name, fields: EventFields<Name>): void;
}

export type EventListener = (event: LimpetEvent) => void;

/** The most events that are kept for `since`. */
export const mostKeptEvents = 1000;

/** A longer text is cut: events are kept, and sent to whoever subscribes. */
const mostCharacters = 1000;

export class EventBus implements EventPublisher {
  private readonly clock: Pick<Clock, 'wall'>;
  private readonly onFailed: (error: unknown) => void;
  private readonly listeners = new Set<EventListener>();
  /** Those whose failure was reported. */
  private readonly failed = new WeakSet<EventListener>();
  /** The event of number `id` is at `id % mostKeptEvents`. */
  private readonly ring: LimpetEvent[] = [];
  private readonly firstId: number;
  private nextId: number;
  /** Events that were published while another one is being delivered. */
  private readonly undelivered: LimpetEvent[] = [];
  private delivering = false;

  /** `onFailed`: a subscriber has thrown. Called once for each subscriber. */
  constructor(clock: Pick<Clock, 'wall'>, onFailed: (error: unknown) => void) {
    this.clock = clock;
    this.onFailed = onFailed;
    // Above those of the start before: whoever asks for what came after one of those gets everything of this start.
    this.firstId = this.nextId = Math.floor(clock.wall());
  }

  publish<Name extends EventName>(name: Name, fields: EventFields<Name>): void {
    const event: LimpetEvent = Object.freeze({
      id: this.nextId++,
      time: Math.floor(this.clock.wall()),
      name,
      fields: Object.freeze(bounded(fields)),
    });
    this.ring[event.id % mostKeptEvents] = event;
    this.undelivered.push(event);
    if (!this.delivering) this.deliver();
  }

  /** The listener gets every event from now on, until the returned function is called. It must not wait. */
  subscribe(listener: EventListener): () => void {
    // Two subscriptions of one function are two.
    const own: EventListener = (event) => listener(event);
    this.listeners.add(own);
    return () => void this.listeners.delete(own);
  }

  /** The events after the one of this id, oldest first: at most the last 1,000. */
  since(id: number): readonly LimpetEvent[] {
    const events: LimpetEvent[] = [];
    const first = Math.max(this.firstId, this.nextId - mostKeptEvents, Math.floor(id) + 1);
    for (let at = first; at < this.nextId; at++) {
      const event = this.ring[at % mostKeptEvents];
      if (event !== undefined) events.push(event);
    }
    return events;
  }

  private deliver(): void {
    this.delivering = true;
    for (let event = this.undelivered.shift(); event !== undefined; event = this.undelivered.shift()) {
      for (const listener of this.listeners) this.deliverTo(listener, event);
    }
    this.delivering = false;
  }

  private deliverTo(listener: EventListener, event: LimpetEvent): void {
    try {
      listener(event);
    } catch (error) {
      if (this.failed.has(listener)) return;
      this.failed.add(listener);
      this.onFailed(error);
    }
  }
}

function bounded(fields: Readonly<Record<string, EventValue>>): Record<string, EventValue> {
  const copy = { ...fields };
  for (const [name, value] of Object.entries(copy)) {
    if (typeof value === 'string' && value.length > mostCharacters)
      copy[name] = `${value.slice(0, mostCharacters - 3)}...`;
  }
  return copy;
}
