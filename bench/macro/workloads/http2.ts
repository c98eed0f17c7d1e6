/** HTTP/2, over TLS and by prior knowledge: a few connections, each with several requests under way. */
import { requests } from '../kinds.ts';
import { headOf, type Request, runLoad } from '../load.ts';
import { metered } from '../meter.ts';
import { usual, type Workload } from '../workload.ts';
import { responseBytes } from './requests.ts';

const connections = 16;
const streams = 8;

interface Shape extends Pick<Workload, 'name' | 'title'> {
  readonly tls: boolean;
  readonly when?: Workload['when'];
  readonly known?: boolean;
  /** Of a POST; left out, a GET. */
  readonly bodyBytes?: number;
}

function http2Of({ name, title, tls, when = 'always', known = true, bodyBytes = 0 }: Shape): Workload {
  const length = ['Content-Type: application/octet-stream', `Content-Length: ${bodyBytes}`];
  const request: Request = bodyBytes > 0 ? { method: 'POST', headers: length } : {};
  return {
    name,
    title: `HTTP/2 ${tls ? 'over TLS' : 'without TLS'}: ${title}`,
    kind: requests,
    stage: { ...usual, backend: bodyBytes > 0 ? 'origin' : 'nginx', tls, http2: true },
    when,
    run: (load) =>
      metered(load, (begin) =>
        runLoad({
          source: 'load/http2.c',
          tls,
          core: load.core,
          port: load.port,
          heads: known ? load.cookies.map((cookie) => headOf({ ...request, cookie })) : [headOf(request)],
          options: [
            ...['-c', String(connections), '-s', String(streams), '-t', String(load.seconds * 1000)],
            ...['-b', String(bodyBytes), '-l', String(responseBytes)],
          ],
          ready: async () => begin(),
        }),
      ),
  };
}

const busy = `${connections} connections of ${streams} streams`;
const get = { title: `small GET, valid sticky cookie, ${busy}` };
const fresh = { title: `small GET, no cookie: each one a new session, ${busy}`, known: false, when: 'full' } as const;
const post = { title: `POST of 1 KB, ${busy}`, bodyBytes: 1_000, when: 'full' } as const;

/** Those of one stage stand together. */
export const http2Requests: readonly Workload[] = [
  http2Of({ ...get, name: 'h2-get', tls: true }),
  http2Of({ ...fresh, name: 'h2-new-sessions', tls: true }),
  http2Of({ ...get, name: 'h2c-get', tls: false }),
  http2Of({ ...fresh, name: 'h2c-new-sessions', tls: false }),
  http2Of({ ...post, name: 'h2-post-1k', tls: true }),
  http2Of({ ...post, name: 'h2c-post-1k', tls: false }),
];
