/** Requests with small answers, as fast as one core of the rival can: cookies, connections, heads, bodies, pools. */
import { body, files } from '../backend.ts';
import { type Kind, requests } from '../kinds.ts';
import { headOf, type Request, runLoad } from '../load.ts';
import { metered } from '../meter.ts';
import type { Stage } from '../rival.ts';
import { usual, type Workload } from '../workload.ts';

interface Shape {
  readonly name: string;
  readonly title: string;
  readonly request?: Request;
  /** What stands before the sticky cookie in the same header. */
  readonly cookies?: string;
  /** Clients bring the cookie that they got. */
  readonly known?: boolean;
  readonly keepAlive?: boolean;
  /** Options of the load program beyond those that the others give. */
  readonly options?: readonly string[];
  readonly kind?: Kind;
  readonly bodyBytes?: number;
  readonly responseBytes?: number;
  readonly stage?: Stage;
  readonly when?: Workload['when'];
}

export const responseBytes = Buffer.byteLength(body);

export function requestsOf(shape: Shape): Workload {
  const { name, title, request = {}, cookies = '', known = true, keepAlive = true, bodyBytes = 0 } = shape;
  const headers = [...(request.headers ?? [])];
  if (!keepAlive) headers.push('Connection: close');
  if (bodyBytes > 0) headers.push('Content-Type: application/octet-stream', `Content-Length: ${bodyBytes}`);
  return {
    name,
    title,
    kind: shape.kind ?? requests,
    stage: shape.stage ?? usual,
    when: shape.when ?? 'always',
    run: (load) =>
      metered(load, () =>
        runLoad({
          source: 'load/http.c',
          tls: load.tls,
          core: load.core,
          port: load.port,
          heads: known
            ? load.cookies.map((cookie) => headOf({ ...request, headers, cookie: `${cookies}${cookie}` }))
            : [headOf({ ...request, headers })],
          options: [
            ...['-c', String(load.connections), '-t', String(load.seconds * 1000)],
            ...['-b', String(bodyBytes), '-l', String(shape.responseBytes ?? responseBytes)],
            ...(keepAlive ? [] : ['-1']),
            ...(shape.options ?? []),
          ],
        }),
      ),
  };
}

const manyHeaders = Array.from({ length: 47 }, (_, index) => `X-Bench-Header-${index}: value number ${index}`);
const manyCookies = Array.from({ length: 32 }, (_, index) => `c${index}=${'0123456789abcdef'.repeat(8)}`);

export const smallGets: readonly Workload[] = [
  requestsOf({ name: 'sticky-get', title: 'Small GET, keep-alive, valid sticky cookie' }),
  requestsOf({ name: 'new-sessions', title: 'Small GET, keep-alive, no cookie: each one a new session', known: false }),
  requestsOf({ name: 'no-keep-alive', title: 'Small GET, valid cookie, a connection each', keepAlive: false }),
  requestsOf({
    name: 'response-10k',
    title: 'GET of 10 KB',
    request: { path: '/files/10k' },
    responseBytes: files['/files/10k'],
    when: 'full',
  }),
  requestsOf({
    name: 'response-100k',
    title: 'GET of 100 KB',
    request: { path: '/files/100k' },
    responseBytes: files['/files/100k'],
    when: 'full',
  }),
  requestsOf({ name: 'headers-50', title: 'GET with 50 headers', request: { headers: manyHeaders }, when: 'full' }),
  requestsOf({
    name: 'cookies-4k',
    title: 'GET with 4 KB of cookies',
    cookies: `${manyCookies.join('; ')}; `,
    when: 'full',
  }),
];

export const origin: Stage = { ...usual, backend: 'origin' };

export const posts: readonly Workload[] = [
  requestsOf({ name: 'post-1k', title: 'POST of 1 KB', request: { method: 'POST' }, bodyBytes: 1_000, stage: origin }),
  requestsOf({
    name: 'post-1m',
    title: 'POST of 1 MB',
    request: { method: 'POST' },
    bodyBytes: 1_000_000,
    stage: origin,
    when: 'full',
  }),
];

export const pools: readonly Workload[] = [1, 10, 1_000, 10_000].map((servers) =>
  requestsOf({
    name: `pool-${servers}`,
    title: `Small GET, valid cookie, ${servers.toLocaleString('en')} ${servers === 1 ? 'server' : 'servers'} in the pool`,
    stage: { ...origin, servers },
    when: servers === 10_000 ? 'always' : 'full',
  }),
);

export const twoWorkers: Workload = requestsOf({
  name: 'two-workers',
  title: 'Small GET, valid cookie, two workers on two cores, which they share with the load',
  stage: { ...usual, workers: 2 },
  when: 'full',
});
