/** Caddy with a cookie of its own. Another binary: BENCH_CADDY=/path/to/caddy. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { takeCookies } from '../check.ts';
import { capture, findProgram, startPinned, waitUntilListening } from '../processes.ts';
import { cookieName, onlyPlain, type Place, type Rival } from '../rival.ts';

const program = () => findProgram('caddy', 'BENCH_CADDY');

export const caddy: Rival = {
  name: 'Caddy',
  compilesItself: false,
  available: () => (program() === null ? 'caddy is not installed (or BENCH_CADDY is not a program)' : null),
  lacks: onlyPlain,
  version: () => `${/\d+\.\d+\.\d+/.exec(capture(program()!, ['version']))?.[0] ?? 'unknown'} (lb_policy cookie)`,
  async start(place) {
    const { port, cores, workers, dir } = place;
    const config = join(dir, 'Caddyfile');
    writeFileSync(config, caddyConfig(place));
    const args = ['run', '--adapter', 'caddyfile', '--config', config];
    const env = { GOMAXPROCS: String(workers), HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir };
    const running = startPinned({ name: 'caddy', cores, dir, command: program()!, args, env });
    await waitUntilListening(running, [port]);
    return { pid: running.pid, cookies: await takeCookies({ port }), setsCookie: 'once', addsForwardedFor: true };
  },
};

function caddyConfig({ port, servers }: Place): string {
  return `{
  admin off
  auto_https off
  log {
    level ERROR
  }
}

http://:${port} {
  bind 127.0.0.1
  reverse_proxy ${servers.join(' ')} {
    lb_policy cookie ${cookieName}
    transport http {
      keepalive_idle_conns_per_host 512
    }
  }
}
`;
}
