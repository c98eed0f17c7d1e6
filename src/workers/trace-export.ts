/** Exports the traces of all workers, on the supervisor's thread: one queue, and one connection to the collector. */
import type { LimpetOptions } from '../config/options.ts';
import type { Counters } from '../metrics/counters.ts';
import type { Timers } from '../time/clock.ts';
import { openOtlp } from '../tracing/otlp.ts';
import { SpanQueue } from '../tracing/queue.ts';
import type { ExchangeTrace } from '../tracing/record.ts';

export interface TraceExportDependencies {
  readonly counters: Counters;
  readonly timers: Timers;
  readonly log: { info(message: string): void; warn(message: string): void };
}

export class TraceExport {
  private readonly deps: TraceExportDependencies;
  /** null: nothing is exported. */
  private queue: SpanQueue | null = null;
  private timeoutMs = 0;

  constructor(deps: TraceExportDependencies) {
    this.deps = deps;
  }

  /** Throws UsageError when a package that the export needs is missing. */
  async open({ tracing }: Pick<LimpetOptions, 'tracing'>): Promise<void> {
    if (tracing === null || tracing.export === null) return;
    const { interval, queue, timeout } = tracing.export;
    const exporter = await openOtlp(tracing.export);
    this.timeoutMs = timeout;
    this.queue = new SpanQueue({ ...this.deps, exporter, maxSpans: queue, intervalMs: interval });
  }

  add(traces: readonly ExchangeTrace[]): void {
    this.queue?.add(traces);
  }

  /** The workers have ended: exports what is left, in the time of one export. */
  async stop(): Promise<void> {
    await this.queue?.stop(this.timeoutMs);
  }
}
