/** HAProxy with an inserted cookie. Another binary: BENCH_HAPROXY=/path/to/haproxy. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { certificate } from '../certificate.ts';
import { takeCookies } from '../check.ts';
import { capture, findProgram, startPinned, waitUntilListening } from '../processes.ts';
import { cookieName, type Place, type Rival } from '../rival.ts';

const program = () => findProgram('haproxy', 'BENCH_HAPROXY');

export const haproxy: Rival = {
  name: 'HAProxy',
  compilesItself: false,
  available: () => (program() === null ? 'haproxy is not installed (or BENCH_HAPROXY is not a program)' : null),
  version: () => `${/version (\d[\d.]*\d)/.exec(capture(program()!, ['-v']))?.[1] ?? 'unknown'} (cookie insert)`,
  async start(place) {
    const { port, cores, dir } = place;
    const config = join(dir, 'haproxy.cfg');
    writeFileSync(config, haproxyConfig(place));
    // -db: foreground, no master process.
    const args = ['-db', '-f', config];
    const running = startPinned({ name: 'haproxy', cores, dir, command: program()!, args });
    await waitUntilListening(running, [port]);
    return { pid: running.pid, cookies: await takeCookies(place), setsCookie: 'once', addsForwardedFor: true };
  },
};

function haproxyConfig({ port, tls, http2, servers, workers }: Place): string {
  // Tickets and the cache of sessions are on by default.
  const secure = tls ? ` ssl crt ${certificate().pair} alpn h2,http/1.1` : http2 ? ' proto h2' : '';
  return `global
  nbthread ${workers}
  # Room for 10,000 idle clients, also where the limit of open files is below twice that.
  maxconn 12000
  no strict-limits
  ssl-default-bind-options ssl-min-ver TLSv1.2

defaults
  mode http
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
  timeout tunnel 1h

frontend bench
  bind 127.0.0.1:${port}${secure}
  default_backend servers

backend servers
  balance leastconn
  cookie ${cookieName} insert indirect nocache
${servers.map((server, index) => `  server s${index + 1} ${server} cookie s${index + 1}`).join('\n')}
`;
}
