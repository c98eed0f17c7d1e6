/**
 * nginx: `sticky cookie` where it is free (1.29.6), which sets the cookie with every response, so that its `expires` counts from the
 * last one; a hash of the cookie before. Another binary: BENCH_NGINX.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nginxBase, nginxTemporaryPaths } from '../backend.ts';
import { certificate } from '../certificate.ts';
import { takeCookies } from '../check.ts';
import { capture, findProgram, startPinned, waitUntilListening } from '../processes.ts';
import { clients, cookieName, type Place, type Rival } from '../rival.ts';

const program = () => findProgram('nginx', 'BENCH_NGINX');
const release = () => /nginx\/(\d+\.\d+\.\d+)/.exec(capture(program()!, ['-v']))?.[1] ?? '0.0.0';

/** Whether this release of the open-source nginx has `sticky cookie`. */
export function hasSticky(version: string): boolean {
  return version.localeCompare('1.29.6', 'en', { numeric: true }) >= 0;
}

export const nginx: Rival = {
  name: 'nginx',
  compilesItself: false,
  available: () => (program() === null ? 'nginx is not installed (or BENCH_NGINX is not a program)' : null),
  version: () => `${release()} (${hasSticky(release()) ? 'sticky cookie' : 'hash of the cookie'})`,
  async start(place) {
    const { port, cores, dir } = place;
    const sticky = hasSticky(release());
    const config = join(dir, 'nginx.conf');
    writeFileSync(config, nginxConfig(place, release()));
    const args = ['-p', dir, '-c', config, '-e', 'stderr'];
    const running = startPinned({ name: 'nginx', cores, dir, command: program()!, args });
    await waitUntilListening(running, [port]);
    // A hash sticks to whatever the client brings; no cookie is ever set.
    const brought = Array.from({ length: clients }, (_, client) => `${cookieName}=client-${client}`);
    const cookies = sticky ? await takeCookies(place) : brought;
    return { pid: running.pid, cookies, setsCookie: sticky ? 'always' : 'never', addsForwardedFor: true };
  },
};

/** `http2` is a parameter of `listen` before 1.25.1, and a directive since. */
function listenLines({ port, tls, http2 }: Place, version: string): string {
  const isDirective = version.localeCompare('1.25.1', 'en', { numeric: true }) >= 0;
  const speaksHttp2 = tls || http2;
  const words = [`127.0.0.1:${port}`, tls && 'ssl', speaksHttp2 && !isDirective && 'http2', 'backlog=4096'];
  const lines = [`listen ${words.filter(Boolean).join(' ')};`];
  if (speaksHttp2 && isDirective) lines.push('http2 on;');
  if (tls) {
    const { cert, key } = certificate();
    lines.push(`ssl_certificate ${cert};`, `ssl_certificate_key ${key};`, 'ssl_protocols TLSv1.2 TLSv1.3;');
    // Tickets are on by default.
    lines.push('ssl_session_cache shared:tls:10m;', 'ssl_session_timeout 1h;');
  }
  return lines.join('\n    ');
}

function nginxConfig(place: Place, version: string): string {
  const { servers, workers } = place;
  const affinity = hasSticky(version)
    ? `least_conn;\n    sticky cookie ${cookieName} path=/;`
    : `hash $cookie_${cookieName} consistent;`;
  return `${nginxBase(workers)}
http {
  access_log off;
  ${nginxTemporaryPaths}
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  # Bodies pass through as they come, as with the other rivals: by default nginx keeps long ones in files.
  client_max_body_size 0;
  proxy_request_buffering off;
  proxy_max_temp_file_size 0;
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  upstream servers {
    zone servers 64m;
    ${affinity}
${servers.map((server) => `    server ${server};`).join('\n')}
    keepalive 512;
    keepalive_requests 1000000000;
    keepalive_timeout 60s;
  }
  server {
    ${listenLines(place, version)}
    location / {
      proxy_pass http://servers;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }
}
`;
}
