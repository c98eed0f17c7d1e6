/**
 * Spans that wait for their export, on the supervisor's thread. They leave in batches, one at a time; what the collector does not take in
 * its time, or what does not fit into the queue meanwhile, is dropped and counted. Nothing here makes a request wait.
 *
 *      idle ── add ──> waiting (`intervalMs`, or a whole batch) ──> exporting ──> waiting, or idle
 */
import { type Counters, counter } from '../metrics/counters.ts';
import type { Timers } from '../time/clock.ts';
import { within } from '../time/within.ts';
import { type ExchangeTrace, spansOf } from './record.ts';

/** Sends spans to a collector. */
export interface SpanExporter {
  /** Rejects with the reason, for a person, when the collector has not taken them. Ends in `timeoutMs` by itself. */
  export(traces: readonly ExchangeTrace[]): Promise<void>;
  /** Gives back what it holds, such as connections. */
  close(): Promise<void>;
}

export interface SpanQueueSettings {
  readonly exporter: SpanExporter;
  readonly counters: Counters;
  readonly timers: Timers;
  /** The most spans that wait. */
  readonly maxSpans: number;
  /** The oldest one waits so long before it is sent. */
  readonly intervalMs: number;
  readonly log: { info(message: string): void; warn(message: string): void };
}

/** The most spans of one export. */
const mostInExport = 512;

export class SpanQueue {
  private readonly settings: SpanQueueSettings;
  private waiting: ExchangeTrace[] = [];
  private spans = 0;
  private cancelTimer: (() => void) | null = null;
  /** Resolves when it is over; null: none runs. */
  private exporting: Promise<void> | null = null;
  private stopping = false;
  /** Spans that were dropped since the collector took some last; 0: it does. */
  private lost = 0;

  constructor(settings: SpanQueueSettings) {
    this.settings = settings;
  }

  add(traces: readonly ExchangeTrace[]): void {
    for (const trace of traces) {
      const spans = spansOf(trace);
      if (this.stopping || this.spans + spans > this.settings.maxSpans) {
        this.drop(spans);
        continue;
      }
      this.waiting.push(trace);
      this.spans += spans;
    }
    this.schedule();
  }

  /** Exports what waits, for at most `limitMs`; what is left then is dropped. */
  async stop(limitMs: number): Promise<void> {
    const { exporter, timers } = this.settings;
    this.stopping = true;
    this.cancelTimer?.();
    await within(timers, limitMs, this.drain());
    this.drop(this.spans);
    this.waiting = [];
    this.spans = 0;
    // A collector that hangs must not hold the end of the process.
    await within(timers, limitMs, exporter.close());
  }

  private async drain(): Promise<void> {
    for (;;) {
      await this.exporting;
      if (this.waiting.length === 0) return;
      this.begin();
    }
  }

  private schedule(): void {
    if (this.exporting !== null || this.waiting.length === 0 || this.stopping) return;
    if (this.spans >= mostInExport) this.begin();
    else this.cancelTimer ??= this.settings.timers.after(this.settings.intervalMs, () => this.begin());
  }

  private begin(): void {
    this.cancelTimer?.();
    this.cancelTimer = null;
    if (this.exporting !== null) return;
    const { counters, exporter } = this.settings;
    let spans = 0;
    let count = 0;
    while (count < this.waiting.length && spans < mostInExport) spans += spansOf(this.waiting[count++]!);
    const batch = this.waiting.splice(0, count);
    this.spans -= spans;
    this.exporting = exporter
      .export(batch)
      .then(
        () => {
          counters.add(counter.spans_exported, spans);
          this.recovered();
        },
        (error: unknown) => this.failed(spans, error instanceof Error ? error.message : String(error)),
      )
      .finally(() => {
        this.exporting = null;
        this.schedule();
      });
  }

  private drop(spans: number): void {
    if (spans === 0) return;
    this.settings.counters.add(counter.spans_dropped, spans);
    if (this.lost > 0) this.lost += spans;
  }

  private failed(spans: number, reason: string): void {
    const isFirst = this.lost === 0;
    this.settings.counters.add(counter.spans_dropped, spans);
    this.lost += spans;
    if (isFirst) {
      const then = 'Spans are lost, and counted (spans_dropped), until they can be';
      this.settings.log.warn(`spans cannot be exported: ${reason}. ${then}`);
    }
  }

  private recovered(): void {
    if (this.lost === 0) return;
    this.settings.log.info(`spans are exported again: ${this.lost} were lost`);
    this.lost = 0;
  }
}
