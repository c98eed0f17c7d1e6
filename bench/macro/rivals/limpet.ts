/** Limpet on one of its runtimes, with its defaults: token cookie, least-requests, passive health, strict parsing. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { takeCookies } from '../check.ts';
import { capture, findProgram, isExecutable, projectRoot, startPinned, waitUntilListening } from '../processes.ts';
import { cookieName, type Rival } from '../rival.ts';

const program = join(projectRoot, 'bin/limpet');

export function limpetOn(runtime: 'bun' | 'node'): Rival {
  return {
    name: `Limpet on ${runtime === 'bun' ? 'Bun' : 'Node'}`,
    available() {
      if (!isExecutable(program)) return 'bin/limpet is not there';
      return findProgram(runtime) === null ? `${runtime} is not installed (npm install brings it)` : null;
    },
    version() {
      const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string };
      return `${version} (${runtime} ${capture(findProgram(runtime)!, ['--version']).replace(/^v/, '')})`;
    },
    async start({ port, servers, core, dir }) {
      const config = join(dir, 'limpet.yaml');
      writeFileSync(config, limpetConfig(port, servers));
      const args = ['--config', config];
      const env = { LIMPET_RUNTIME: runtime };
      const running = startPinned({ name: `limpet-${runtime}`, core, dir, command: program, args, env });
      await waitUntilListening(running, [port]);
      return { pid: running.pid, cookies: await takeCookies(port), setsCookie: true, addsForwardedFor: true };
    },
  };
}

function limpetConfig(port: number, servers: readonly number[]): string {
  return `listeners: [{ address: "127.0.0.1:${port}" }]
pools:
  bench:
    servers:
${servers.map((server, index) => `      - { name: s${index + 1}, address: "127.0.0.1:${server}" }`).join('\n')}
    balance: least-requests
    affinity:
      - cookie: { name: ${cookieName} }
log: { access: "off" }
`;
}
