/** Apache with mod_proxy_balancer and a route in a cookie. Another binary: BENCH_APACHE=/path/to/apache2. */
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { takeCookies } from '../check.ts';
import { capture, findProgram, startPinned, waitUntilListening } from '../processes.ts';
import { cookieName, onlyPlain, type Place, type Rival } from '../rival.ts';

const program = () => findProgram('apache2', 'BENCH_APACHE') ?? findProgram('httpd', 'BENCH_APACHE');

const modules = {
  mpm_event_module: 'mod_mpm_event.so',
  authz_core_module: 'mod_authz_core.so',
  env_module: 'mod_env.so',
  headers_module: 'mod_headers.so',
  proxy_module: 'mod_proxy.so',
  proxy_http_module: 'mod_proxy_http.so',
  slotmem_shm_module: 'mod_slotmem_shm.so',
  proxy_balancer_module: 'mod_proxy_balancer.so',
  lbmethod_bybusyness_module: 'mod_lbmethod_bybusyness.so',
} as const;

/** Debian's, or what belongs to a binary built elsewhere. */
function moduleFolder(): string | null {
  const beside = join(dirname(program() ?? '/'), '../modules');
  return [beside, '/usr/lib/apache2/modules'].find((folder) => existsSync(join(folder, modules.proxy_module))) ?? null;
}

export const apache: Rival = {
  name: 'Apache',
  compilesItself: false,
  available() {
    if (program() === null) return 'apache2 is not installed (or BENCH_APACHE is not a program)';
    return moduleFolder() === null ? 'its modules are not where they are looked for' : null;
  },
  lacks: (stage) =>
    stage.servers > 1_000 ? 'each server costs it a slot of shared memory and a start of minutes' : onlyPlain(stage),
  version: () => `${/Apache\/([\d.]+)/.exec(capture(program()!, ['-v']))?.[1] ?? 'unknown'} (mod_proxy_balancer)`,
  async start(place) {
    const { port, cores, dir } = place;
    const config = join(dir, 'apache.conf');
    writeFileSync(config, apacheConfig(place));
    const args = ['-D', 'FOREGROUND', '-d', dir, '-f', config];
    const running = startPinned({ name: 'apache', cores, dir, command: program()!, args });
    await waitUntilListening(running, [port]);
    return { pid: running.pid, cookies: await takeCookies({ port }), setsCookie: 'once', addsForwardedFor: true };
  },
};

/** A tunnel holds a thread for as long as it is open. */
const threads = 1200;

function apacheConfig({ port, servers, workers, dir }: Place): string {
  const load = Object.entries(modules).map(([name, file]) => `LoadModule ${name} ${moduleFolder()}/${file}`);
  const user = process.getuid?.() === 0 ? 'User nobody\nGroup nogroup\n' : '';
  const members = servers.map(
    (server, index) => `  BalancerMember http://${server} route=s${index + 1} keepalive=On upgrade=websocket`,
  );
  return `${load.join('\n')}
${user}ServerName bench.example
Listen 127.0.0.1:${port}
PidFile ${dir}/apache.pid
DefaultRuntimeDir ${dir}
Mutex pthread
ErrorLog ${dir}/error.log
LogLevel error
ServerLimit ${workers}
StartServers ${workers}
ThreadLimit ${threads}
ThreadsPerChild ${threads}
MaxRequestWorkers ${threads * workers}
MinSpareThreads 1
MaxSpareThreads ${threads * workers}
AsyncRequestWorkerFactor 16
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
ListenBacklog 4096
LimitRequestFieldSize 16380
Header add Set-Cookie "${cookieName}=.%{BALANCER_WORKER_ROUTE}e; path=/" env=BALANCER_ROUTE_CHANGED
<Proxy balancer://bench>
${members.join('\n')}
  ProxySet lbmethod=bybusyness stickysession=${cookieName}
</Proxy>
ProxyPreserveHost On
ProxyPass / balancer://bench/
`;
}
