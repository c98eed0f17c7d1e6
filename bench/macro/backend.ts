/** The servers behind every rival: nginx returning a fixed small body, each block naming itself in a header. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, freePorts, startPinned, waitUntilListening } from './processes.ts';

export const serverCount = 4;
export const serverHeader = 'x-server';
export const body = 'A limpet always returns to the same spot on its rock.\n';

/** Answers with the X-Forwarded-For that arrived, so that the check can see whether a rival adds it. */
export const forwardedPath = '/forwarded-for';

export function backendProgram(): string | null {
  return findProgram('nginx') ?? findProgram('nginx', 'BENCH_NGINX');
}

/** Starts the servers on `core`; resolves to their ports. */
export async function startBackend(core: number, parent: string): Promise<number[]> {
  const dir = join(parent, 'backend');
  mkdirSync(dir);
  const ports = await freePorts(serverCount);
  const config = join(dir, 'nginx.conf');
  writeFileSync(config, backendConfig(ports));
  const command = backendProgram() ?? 'nginx';
  const args = ['-p', dir, '-c', config, '-e', 'stderr'];
  await waitUntilListening(startPinned({ name: 'backend', core, dir, command, args }), ports);
  return ports;
}

function backendConfig(ports: readonly number[]): string {
  const servers = ports.map(
    (port, index) => `
  server {
    listen 127.0.0.1:${port} backlog=4096;
    add_header X-Server s${index + 1};
    location = ${forwardedPath} { return 200 "$http_x_forwarded_for"; }
    location / { return 200 "${body.replace('\n', '\\n')}"; }
  }`,
  );
  return `${nginxBase}
http {
  access_log off;
  ${nginxTemporaryPaths}
  default_type text/plain;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;${servers.join('')}
}
`;
}

/** What any nginx here starts with: foreground, one worker, quiet, nothing outside its own directory. */
export const nginxBase = `daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 8192; }`;

export const nginxTemporaryPaths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  .map((name) => `${name}_temp_path ${name};`)
  .join(' ');
