/** Limpet on one of its runtimes, with its defaults: token cookie, least-requests, passive health, strict parsing. */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { certificate } from '../certificate.ts';
import { takeCookies } from '../check.ts';
import { capture, findProgram, isExecutable, projectRoot, startPinned, waitUntilListening } from '../processes.ts';
import { cookieName, type Place, type Rival } from '../rival.ts';

export interface LimpetVariant {
  readonly runtime: 'bun' | 'node';
  /** Tells it from the plain one. */
  readonly label?: string;
  /** A line more in the config of the pool. */
  readonly pool?: string;
  /** Lines more in the config. `dir`: a folder of its own. */
  readonly top?: (dir: string) => Promise<string>;
  readonly env?: Readonly<Record<string, string>>;
  /** Every session has an owner, a line on each request, and a copy if its server says so. */
  readonly sessions?: boolean;
  /** The checkout that it runs from; default this one. */
  readonly root?: string;
}

/** By the key that `--only` takes. */
export const limpetVariants: Readonly<Record<string, LimpetVariant>> = {
  'limpet-bun': { runtime: 'bun' },
  // Idempotent requests of several clients go to a server without waiting between them.
  'limpet-bun-pipelined': { runtime: 'bun', label: 'pipelined', pool: 'pipelining: 16' },
  // The session protocol is on; the servers of the benchmark do not speak it.
  'limpet-bun-sessions': { runtime: 'bun', label: 'sessions', sessions: true },
  'limpet-bun-pipelined-sessions': {
    runtime: 'bun',
    label: 'pipelined, sessions',
    pool: 'pipelining: 16',
    sessions: true,
  },
  // What it costs to watch: statistics for /metrics (always on, but for this), the access log, ids and traces.
  'limpet-bun-no-metrics': {
    runtime: 'bun',
    label: 'no metrics',
    env: { NODE_ENV: 'test', LIMPET_TEST_STATS: 'off' },
  },
  'limpet-bun-access-log': { runtime: 'bun', label: 'JSON access log', top: accessLog },
  'limpet-bun-request-id': { runtime: 'bun', label: 'request ids', top: async () => 'requestId: {}' },
  'limpet-bun-tracing-1': { runtime: 'bun', label: 'tracing 1 %', top: () => tracing(0.01) },
  'limpet-bun-tracing-100': { runtime: 'bun', label: 'tracing 100 %', top: () => tracing(1) },
  'limpet-node': { runtime: 'node' },
  'limpet-node-pipelined': { runtime: 'node', label: 'pipelined', pool: 'pipelining: 16' },
};

export function limpet({
  runtime,
  label,
  pool = '',
  sessions = false,
  top = async () => '',
  env: more = {},
  root = projectRoot,
}: LimpetVariant): Rival {
  const program = join(root, 'bin/limpet');
  return {
    name: `Limpet on ${runtime === 'bun' ? 'Bun' : 'Node'}${label === undefined ? '' : `, ${label}`}`,
    compilesItself: true,
    available() {
      if (!isExecutable(program)) return 'bin/limpet is not there';
      return findProgram(runtime) === null ? `${runtime} is not installed (npm install brings it)` : null;
    },
    lacks({ tls, http2 }) {
      return (tls || http2) && !knows(root, 'protocols') ? 'it speaks HTTP/1.1 without TLS only' : null;
    },
    version() {
      const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
      return `${version} (${runtime} ${capture(findProgram(runtime)!, ['--version']).replace(/^v/, '')})`;
    },
    async start(place) {
      const { port, cores, dir } = place;
      const config = join(dir, 'limpet.yaml');
      // Commits before there were workers had one thread, and refuse the word.
      writeFileSync(config, limpetConfig(place, knows(root, 'workers'), pool, sessions, await top(dir)));
      const args = ['--config', config];
      const env = { LIMPET_RUNTIME: runtime, LIMPET_STATE: join(dir, 'state'), ...more };
      const running = startPinned({ name: `limpet-${runtime}`, cores, dir, command: program, args, env });
      await waitUntilListening(running, [port]);
      return { pid: running.pid, cookies: await takeCookies(place), setsCookie: 'once', addsForwardedFor: true };
    },
  };
}

/** Whether the config of that checkout has a field of this name. */
function knows(root: string, field: string): boolean {
  return readFileSync(join(root, 'docs/reference/limpet.schema.json'), 'utf8').includes(`"${field}"`);
}

function listenerOf({ port, tls, http2 }: Place): string {
  const address = `address: "127.0.0.1:${port}"`;
  if (tls) {
    const { cert, key } = certificate();
    return `{ ${address}, tls: { certificates: [{ cert: "${cert}", key: "${key}" }] } }`;
  }
  return http2 ? `{ ${address}, protocols: [h2] }` : `{ ${address} }`;
}

function limpetConfig(place: Place, setWorkers: boolean, pool: string, sessions: boolean, top: string): string {
  const { servers, workers } = place;
  return `listeners: [${listenerOf(place)}]
${setWorkers ? `workers: ${workers}` : ''}
${sessions ? 'sessions: { store: memory }' : ''}
pools:
  bench:
    servers:
${servers.map((server, index) => `      - { name: s${index + 1}, address: "${server}" }`).join('\n')}
    balance: least-requests
    affinity:
      - cookie: { name: ${cookieName}${sessions ? ', bind: always' : ''} }
    ${pool}
${top.startsWith('log:') ? '' : 'log: { access: "off" }'}
${top}
`;
}

async function accessLog(dir: string): Promise<string> {
  return `log: { access: { format: json, file: { path: "${join(dir, 'access.log')}", size: 100M, keep: 1 } } }`;
}

/** One for all: it takes whatever comes, in the process of the benchmark, which is on another core. */
let collector: Promise<string> | null = null;

async function tracing(sample: number): Promise<string> {
  collector ??= startCollector();
  return `tracing: { sample: ${sample}, export: { endpoint: "${await collector}" } }`;
}

async function startCollector(): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end('{}'));
  });
  server.listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the collector has no port');
  return `http://127.0.0.1:${address.port}`;
}
