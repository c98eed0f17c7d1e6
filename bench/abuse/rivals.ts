/** Limpet on its runtimes and HAProxy, set up for an attack. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { certificate } from '../macro/certificate.ts';
import {
  capture,
  findProgram,
  projectRoot,
  type Running,
  startPinned,
  waitUntilListening,
} from '../macro/processes.ts';
import type { Needs } from './attack.ts';

export interface Place {
  readonly port: number;
  /** Addresses of the servers s1, s2, ... */
  readonly servers: readonly string[];
  /** Has /large to itself: what it costs to send megabytes must not slow down the servers of normal clients. */
  readonly large: string;
  /** It drops SYNs. */
  readonly dead: string;
  /** Nobody listens there. */
  readonly refused: string;
  readonly cores: readonly number[];
  /** Its own. */
  readonly dir: string;
}

export interface Rival {
  readonly name: string;
  /** Why it cannot run here, or cannot be set up like this; or null. */
  lacks(needs: Needs): string | null;
  version(): string;
  start(place: Place, needs: Needs): Promise<Running>;
}

function limpet(runtime: 'bun' | 'node'): Rival {
  return {
    name: `Limpet on ${runtime === 'bun' ? 'Bun' : 'Node'}`,
    lacks: () => (findProgram(runtime) === null ? `${runtime} is not installed (npm install brings it)` : null),
    version() {
      const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string };
      return `${version} (${runtime} ${capture(findProgram(runtime)!, ['--version']).replace(/^v/, '')})`;
    },
    async start(place, needs) {
      const config = join(place.dir, 'limpet.yaml');
      writeFileSync(config, limpetConfig(place, needs));
      const env = { LIMPET_RUNTIME: runtime, LIMPET_STATE: join(place.dir, 'state') };
      const args = ['--config', config];
      return start(place, needs, { name: `limpet-${runtime}`, command: join(projectRoot, 'bin/limpet'), args, env });
    },
  };
}

const haproxyProgram = () => findProgram('haproxy', 'BENCH_HAPROXY');

const haproxy: Rival = {
  name: 'HAProxy',
  lacks({ store }) {
    if (store !== undefined) return 'it keeps no sessions';
    return haproxyProgram() === null ? 'haproxy is not installed (or BENCH_HAPROXY is not a program)' : null;
  },
  version: () => /version (\d[\d.]*\d)/.exec(capture(haproxyProgram()!, ['-v']))?.[1] ?? 'unknown',
  async start(place, needs) {
    const config = join(place.dir, 'haproxy.cfg');
    writeFileSync(config, haproxyConfig(place, needs));
    return start(place, needs, { name: 'haproxy', command: haproxyProgram()!, args: ['-db', '-f', config], env: {} });
  },
};

export const rivals = { 'limpet-bun': limpet('bun'), 'limpet-node': limpet('node'), haproxy } as const;
export type RivalKey = keyof typeof rivals;
export const rivalKeys = Object.keys(rivals) as RivalKey[];

interface Command {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** With its limit of open files, if it is to have one: prlimit becomes the program. */
async function start({ port, cores, dir }: Place, { files }: Needs, how: Command): Promise<Running> {
  const { name, command, args, env } = how;
  const limited =
    files === undefined ? [command, ...args] : ['prlimit', `--nofile=${files}:${files}`, command, ...args];
  const running = startPinned({ name, cores, dir, command: limited[0]!, args: limited.slice(1), env });
  await waitUntilListening(running, [port]);
  return running;
}

function limpetConfig(
  place: Place,
  { workers = 1, deadPools = false, h2 = false, tls = false, store, learn }: Needs,
): string {
  const { port, servers, large, dead, refused } = place;
  const affinity = learn === undefined ? 'cookie: { name: SRV }' : 'learn: JSESSIONID';
  const cookie = store === undefined ? affinity : 'cookie';
  const { cert, key } = tls ? certificate() : { cert: '', key: '' };
  const secure = tls ? `, tls: { certificates: [{ cert: "${cert}", key: "${key}" }] }` : '';
  // HAProxy knows HTTP/2 by its preface on any port.
  return `listeners: [{ address: "127.0.0.1:${port}"${h2 ? ', protocols: [h2, h1]' : ''}${secure} }]
workers: ${workers}
${store === undefined ? '' : `sessions: { store: "${store}" }`}
${learn === undefined ? '' : `table: { capacity: ${learn}, save: "off" }`}
pools:
  main:
    servers:
${servers.map((server, n) => `      - { name: s${n + 1}, address: "${server}" }`).join('\n')}
    affinity: [${cookie.includes(':') ? `{ ${cookie} }` : cookie}]
  large: { servers: [{ name: l1, address: "${large}" }], affinity: none }
${deadPools ? `  dead: { servers: [{ name: d1, address: "${dead}" }], affinity: none }\n` : ''}\
${deadPools ? `  refused: { servers: [{ name: r1, address: "${refused}" }], affinity: none }\n` : ''}\
routes:
${deadPools ? '  - { match: { path: /dead }, pool: dead }\n  - { match: { path: /refused }, pool: refused }\n' : ''}\
  - { match: { path: /large }, pool: large }
  - { match: { path: / }, pool: main }
log: { access: "off" }
`;
}

function haproxyConfig(place: Place, { workers = 1, deadPools = false, tls = false, learn, files }: Needs): string {
  const { port, servers, large, dead, refused } = place;
  const sticky = learn === undefined ? 'cookie SRV insert indirect nocache' : '';
  const stored = `stick-table type string len 64 size ${learn ?? 1} expire 30m
  stick match req.cook(JSESSIONID)
  stick store-response res.cook(JSESSIONID)`;
  const cookieOf = (n: number) => (learn === undefined ? ` cookie s${n + 1}` : '');
  return `global
  nbthread ${workers}
  # By itself it takes as many as it has descriptors for.
${files === undefined ? '  maxconn 12000\n' : ''}\
  no strict-limits

defaults
  mode http
  option forwardfor
  http-reuse always
  retries 0
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s

frontend abuse
  bind 127.0.0.1:${port}${tls ? ` ssl crt ${certificate().pair} alpn h2,http/1.1` : ''}
${deadPools ? '  use_backend dead if { path_beg /dead }\n  use_backend refused if { path_beg /refused }\n' : ''}\
  use_backend large if { path_beg /large }
  default_backend servers

backend servers
  balance leastconn
  ${learn === undefined ? sticky : stored}
${servers.map((server, n) => `  server s${n + 1} ${server}${cookieOf(n)}`).join('\n')}

backend large
  server l1 ${large}
${deadPools ? `\nbackend dead\n  server d1 ${dead}\n\nbackend refused\n  server r1 ${refused}\n` : ''}`;
}
