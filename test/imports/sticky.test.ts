/**
 * Every fixture of every family, imported and run by the real balancer on a network without a kernel: each pool that keeps
 * its clients keeps them, and different clients meet different servers. What is not in the config by itself, such as an
 * app that names the server, is said beside the fixture (NAME.sticky.yaml).
 */
import { afterAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { KnownAffinity } from '../../src/affinity/index.ts';
import { Balancer } from '../../src/balancer/balancer.ts';
import type { LimpetOptions, PoolAffinity, PoolOptions, RouteOptions } from '../../src/config/options.ts';
import { readConfig } from '../../src/config/read.ts';
import { readYaml } from '../../src/config/yaml.ts';
import { importText } from '../../src/import/import.ts';
import { type Address, formatAddress } from '../../src/net/socket.ts';
import { createSingleWorker } from '../../src/shared/single-worker.ts';
import { families, type ImportFixture, importFixtures, type StickyCheck } from '../support/import-fixtures.ts';
import { PlayNet } from '../support/play-net.ts';

/** After the first one. */
const requests = 20;

interface Stage {
  readonly options: LimpetOptions;
  readonly checks: readonly Check[];
  readonly net: PlayNet;
  [Symbol.asyncDispose](): Promise<void>;
}

type Check = StickyCheck & { readonly method: string; readonly pool: string | null };

let sessions = 0;
let proven = 0;
const whole: string[] = [];

async function stage(fixture: ImportFixture): Promise<Stage> {
  const { value, locate } = readYaml(stringify(importText(fixture.text, fixture.name).config));
  const written = readConfig(value, { source: { name: fixture.name, locate }, env: {}, variables: true }).options;
  // What a mistake leaves open does not hold up the end.
  const shutdown = { ...written.shutdown, timeout: 1 };
  // There are no certificates, and neither TLS nor HTTP/2 on this network.
  const listeners = written.listeners.map((one) => ({ ...one, tls: null }));
  const pools = written.pools.map((one) => ({ ...one, tls: null, protocol: 'h1' as const }));
  const options = {
    ...written,
    listeners,
    pools,
    shutdown,
    keys: written.keys.length > 0 ? written.keys : [Buffer.alloc(32, 5)],
  };
  const own = fixture.checks().map((check): Check => ({ ...check, method: 'GET', pool: null }));
  const checks = [...own, ...options.routes.flatMap((route) => checkOf(route, options))];
  const names = new Map<Address, string>();
  for (const pool of options.pools)
    for (const { name, address } of pool.servers) names.set(address, `${pool.name}/${name}`);
  const net = new PlayNet((server, request) => respond(names.get(server) ?? formatAddress(server), request, checks));
  const { shared, numbers } = createSingleWorker(options, 1_700_000_000);
  const limpet = new Balancer(options, {
    net,
    shared,
    numbers,
    secret: Buffer.alloc(32, 7),
    report() {},
    announceRoom() {},
    reportShortage() {},
    writeAccess: (_lines, done) => done(),
    clock: { now: () => 1_700_000_000_000, wall: () => 1_700_000_000_000, monotonic: () => 0 },
    timers: { after: () => () => {} },
  });
  await limpet.start(options.listeners.map(({ address }) => (address.kind === 'tcp' ? address.port : 0)));
  return { options, checks, net, [Symbol.asyncDispose]: async () => void (await limpet.stop()) };
}

/** The app: says who it is, and names a session for clients that bring none where a check wants it to. */
function respond(server: string, request: string, checks: readonly Check[]): string {
  const headers: string[] = [];
  for (const { client, routes } of checks) {
    if (typeof client === 'string') continue;
    const route = routes[server.slice(server.indexOf('/') + 1)];
    const id = () => `id${sessions++}${route === undefined ? '' : `.${route}`}`;
    if ('app-cookie' in client) {
      const name = client['app-cookie'];
      if (
        !headers.some((line) => line.startsWith(`Set-Cookie: ${name}=`)) &&
        !new RegExp(`[:;] ?${escaped(name)}=`).test(/^cookie:.*$/im.exec(request)?.[0] ?? '')
      )
        headers.push(`Set-Cookie: ${name}=${id()}; Path=/`);
    } else if ('app-header' in client && !new RegExp(`^${escaped(client['app-header'])}:`, 'im').test(request))
      headers.push(`${client['app-header']}: ${id()}`);
  }
  return ['HTTP/1.1 200 OK', `Content-Length: ${server.length}`, ...headers, '', server].join('\r\n');
}

const escaped = (text: string) => text.replace(/[^\w]/g, '\\$&');

/** How clients of a route keep their server, as its pool's first affinity says. None: it keeps nobody. */
function checkOf({ match, pool: name, affinity: kept }: RouteOptions, { pools, listeners }: LimpetOptions): Check[] {
  const pool = pools.find((one) => one.name === name);
  const [affinity] = pool?.affinity ?? [];
  if (!kept || pool === undefined || affinity === undefined) return [];
  const how = clientOf(affinity as PoolAffinity & KnownAffinity, pool);
  const [method = 'GET'] = match.methods;
  // A DELETE may end the session (MCP).
  if (how === null || method === 'DELETE') return [];
  const able = pool.servers.filter(({ weight }) => weight > 0).length;
  // Clients without a key of their own go where their address goes, and they share one here.
  const shared = affinity.type === 'learn' && pool.affinity.some(({ type }) => type === 'source-ip');
  const [extension] = match.extensions;
  const folder = match.path === '/' ? '' : match.path;
  const listener = listeners.findIndex(({ address, redirect }) =>
    match.listeners.length === 0 ? redirect === null : match.listeners.includes(formatAddress(address)),
  );
  const file = extension === undefined ? '' : `/a.${extension}`;
  return [
    {
      path: how.client === 'path' ? `${folder}/{client}/{client}/{client}${file}` : `${folder}${file}` || '/',
      host: match.host.replace(/^\*\./, 'sub.') || 'any.example',
      listener: Math.max(listener, 0),
      headers: {},
      clients: 24,
      requests,
      spread: shared ? 1 : Math.min(able, 2),
      routes: {},
      method,
      pool: name,
      servers: undefined,
      ...how,
    },
  ];
}

function clientOf(
  affinity: KnownAffinity,
  { servers }: PoolOptions,
): (Pick<StickyCheck, 'client'> & Partial<StickyCheck>) | null {
  switch (affinity.type) {
    case 'cookie':
      return { client: 'cookie-jar' };
    case 'source-ip':
      return { client: 'address' };
    case 'header':
      return { client: { header: affinity.name } };
    case 'query':
      return { client: { query: affinity.name } };
    case 'path':
      return { client: 'path' };
    case 'rewrite':
      return { client: { 'app-cookie': affinity.cookie } };
    case 'learn': {
      const { cookie, header, query } = affinity;
      if (cookie) return { client: { 'app-cookie': cookie } };
      if (header) return { client: { 'app-header': header } };
      return query ? { client: { query } } : null;
    }
    case 'route': {
      const values = affinity.map.map(({ pattern, server }) => [pattern.replace('*', 'id'), server] as const);
      const known = values.filter(([, server]) => servers.some(({ name }) => name === server));
      const map = Object.fromEntries(known);
      const { from, name } = affinity.key;
      const client = from === 'cookie' ? { cookie: name } : from === 'header' ? { header: name } : { query: name };
      return { client, servers: map, spread: Math.min(2, known.length) };
    }
    default:
      return null;
  }
}

/** One client of a check: each call is a request, and answers who served it. */
function visitor(check: Check, number: number, value: string, { net, options }: Stage): () => string {
  const { client, host, method } = check;
  const listener = options.listeners[check.listener] ?? options.listeners[0];
  if (listener === undefined) throw new Error('nobody listens');
  const jar = new Map<string, string>();
  const headers: Record<string, string> = { ...check.headers };
  let path = check.path;
  if (client === 'path') path = path.replaceAll('{client}', value);
  else if (typeof client === 'object') {
    if ('header' in client) headers[client.header] = value;
    else if ('query' in client) path += `${path.includes('?') ? '&' : '?'}${client.query}=${value}`;
    else if ('cookie' in client) jar.set(client.cookie, value);
  }
  const keeps = client === 'cookie-jar' || (typeof client === 'object' && 'app-cookie' in client);
  const named = typeof client === 'object' && 'app-header' in client ? client['app-header'] : '';
  const from = client === 'address' ? `${20 + (number % 200)}.${(number * 7) % 250}.${number % 250}.1` : '192.0.2.1';
  return () => {
    const cookies = Array.from(jar, ([name, content]) => `${name}=${content}`).join('; ');
    const lines = Object.entries({ Host: host, ...headers, ...(cookies !== '' && { Cookie: cookies }) });
    const request = `${method} ${path} HTTP/1.1\r\n${lines.map(([name, text]) => `${name}: ${text}\r\n`).join('')}\r\n`;
    const answer = net.request(listener.address, from, Buffer.from(request, 'latin1'));
    const [head = '', body = ''] = answer.toString('latin1').split('\r\n\r\n');
    expect(head.split('\r\n')[0], `${host}${path}: ${body}`).toBe('HTTP/1.1 200 OK');
    for (const [, name = '', content = ''] of keeps ? head.matchAll(/^set-cookie: ([^=]+)=([^;\r]*)/gim) : [])
      jar.set(name, content);
    const given = named === '' ? null : new RegExp(`^${escaped(named)}: (.*)$`, 'im').exec(head.replaceAll('\r', ''));
    if (given !== null) headers[named] = given[1] ?? '';
    return body;
  };
}

function prove(check: Check, set: Stage): void {
  const values = check.servers === undefined ? null : Object.entries(check.servers);
  const met = new Set<string>();
  const about = `${JSON.stringify(check.client)} at ${check.host}${check.path}`;
  for (let number = 0; number < check.clients; number++) {
    const [value, wanted] = values?.[number % values.length] ?? [`client-${number}`, undefined];
    const next = visitor(check, number, value, set);
    const first = next();
    for (let i = 0; i < requests; i++) expect(next(), `client ${number} of ${about}`).toBe(first);
    if (check.pool !== null) expect(first.slice(0, first.indexOf('/')), about).toBe(check.pool);
    if (wanted !== undefined) expect(first.slice(first.indexOf('/') + 1), about).toBe(wanted);
    met.add(first);
  }
  expect(met.size, `servers met by all clients of ${about}`).toBeGreaterThanOrEqual(check.spread);
}

describe.each(families)('%s', (family) => {
  test.each(importFixtures(family).map((fixture) => [fixture.name, fixture] as const))('%s', async (_, fixture) => {
    await using set = await stage(fixture);
    for (const check of set.checks) prove(check, set);
    proven += set.checks.length;
    whole.push(`${family}/${fixture.name}`);
  });
});

afterAll(() => expect(proven).toBeGreaterThan(whole.length / 2));
