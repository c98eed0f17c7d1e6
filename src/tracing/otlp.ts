/** Export by OTLP over HTTP (JSON), with the packages of OpenTelemetry, which are optional and are loaded when `tracing.export` asks for them. */
import { createRequire } from 'node:module';
import { UsageError } from '../errors.ts';
import type { SpanExporter } from './queue.ts';
import type { ExchangeTrace } from './record.ts';
import { type ScopedSpan, spansFrom } from './spans.ts';

export interface OtlpSettings {
  /** URL of the collector's receiver of traces. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  /** Milliseconds for one export, its retries included. */
  readonly timeout: number;
}

/** All of them are needed; npm does not install the peers of peers that are optional. */
export const otlpPackages = [
  '@opentelemetry/api',
  '@opentelemetry/resources',
  '@opentelemetry/exporter-trace-otlp-http',
] as const;

/** What is missing for the export, in words for a person; null: nothing. Loads nothing. `find` throws when a package is not there. */
export function missingPackages(
  find: (name: string) => unknown = createRequire(import.meta.url).resolve,
): string | null {
  const missing = otlpPackages.filter((name) => {
    try {
      find(name);
      return false;
    } catch {
      return true;
    }
  });
  if (missing.length === 0) return null;
  const [what, is] = missing.length === 1 ? ['the package', 'is'] : ['the packages', 'are'];
  return `${what} ${missing.join(', ')} ${is} missing: npm install ${otlpPackages.join(' ')}`;
}

/** Throws UsageError when a package is missing. Does not connect yet. */
export async function openOtlp({ endpoint, headers, serviceName, timeout }: OtlpSettings): Promise<SpanExporter> {
  const missing = missingPackages();
  if (missing !== null) throw new UsageError(`tracing.export cannot be used: ${missing}`);
  const [{ createTraceState }, { detectResources, envDetector, resourceFromAttributes }, { OTLPTraceExporter }] =
    await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/exporter-trace-otlp-http'),
    ]);
  // OTEL_RESOURCE_ATTRIBUTES describes this machine or container; the name of the service is said by the config.
  const found = detectResources({ detectors: [envDetector] });
  await found.waitForAsyncAttributes?.();
  const resource = found.merge(resourceFromAttributes({ 'service.name': serviceName }));
  const scope = { name: 'limpet' };
  const exporter = new OTLPTraceExporter({
    url: endpoint,
    headers: { ...headers },
    timeoutMillis: timeout,
    // The queue has one export at a time.
    concurrencyLimit: 2,
  });
  const complete = ({ spanContext, ...span }: ScopedSpan) => {
    const { state, ...context } = spanContext;
    const whole = state === '' ? context : { ...context, traceState: createTraceState(state) };
    return {
      ...span,
      spanContext: () => whole,
      resource,
      instrumentationScope: scope,
      events: [],
      ended: true,
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
    };
  };
  return {
    export: (traces: readonly ExchangeTrace[]) =>
      new Promise<void>((resolve, reject) => {
        exporter.export(traces.flatMap(spansFrom).map(complete), ({ error, code }) => {
          if (code === 0) resolve();
          else reject(error ?? new Error('the collector has not said why'));
        });
      }),
    close: () => exporter.shutdown(),
  };
}
