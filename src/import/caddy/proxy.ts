/** `reverse_proxy` of Caddy as a pool: servers, policy, health, timeouts and retries. */

import { commonReasons } from '../common-reasons.ts';
import type { Fields, Pool } from '../config-builder.ts';
import type { Directive } from '../directive.ts';
import type { DirectiveReport } from '../directive-report.ts';
import type { Loops } from '../loops.ts';
import { entryOf } from '../names.ts';
import { parseGoDuration, parseWhole, writeTime } from '../values.ts';
import { weigh } from '../weights.ts';
import { readHealth } from './health.ts';
import { readPolicy } from './policy.ts';
import { readUpstream } from './upstreams.ts';

export interface Proxy {
  readonly directive: Directive;
  /** The arguments of `reverse_proxy`, without its matcher. */
  readonly upstreams: readonly string[];
  readonly secure: boolean;
  readonly name: string;
}

/** Returns the reason as a string when the pool would have no server. */
export function readProxy(
  { directive, upstreams, secure, name }: Proxy,
  report: DirectiveReport,
  loops: Loops,
): Pool | string {
  const block = directive.block ?? [];
  const last = (wanted: string) => block.findLast((one) => one.name === wanted);
  const transport = last('transport');
  const problem = transportProblem(transport);
  if (problem !== null) return problem;
  const policy = readPolicy(last('lb_policy'), secure, report);
  const cap = parseWhole(last('unhealthy_request_count')?.args[0], 1, 1_000_000);
  const addresses = new Set<string>();
  const written = [{ directive, texts: upstreams }];
  for (const one of block) if (one.name === 'to') written.push({ directive: one, texts: one.args });
  for (const { directive: noteOn, texts } of written) {
    for (const text of texts) {
      const found = readUpstream(text);
      if ('why' in found) report.warn(noteOn, 'not-working', found.why);
      for (const address of 'why' in found ? [] : found.addresses) {
        const loop = loops.why(address);
        if (loop === null) addresses.add(address);
        else report.warn(noteOn, 'not-working', loop);
      }
    }
    if (noteOn !== directive) report.carry(noteOn);
  }
  const dynamic = last('dynamic');
  if (dynamic !== undefined) report.warn(dynamic, 'not-working', 'servers are not looked up while it runs: name them');
  if (addresses.size === 0) return 'none of its servers is carried over';
  const [first = ''] = addresses;
  const listed = policy.firstOnly ? [first] : [...addresses];
  if (listed.length < addresses.size) {
    const noteOn = last('lb_policy') ?? directive;
    report.warn(noteOn, 'not-working', `nobody stands by for ${first}: there are no backup servers here`);
  }
  const weights = policy.weights?.length === listed.length ? policy.weights : null;
  const shares = listed.map((address, n) => ({ servers: [{ name: undefined, address }], weight: weights?.[n] ?? 1 }));
  const servers = listed.length === 1 ? [{ name: undefined, address: first, weight: 1 }] : weigh(shares);
  const health = readHealth(block, report);
  const retry = readRetry(block, report);
  const timeouts = readTimeouts(transport, block, report);
  readRest(block, report);
  return {
    name,
    servers: servers.map((server) => ({ ...server, ...(cap === null ? {} : { maxRequests: cap }) })),
    affinity: policy.affinity,
    cookie: policy.cookie,
    fields: {
      ...(policy.balance === null ? {} : { balance: policy.balance }),
      ...(health === null ? {} : { health }),
      ...(retry === null ? {} : { retry }),
      timeouts,
    },
    noteOn: { change: (why) => report.change(last('lb_policy') ?? directive, why) },
  };
}

function transportProblem(transport: Directive | undefined): string | null {
  if (transport === undefined) return null;
  if (transport.args[0] !== 'http') return `only HTTP is spoken to servers, not ${transport.args[0] ?? 'this'}`;
  const tls = transport.block?.find(({ name }) => /^tls/.test(name));
  return tls === undefined ? null : `TLS to servers is not carried over (line ${tls.line}): write tls for the pool`;
}

