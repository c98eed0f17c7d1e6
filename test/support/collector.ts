/** A receiver of OTLP over HTTP: it takes spans as JSON, as the collector of OpenTelemetry does, and tells them to the test. */
import { createServer } from 'node:http';
import { host } from './host.ts';
import type { Origin } from './origin.ts';
import { listen } from './peers.ts';

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly traceState: string | undefined;
  readonly name: string;
  readonly kind: 'server' | 'client';
  readonly isError: boolean;
  readonly durationMs: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

export interface Collector extends AsyncDisposable {
  readonly endpoint: string;
  readonly spans: readonly ReceivedSpan[];
  /** Of each request for it. */
  readonly headers: readonly NodeJS.Dict<string | string[]>[];
  readonly services: ReadonlySet<string>;
  /** Those of one trace, the server span first, then the attempts in their order. */
  trace(traceId: string): readonly ReceivedSpan[];
}

interface Value {
  readonly stringValue?: string;
  readonly intValue?: number | string;
}

interface Pair {
  readonly key: string;
  readonly value: Value;
}

/** The parts of ExportTraceServiceRequest that are read. */
interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Pair[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly traceId: string;
        readonly spanId: string;
        readonly parentSpanId?: string;
        readonly traceState?: string;
        readonly name: string;
        readonly kind: number;
        readonly startTimeUnixNano: string;
        readonly endTimeUnixNano: string;
        readonly status: { readonly code: number };
        readonly attributes: readonly Pair[];
        readonly links: ReceivedSpan['links'];
      }[];
    }[];
  }[];
}

export async function startCollector(): Promise<Collector> {
  const spans: ReceivedSpan[] = [];
  const headers: NodeJS.Dict<string | string[]>[] = [];
  const services = new Set<string>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      headers.push({ ...request.headers, path: request.url });
      const body = JSON.parse(Buffer.concat(chunks).toString()) as ExportRequest;
      for (const { resource, scopeSpans } of body.resourceSpans) {
        services.add(String(plain(resource.attributes)['service.name']));
        spans.push(...scopeSpans.flatMap((scope) => scope.spans).map(read));
      }
      response.setHeader('content-type', 'application/json');
      response.end('{}');
    });
  });
  const origin: Origin = await listen('collector', server, { host });
  return {
    endpoint: `http://${origin.address}`,
    spans,
    headers,
    services,
    trace: (traceId) =>
      spans
        .filter((span) => span.traceId === traceId)
        .sort((a, b) => b.kind.localeCompare(a.kind) || resends(a) - resends(b)),
    [Symbol.asyncDispose]: () => origin.close(),
  };
}

function resends({ attributes }: ReceivedSpan): number {
  return Number(attributes['http.request.resend_count'] ?? 0);
}

function read(span: ExportRequest['resourceSpans'][0]['scopeSpans'][0]['spans'][0]): ReceivedSpan {
  const { traceId, spanId, parentSpanId, traceState, name, kind, status, attributes, links } = span;
  return {
    traceId,
    spanId,
    parentSpanId,
    traceState,
    name,
    kind: kind === 2 ? 'server' : 'client',
    isError: status.code === 2,
    durationMs: Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6,
    attributes: plain(attributes),
    links: links.map((link) => ({ traceId: link.traceId, spanId: link.spanId })),
  };
}

function plain(pairs: readonly Pair[]): Record<string, string | number> {
  return Object.fromEntries(
    pairs.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue ?? Number.NaN)]),
  );
}
