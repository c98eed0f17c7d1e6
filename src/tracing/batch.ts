/**
 * Traces of one worker on their way to the supervisor, which exports them: in batches, and never more than a limit that the supervisor has
 * not taken yet. Beyond it they are dropped, and no request waits.
 *
 *      worker: add ──> batch of at most 100 ms, or 64 ──> supervisor: SpanQueue ──> taken
 */
import { type Counters, counter } from '../metrics/counters.ts';
import type { Timers } from '../time/clock.ts';
import { type ExchangeTrace, spansOf } from './record.ts';

/** Takes the traces of sampled exchanges. */
export interface TraceSink {
  add(trace: ExchangeTrace): void;
}

export interface TraceBatchSettings {
  readonly send: (traces: readonly ExchangeTrace[]) => void;
  readonly timers: Timers;
  readonly counters: Counters;
  /** The most spans that the supervisor has not taken yet. */
  readonly maxSpans: number;
}

/** A batch is sent when it has so many exchanges, or its oldest one is so old (ms). */
const mostInBatch = 64;
const batchAge = 100;

export class TraceBatch implements TraceSink {
  private readonly settings: TraceBatchSettings;
  private batch: ExchangeTrace[] = [];
  private spansInBatch = 0;
  private cancelTimer: (() => void) | null = null;
  /** Spans of each batch that was sent and not taken yet, the oldest first. */
  private readonly sent: number[] = [];
  private waiting = 0;

  constructor(settings: TraceBatchSettings) {
    this.settings = settings;
  }

  add(trace: ExchangeTrace): void {
    const { counters, maxSpans, timers } = this.settings;
    const spans = spansOf(trace);
    if (this.waiting + spans > maxSpans) {
      counters.add(counter.spans_dropped, spans);
      return;
    }
    this.waiting += spans;
    this.spansInBatch += spans;
    this.batch.push(trace);
    if (this.batch.length >= mostInBatch) this.flush();
    else this.cancelTimer ??= timers.after(batchAge, () => this.flush());
  }

  /** The supervisor has the oldest batch. */
  taken(): void {
    this.waiting -= this.sent.shift() ?? 0;
  }

  /** Sends what has been collected. Call it once more when the thread ends. */
  flush(): void {
    this.cancelTimer?.();
    this.cancelTimer = null;
    const { batch } = this;
    if (batch.length === 0) return;
    this.sent.push(this.spansInBatch);
    this.batch = [];
    this.spansInBatch = 0;
    this.settings.send(batch);
  }
}
