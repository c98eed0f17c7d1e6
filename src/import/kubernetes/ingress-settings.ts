/** Annotations of ingress-nginx about timeouts, body size and retries, and why the others are left out. */

import { commonReasons } from '../common-reasons.ts';
import { maxTimerMs, parseSize, parseWhole, writeTime } from '../values.ts';
import type { Part } from '../yaml/part.ts';
import { type Annotation, prefix } from './ingress-affinity.ts';

export interface IngressSettings {
  readonly fields: Readonly<Record<string, unknown>>;
  /** null if it is not set, 0 for no limit. */
  readonly bodyBytes: number | null;
}

export function settingsOf(annotation: Annotation): IngressSettings {
  const connect = secondsAt(annotation('proxy-connect-timeout'));
  const read = secondsAt(annotation('proxy-read-timeout'));
  const timeouts = {
    ...(connect === null || connect === 2 ? {} : { connect: writeTime(connect * 1000) }),
    ...(read === null || read === 60 ? {} : { response: writeTime(read * 1000), responseBody: writeTime(read * 1000) }),
    ...(read === null || read === 3600 ? {} : { tunnel: writeTime(read * 1000) }),
  };
  const tries = triesOf(annotation('proxy-next-upstream-tries'));
  const policy = annotation('proxy-next-upstream');
  const isOff = policy?.text() === 'off';
  if (isOff) policy?.carry();
  else policy?.leave('what may be repeated follows from how far the request went, not from a list');
  const attempts = isOff ? 1 : tries;
  const deadline = annotation('proxy-next-upstream-timeout');
  const deadlineSeconds = deadline?.text() === '0' ? 0 : secondsAt(deadline);
  if (deadlineSeconds === 0) deadline?.carry();
  const retry = {
    ...(attempts === null || attempts === 3 ? {} : { attempts }),
    ...(deadlineSeconds === null || deadlineSeconds === 0 ? {} : { deadline: writeTime(deadlineSeconds * 1000) }),
  };
  return {
    fields: {
      ...(Object.keys(retry).length === 0 ? {} : { retry }),
      ...(Object.keys(timeouts).length === 0 ? {} : { timeouts }),
    },
    bodyBytes: bodyOf(annotation('proxy-body-size')),
  };
}

function secondsAt(part: Part | null): number | null {
  const seconds = parseWhole(part?.text()?.replace(/s$/, '') ?? null, 1, maxTimerMs / 1000);
  if (seconds === null) part?.leave('expected a number of seconds, from 1 up');
  else part?.carry();
  return seconds;
}

function triesOf(part: Part | null): number | null {
  const tries = parseWhole(part?.text() ?? null, 0, 1_000_000);
  if (tries === null) part?.leave('expected a whole number');
  else if (tries === 0 || tries > 10) part?.change('at most 10 servers are tried');
  else part?.carry();
  return tries === null ? null : tries === 0 ? 10 : Math.min(tries, 10);
}

function bodyOf(part: Part | null): number | null {
  const bytes = parseSize(part?.text() ?? '', 9);
  if (bytes === null || bytes > 1024 ** 4) {
    part?.leave('expected a size such as 8m, or 0 for no limit');
    return null;
  }
  if (bytes === 0) part?.carry();
  else part?.change('the limit is that of the listener: the largest of all Ingresses holds for all of them');
  return bytes;
}

const pathReason =
  'the server gets the path as the client asked for it: let it serve that path, or rewrite before Limpet';
const redirects = 'redirects are not carried over: redirect: https of a listener sends all of its requests to TLS';
const snippets = 'nginx directives mean nothing here';
const reasons: readonly (readonly [start: string, why: string])[] = [
  ['rewrite-target', pathReason],
  ['app-root', redirects],
  ['x-forwarded-prefix', pathReason],
  ['use-regex', 'paths are prefixes here, not regular expressions'],
  ['ssl-passthrough', 'TLS is not passed through here'],
  ['ssl-', redirects],
  ['force-ssl-redirect', redirects],
  ['permanent-redirect', redirects],
  ['temporal-redirect', redirects],
  ['from-to-www-redirect', redirects],
  ['auth-', 'no authentication is made here: the servers, or something before Limpet, have to'],
  ['whitelist-source-range', 'addresses are not filtered here: use a firewall, or the servers'],
  ['denylist-source-range', 'addresses are not filtered here: use a firewall, or the servers'],
  ['limit-', 'requests are not limited by client here'],
  ['enable-cors', 'CORS headers are left to the servers'],
  ['cors-', 'CORS headers are left to the servers'],
  ['server-snippet', snippets],
  ['configuration-snippet', snippets],
  ['stream-snippet', snippets],
  ['proxy-send-timeout', 'a server that takes no byte of a request has no time-out of its own here'],
  ['proxy-buffering', 'bodies are passed on as they come, never buffered as a whole'],
  ['proxy-request-buffering', 'bodies are passed on as they come, never buffered as a whole'],
  ['proxy-buffer', 'buffers are bounded by pools.NAME.limits here'],
  ['proxy-max-temp-file-size', 'nothing is buffered on disk here'],
  ['client-body-buffer-size', 'bodies are passed on as they come, never buffered as a whole'],
  ['backend-protocol', 'TLS and HTTP/2 to servers are not carried over: write tls and protocol for the pool'],
  ['proxy-http-version', 'servers are spoken to in HTTP/1.1 here'],
  ['proxy-ssl-', 'TLS to servers is not carried over: write tls for the pool'],
  ['upstream-vhost', "the server gets the client's own Host"],
  ['server-alias', 'add a route for each alias'],
  ['mirror-', 'requests are not mirrored here'],
  [
    'service-upstream',
    'requests go to the pods here: a Service picks one anew for each connection, and nothing sticks',
  ],
  ['session-cookie-hash', "what the cookie holds is Limpet's own: a signed token"],
  ['session-cookie-', 'without affinity: cookie it has no effect, there too'],
  ['affinity', 'without affinity: cookie it has no effect, there too'],
  ['upstream-hash-by', 'without a key it has no effect'],
  ['canary', 'without canary: "true" it has no effect, there too'],
  ['enable-access-log', 'see log.access, which holds for all routes'],
];

/** Set before the annotations are read, which may then set a better reason. */
export function setDefaultReasons(annotations: Part | null): void {
  annotations?.leave('an annotation tells controllers something, and this one nothing of where requests go');
  for (const [key, part] of annotations?.entries() ?? []) {
    const name = key.startsWith(prefix) ? key.slice(prefix.length) : null;
    if (name === null) continue;
    const why = reasons.find(([start]) => name.startsWith(start))?.[1];
    part.leave(why ?? commonReasons.nothingLikeIt);
  }
}
