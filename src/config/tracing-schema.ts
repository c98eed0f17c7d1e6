/** What a person may write about request ids and tracing, and how it becomes the filled options. */
import { z } from 'zod';
import { isToken } from '../http/bytes.ts';
import { defaults } from './defaults.ts';
import { decimal, field, flag, map, open, text, time, whole, word } from './fields.ts';
import { headerName } from './header-name.ts';
import type { RequestIdOptions, TraceExportOptions, TracingOptions } from './options.ts';
import { formatDuration } from './units.ts';

const { requestId, tracing, traceExport } = defaults;

const acceptWords = ['always', 'trusted', 'never'] as const;

const idHeaderForm =
  'a header name such as X-Request-Id, and not one of HTTP, of trace context, X-Forwarded-* or Limpet-*';

export const requestIdSchema = map({
  header: field(
    headerName.refine((name) => name !== '' && !/^(?:traceparent|tracestate|baggage)$/i.test(name), {
      error: idHeaderForm,
    }),
    requestId.header,
    'The header with the id: 32 random hex digits, which the server gets, and which are in the access log (`requestId`).',
  ),
  accept: field(
    word(acceptWords),
    requestId.accept,
    'From whom an id is taken over: from clients that are among the `trustedProxies` of their listener, from all (`always`), or from nobody (`never`). It may have 128 letters, digits and `._~:/+=@-`; any other is replaced.',
  ),
  respond: field(
    flag(),
    requestId.respond,
    'The client gets the id with the response, in the same header, and reads it on error pages.',
  ),
}).transform((filled): RequestIdOptions => filled);

const endpointForm = 'a URL of http or https without user and password, such as http://127.0.0.1:4318';

/** By OTLP the receiver of traces is at /v1/traces, unless a URL names another path. */
function parseEndpoint(written: string): string | null {
  if (!URL.canParse(written)) return null;
  const url = new URL(written);
  if (!['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '') return null;
  if (url.hash !== '') return null;
  if (url.pathname === '/') url.pathname = '/v1/traces';
  return url.href;
}

const exportHeader = z.string().regex(/^[\x20-\x7e]*$/, { error: 'a header value in ASCII' });
const exportHeaderName = text('header name', 'the name of a header', (name) =>
  name !== '' && name.length <= 256 && Array.from(name).every((char) => isToken[char.charCodeAt(0)] === 1)
    ? name
    : null,
);

const exportSchema = map({
  endpoint: text('URL', endpointForm, parseEndpoint).meta({
    description:
      'Where the collector takes traces by OTLP over HTTP, such as `http://127.0.0.1:4318`. Without a path it is `/v1/traces`.',
  }),
  headers: field(
    z.record(exportHeaderName, exportHeader, { error: 'a map of headers' }),
    {},
    'Headers for the collector, such as `Authorization`. Take secrets from the environment.',
  ),
  serviceName: field(
    z
      .string({ error: 'a name' })
      .regex(/^[\x21-\x7e]{1,256}$/, { error: 'a name of up to 256 visible ASCII characters' }),
    traceExport.serviceName,
    'The name of the service (`service.name`).',
  ),
  interval: field(
    time(),
    formatDuration(traceExport.interval),
    'A span waits at most this long for others before it is sent.',
  ),
  timeout: field(
    time(),
    formatDuration(traceExport.timeout),
    'Time for one export, its repeats included; then its spans are lost. At shutdown it is the time for all that wait.',
  ),
  queue: field(
    whole(16, 1_000_000),
    traceExport.queue,
    'Most spans that wait for the collector; more are dropped (counter `spans_dropped`). A span takes about 1 KB.',
  ),
}).transform((filled): TraceExportOptions => filled);

export const tracingSchema = map({
  accept: field(
    word(acceptWords),
    tracing.accept,
    "Whose traces are continued: those of clients that are among the `trustedProxies` of their listener, of all (`always`), or nobody's (`never`).",
  ),
  sample: field(
    decimal(0, 1),
    tracing.sample,
    'The share of traces that begin here which is sampled. A trace that is continued is sampled if its caller has sampled it.',
  ),
  export: open(
    exportSchema,
    'none: trace context is passed on, and nothing is exported',
    'Spans of sampled traces go to a collector by OTLP. A change takes effect with a restart only. It needs the packages `@opentelemetry/api`, `@opentelemetry/resources` and `@opentelemetry/exporter-trace-otlp-http`.',
  ),
}).transform((filled): TracingOptions => ({ ...filled, export: filled.export ?? null }));
