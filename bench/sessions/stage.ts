/** What is compared: a balancer, three servers with the cart app, and where their sessions are. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chooseCores } from '../macro/machine.ts';
import {
  findProgram,
  freePorts,
  projectRoot,
  type Running,
  startPinned,
  temporaryDirectory,
  waitUntilListening,
} from '../macro/processes.ts';

export interface Rival {
  readonly name: string;
  readonly framework: 'express' | 'fastify';
  /** Where Limpet keeps its copies; null: HAProxy balances, and the sessions are in Redis. */
  readonly store: 'memory' | 'lmdb' | 'redis' | null;
  /** HAProxy: a cookie keeps each client with its server. */
  readonly sticky: boolean;
}

/** A balancer, three servers and perhaps a Redis, on one core. */
export interface Contender {
  readonly rival: Rival;
  readonly port: number;
  /** The servers are `app0` to `app2`. */
  readonly processes: readonly Running[];
  /** Their ports by their pids. */
  readonly servers: ReadonlyMap<number, number>;
  /** Limpet's state folder. */
  readonly state: string;
  readonly cookies: readonly string[];
}

export const cores = chooseCores();

/** Throws when one of them does not start, or keeps no cart. */
export async function open(rival: Rival, clients: number): Promise<Contender> {
  const dir = temporaryDirectory();
  const [port = 0, redisPort = 0, ...appPorts] = await freePorts(5);
  const processes: Running[] = [];
  const servers = new Map<number, number>();
  const start = async (name: string, command: string, args: string[], ports: number[], env = {}) => {
    const one = startPinned({ name, cores: [cores.proxy], dir, command: findProgram(command)!, args, env });
    processes.push(one);
    await waitUntilListening(one, ports);
  };
  const redis = `redis://127.0.0.1:${redisPort}`;
  if (rival.store === null || rival.store === 'redis')
    await start('redis', 'redis-server', ['--port', `${redisPort}`, '--save', '', '--appendonly', 'no'], [redisPort]);
  for (const [n, at] of appPorts.entries()) {
    const kind = rival.store === null ? 'redis' : 'limpet';
    await start(`app${n}`, 'node', [join(import.meta.dirname, 'app.ts'), rival.framework, kind, `${at}`, redis], [at]);
    servers.set(processes.at(-1)!.pid, at);
  }
  const config = join(dir, rival.store === null ? 'haproxy.cfg' : 'limpet.yaml');
  if (rival.store === null) {
    writeFileSync(config, haproxyConfig(port, appPorts, rival.sticky));
    await start('haproxy', 'haproxy', ['-db', '-f', config], [port]);
  } else {
    const store = { memory: 'memory', lmdb: 'lmdb:./copies', redis }[rival.store];
    writeFileSync(config, limpetConfig(port, appPorts, store));
    const env = { LIMPET_RUNTIME: 'bun', LIMPET_STATE: join(dir, 'state') };
    const one = startPinned({
      name: 'limpet',
      cores: [cores.proxy],
      dir,
      command: join(projectRoot, 'bin/limpet'),
      args: ['--config', config],
      env,
    });
    processes.push(one);
    await waitUntilListening(one, [port]);
  }
  const cookies = await Promise.all(Array.from({ length: clients }, () => signIn(port)));
  return { rival, port, processes, servers, state: join(dir, 'state'), cookies };
}

function limpetConfig(port: number, servers: readonly number[], store: string): string {
  return `listeners: [{ address: "127.0.0.1:${port}" }]
workers: 1
sessions: { store: "${store}" }
pools:
  app: { servers: [${servers.map((at) => `"127.0.0.1:${at}"`).join(', ')}] }
log: { access: "off" }
`;
}

function haproxyConfig(port: number, servers: readonly number[], sticky: boolean): string {
  return `global
  nbthread 1
defaults
  mode http
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend bench
  bind 127.0.0.1:${port}
  default_backend servers
backend servers
  balance ${sticky ? 'leastconn\n  cookie home insert indirect nocache' : 'roundrobin'}
${servers.map((at, n) => `  server s${n} 127.0.0.1:${at}${sticky ? ` cookie s${n}` : ''}`).join('\n')}
`;
}

/** A client with a full cart: its cookies. Throws when the cart is not kept. */
export async function signIn(port: number): Promise<string> {
  const cookies = new Map<string, string>();
  const ask = async (method: string, path: string) => {
    const cookie = Array.from(cookies, ([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers: { cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as { items: number };
  };
  for (let n = 0; n < 20; n++) await ask('POST', '/add');
  const { items } = await ask('GET', '/cart');
  if (items !== 20) throw new Error(`a cart of ${items} things where 20 were put`);
  return Array.from(cookies, ([name, value]) => `${name}=${value}`).join('; ');
}
