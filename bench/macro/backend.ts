/** The servers behind every rival: four ports, each naming itself in a header, all on the core of the load. */
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from './compile.ts';
import { findProgram, freePorts, startPinned, temporaryDirectory, waitUntilListening } from './processes.ts';
import type { Stage } from './rival.ts';

export const serverCount = 4;
export const serverHeader = 'x-server';
export const body = 'A limpet always returns to the same spot on its rock.\n';

/** Answers with the X-Forwarded-For that arrived, so that the check can see whether a rival adds it. */
export const forwardedPath = '/forwarded-for';

/** Files that the nginx servers have, by path. */
export const files = { '/files/10k': 10_000, '/files/100k': 100_000, '/files/100m': 100_000_000 } as const;

export function backendProgram(): string | null {
  return findProgram('nginx') ?? findProgram('nginx', 'BENCH_NGINX');
}

const starting = new Map<Stage['backend'], Promise<number[]>>();

/** The ports of the servers of that kind, started on `core` when they are first asked for. */
export function backend(kind: Stage['backend'], core: number): Promise<number[]> {
  let ports = starting.get(kind);
  if (ports === undefined) starting.set(kind, (ports = kind === 'nginx' ? startNginx(core) : startOrigin(core)));
  return ports;
}

async function startNginx(core: number): Promise<number[]> {
  const dir = temporaryDirectory();
  mkdirSync(join(dir, 'files'));
  for (const [path, bytes] of Object.entries(files)) {
    writeFileSync(join(dir, path), '');
    truncateSync(join(dir, path), bytes);
  }
  const ports = await freePorts(serverCount);
  const config = join(dir, 'nginx.conf');
  writeFileSync(config, nginxServers(ports, dir));
  const command = backendProgram() ?? 'nginx';
  const args = ['-p', dir, '-c', config, '-e', 'stderr'];
  await waitUntilListening(startPinned({ name: 'backend', cores: [core], dir, command, args }), ports);
  return ports;
}

async function startOrigin(core: number): Promise<number[]> {
  const dir = temporaryDirectory();
  const ports = await freePorts(serverCount);
  const args = [body, ...ports.flatMap((port, index) => [String(port), `s${index + 1}`])];
  const command = compile('load/origin.c');
  await waitUntilListening(startPinned({ name: 'origin', cores: [core], dir, command, args }), ports);
  return ports;
}

function nginxServers(ports: readonly number[], dir: string): string {
  const servers = ports.map(
    (port, index) => `
  server {
    listen 127.0.0.1:${port} backlog=4096;
    add_header X-Server s${index + 1};
    location = ${forwardedPath} { return 200 "$http_x_forwarded_for"; }
    location / { return 200 "${body.replace('\n', '\\n')}"; }
    location /files/ { root ${dir}; }
  }`,
  );
  return `${nginxBase(1)}
http {
  access_log off;
  ${nginxTemporaryPaths}
  default_type text/plain;
  sendfile on;
  open_file_cache max=16;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;${servers.join('')}
}
`;
}

/** What any nginx here starts with: foreground, quiet, nothing outside its own directory. */
export function nginxBase(workers: number): string {
  return `daemon off;
worker_processes ${workers};
worker_rlimit_nofile 65536;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 32768; }`;
}

export const nginxTemporaryPaths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  .map((name) => `${name}_temp_path ${name};`)
  .join(' ');