/** The defaults of Caddy: three seconds for a connection, and no timeout for the response. */
function readTimeouts(transport: Directive | undefined, block: readonly Directive[], report: DirectiveReport): Fields {
  const timeouts: Fields = { connect: '3s', response: 'off', responseBody: 'off', tunnel: 'off' };
  if (transport !== undefined) report.carry(transport);
  const fields: Readonly<Record<string, string>> = {
    dial_timeout: 'connect',
    response_header_timeout: 'response',
    read_timeout: 'responseBody',
    keepalive: 'keepAlive',
  };
  for (const one of transport?.block ?? []) {
    const field = entryOf(fields, one.name);
    const time = parseGoDuration(one.args[0] ?? null);
    if (field === undefined || time === null || time === 0) report.leaveOut(one, commonReasons.noCounterpart);
    else {
      report.carry(one);
      timeouts[field] = writeTime(time);
    }
  }
  const stream = block.find(({ name }) => name === 'stream_timeout');
  const time = parseGoDuration(stream?.args[0] ?? null);
  if (stream !== undefined && time !== null && time > 0) {
    timeouts.tunnel = writeTime(time);
    report.change(stream, 'it is how long a tunnel may be without a byte, not how long it may live');
  }
  return timeouts;
}

function readRetry(block: readonly Directive[], report: DirectiveReport): Fields | null {
  const retries = block.find(({ name }) => name === 'lb_retries');
  const duration = block.find(({ name }) => name === 'lb_try_duration');
  const count = parseWhole(retries?.args[0], 0, 1000);
  const time = parseGoDuration(duration?.args[0] ?? null);
  if (retries !== undefined && count !== null) {
    if (count > 9) report.change(retries, 'at most 10 attempts');
    else report.carry(retries);
  }
  if (duration !== undefined && time !== null && time > 0) {
    report.change(duration, 'it is the time for all attempts; another server is tried at once');
  }
  const deadline = time === null || time === 0 ? {} : { deadline: writeTime(time) };
  if (count === null && time === null) return null;
  return { ...(count === null ? {} : { attempts: Math.min(count + 1, 10) }), ...deadline };
}

const clientHost = /^(?:\{host\}|\{http\.request\.host\}|\{hostport\}|\{http\.request\.hostport\})$/;

/** The other lines that `reverse_proxy` may have. */
function readRest(block: readonly Directive[], report: DirectiveReport): void {
  for (const one of block) {
    const [first = '', second = ''] = one.args;
    if (one.name === 'header_up' && /^\+?host$/i.test(first)) {
      if (clientHost.test(second)) report.carry(one);
      else report.warn(one, 'not-working', commonReasons.clientHost);
    } else if (one.name === 'flush_interval' || one.name === 'unhealthy_request_count') report.carry(one);
    else if (one.name === 'rewrite' || one.name === 'method') {
      report.warn(one, 'not-working', 'requests are passed on as they came');
    } else if (one.name === 'handle_response' || one.name === 'replace_status') {
      report.warn(one, 'not-working', 'responses are passed on as they come');
      report.leaveOut(one, 'responses are passed on as they come');
    } else report.leaveOut(one, reasons.find(([pattern]) => pattern.test(one.name))?.[1] ?? unknown(one.name));
  }
}

function unknown(name: string): string {
  return `"${name}" is not known to this importer`;
}

const reasons: readonly (readonly [RegExp, string])[] = [
  [/^header_(?:up|down)$/, 'headers are passed on as they come, with X-Forwarded-For, -Proto and -Host added'],
  [/^lb_policy$/, 'another lb_policy is taken'],
  [/^lb_/, 'what is tried again is decided by what has been sent, and by the method'],
  [/^(?:request|response)_buffers$|^stream_/, 'bodies are streamed both ways, with a bound on what waits'],
  [/^(?:transport|to|dynamic)$/, 'another one is taken'],
  [/^(?:health_|unhealthy_|fail_|max_fails)/, commonReasons.noCounterpart],
  [/^trusted_proxies$/, 'whom the listener trusts is said by trustedProxies'],
  [/^verbose_logs$/, commonReasons.logging],
];
