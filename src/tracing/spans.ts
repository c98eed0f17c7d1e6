/**
 * The spans of an exchange by the stable semantic conventions for HTTP (https://opentelemetry.io/docs/specs/semconv/http/http-spans/): a
 * SERVER span, and a CLIENT span for each attempt at a server. What those conventions have no name for begins with `limpet.`.
 */
import { isIP } from 'node:net';
import type { AttemptTrace, ExchangeTrace } from './record.ts';

type HrTime = [seconds: number, nanoseconds: number];

/** A span without what all spans share. */
export interface ScopedSpan {
  readonly name: string;
  /** As in `SpanKind` of @opentelemetry/api: 1 is SERVER, 2 is CLIENT. */
  readonly kind: 1 | 2;
  readonly spanContext: SpanIdentity & { readonly state: string };
  readonly parentSpanContext?: SpanIdentity & { readonly isRemote: boolean };
  readonly startTime: HrTime;
  readonly endTime: HrTime;
  readonly duration: HrTime;
  /** As in `SpanStatusCode`: 0 is unset, 2 is an error. */
  readonly status: { readonly code: 0 | 2 };
  readonly attributes: Attributes;
  readonly links: { context: SpanIdentity & { readonly isRemote: boolean } }[];
}

interface SpanIdentity {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
}

type Attributes = Record<string, string | number>;

/** Those of RFC 9110 and RFC 5789: others are `_OTHER`, because anybody can make up a method. */
const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']);
const longestMethod = 32;

export function spansFrom(trace: ExchangeTrace): ScopedSpan[] {
  return [serverSpan(trace), ...trace.attempts.map((attempt, i) => clientSpan(trace, attempt, i))];
}

function serverSpan(trace: ExchangeTrace): ScopedSpan {
  const { traceId, spanId, parentId, state, flags, link, startMs, endMs, status, fault } = trace;
  const attributes = methodOf(trace);
  const { host, port } = hostOf(trace.host);
  attributes['url.scheme'] = schemeOf(trace.secure);
  attributes['url.path'] = trace.path;
  if (host !== '') attributes['server.address'] = host;
  if (port > 0) attributes['server.port'] = port;
  if (trace.client !== '') attributes['client.address'] = trace.client;
  if (trace.peer !== '') attributes['network.peer.address'] = trace.peer;
  attributes['network.protocol.version'] = trace.version.slice('HTTP/'.length).replace(/^([23])\.0$/, '$1');
  if (status > 0) attributes['http.response.status_code'] = status;
  if (trace.requestId !== '') attributes['limpet.request.id'] = trace.requestId;
  if (trace.pool !== '') attributes['limpet.pool'] = trace.pool;
  const last = trace.attempts.at(-1);
  if (last !== undefined) attributes['limpet.server'] = last.server;
  attributes['limpet.affinity'] = trace.verdict;
  if (trace.epoch > 0) attributes['limpet.session.epoch'] = trace.epoch;
  if (trace.placement !== '') attributes['limpet.session.placement'] = trace.placement;
  // A client that sends what is wrong makes no error of ours (section Status of the conventions), but one that is gone has no response.
  const isFailed = status >= 500 || status === 0 || isCut(trace);
  const error = isFailed && fault !== '' ? fault : status >= 500 ? String(status) : '';
  if (error !== '') attributes['error.type'] = error;
  return {
    name: nameOf(trace),
    kind: 1,
    spanContext: { traceId, spanId, traceFlags: flags, state },
    ...(parentId !== '' && { parentSpanContext: { traceId, spanId: parentId, traceFlags: flags, isRemote: true } }),
    ...times(startMs, endMs),
    status: { code: error === '' ? 0 : 2 },
    attributes,
    links:
      link === null
        ? []
        : [{ context: { traceId: link.traceId, spanId: link.spanId, traceFlags: link.flags, isRemote: true } }],
  };
}

function clientSpan(trace: ExchangeTrace, attempt: AttemptTrace, resends: number): ScopedSpan {
  const { traceId, spanId: parentId, state, flags } = trace;
  const { spanId, startMs, endMs, host, port, status, fault } = attempt;
  const attributes = methodOf(trace);
  // Without the query: it may hold what only client and server should know.
  const authority = port === 0 ? 'localhost' : `${host.includes(':') ? `[${host}]` : host}:${port}`;
  attributes['url.full'] = `${schemeOf(attempt.secure)}://${authority}${trace.path}`;
  attributes['server.address'] = host;
  if (port > 0) attributes['server.port'] = port;
  if (isIP(host) !== 0) attributes['network.peer.address'] = host;
  if (status > 0) attributes['http.response.status_code'] = status;
  if (resends > 0) attributes['http.request.resend_count'] = resends;
  attributes['limpet.pool'] = trace.pool;
  attributes['limpet.server'] = attempt.server;
  const error = fault || (status >= 400 ? String(status) : '');
  if (error !== '') attributes['error.type'] = error;
  return {
    name: nameOf(trace),
    kind: 2,
    spanContext: { traceId, spanId, traceFlags: flags, state },
    parentSpanContext: { traceId, spanId: parentId, traceFlags: flags, isRemote: false },
    ...times(startMs, endMs),
    status: { code: error === '' ? 0 : 2 },
    attributes,
    links: [],
  };
}

/** The response began, and could not be completed. */
function isCut({ fault, attempts }: ExchangeTrace): boolean {
  return fault !== '' && attempts.some(({ status }) => status > 0);
}

function nameOf({ method }: ExchangeTrace): string {
  return knownMethods.has(method) ? method : 'HTTP';
}

function methodOf({ method }: ExchangeTrace): Attributes {
  if (knownMethods.has(method)) return { 'http.request.method': method };
  return { 'http.request.method': '_OTHER', 'http.request.method_original': method.slice(0, longestMethod) };
}

function schemeOf(secure: boolean): string {
  return secure ? 'https' : 'http';
}

/** `[::1]:8080`, `shop.example:80`, `shop.example`. */
function hostOf(written: string): { readonly host: string; readonly port: number } {
  const [, host = '', port] = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(written) ?? [];
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? 0) };
}

function times(startMs: number, endMs: number): Pick<ScopedSpan, 'startTime' | 'endTime' | 'duration'> {
  return { startTime: hrTime(startMs), endTime: hrTime(endMs), duration: hrTime(Math.max(0, endMs - startMs)) };
}

function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.min(999_999_999, Math.round((ms - seconds * 1000) * 1e6))];
}
