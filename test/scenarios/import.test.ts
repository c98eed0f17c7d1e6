/** Configs of other balancers, imported and run: each keeps its clients where it kept them before. */
import { describe, expect, test } from 'vitest';
import { importText } from '../../src/import/import.ts';
import { families, type ImportFixture, importFixtures, type StickyCheck } from '../support/import-fixtures.ts';
import { startLimpet } from '../support/limpet.ts';
import { type HttpOrigin, httpOrigin } from '../support/origin.ts';
import { ask, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

interface Config {
  readonly listeners: readonly { readonly address: string; readonly tls?: unknown; readonly hsts?: unknown }[];
  readonly routes?: readonly { readonly match?: { readonly listeners?: readonly string[] } }[];
  readonly pools: Readonly<Record<string, { readonly servers: readonly (string | ServerConfig)[] }>>;
}

interface ServerConfig {
  readonly name?: string;
  readonly address: string;
}

/** The same config with an origin of this test for each server, and on free ports. */
async function revive(fixture: ImportFixture, checks: readonly StickyCheck[]) {
  const config = importText(fixture.text, fixture.name).config as unknown as Config;
  const origins: HttpOrigin[] = [];
  const pools: Record<string, unknown> = {};
  for (const [name, pool] of Object.entries(config.pools)) {
    const servers: ServerConfig[] = [];
    for (const written of pool.servers) {
      const server = typeof written === 'string' ? { address: written } : written;
      const origin = await app(`${name}/${server.name ?? server.address}`, checks);
      origins.push(origin);
      servers.push({ name: server.address, ...server, address: origin.address });
    }
    // A check that a busy machine answers late would move sessions, and the apps here know no path of a check.
    // The apps of this test speak HTTP/1.1 in the clear.
    pools[name] = { ...pool, servers, health: { active: false }, tls: false, protocol: 'h1' };
  }
  // Routes name listeners by address, so each keeps one of its own.
  const free = new Map(config.listeners.map(({ address }, n) => [address, `127.0.0.${n + 1}:0`]));
  // The files of the certificates are not here.
  const listeners = config.listeners.map(({ tls: _tls, hsts: _hsts, ...listener }) => ({
    ...listener,
    address: free.get(listener.address),
  }));
  const routes = config.routes?.map(({ match, ...route }) => {
    const named = match?.listeners?.map((address) => free.get(address));
    return { ...route, ...(match && { match: { ...match, ...(named && { listeners: named }) } }) };
  });
  return {
    config: { ...config, listeners, pools, ...(routes && { routes }) },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(origins.map((origin) => origin.close()));
    },
  };
}

let sessions = 0;

/** Says who it is, and names a session for clients that bring none where a check wants it to. */
function app(name: string, checks: readonly StickyCheck[]): Promise<HttpOrigin> {
  return httpOrigin(name, (request, response, server) => {
    for (const { client, routes } of checks) {
      if (typeof client === 'string') continue;
      const route = routes[server.slice(server.indexOf('/') + 1)];
      const id = () => `id${sessions++}${route === undefined ? '' : `.${route}`}`;
      if ('app-cookie' in client) {
        const named = client['app-cookie'];
        if (!(request.headers.cookie ?? '').includes(`${named}=`))
          response.appendHeader('Set-Cookie', `${named}=${id()}; Path=/`);
      } else if ('app-header' in client && request.headers[client['app-header'].toLowerCase()] === undefined) {
        response.setHeader(client['app-header'], id());
      }
    }
    response.end(server);
  });
}

/** One client of the check: each call is a request, and answers who served it. */
function clientOf(check: StickyCheck, number: number, value: string, url: string): () => Promise<string> {
  const { client, host } = check;
  const visitor = new Visitor(url);
  const headers: Record<string, string> = { ...check.headers, host };
  let path = check.path;
  let named = '';
  if (client === 'path') path = path.replaceAll('{client}', value);
  else if (typeof client === 'object') {
    if ('header' in client) headers[client.header] = value;
    else if ('query' in client) path += `${path.includes('?') ? '&' : '?'}${client.query}=${value}`;
    else if ('cookie' in client) visitor.cookies.set(client.cookie, value);
    else if ('app-header' in client) named = client['app-header'];
  }
  const keeps = client === 'cookie-jar' || (typeof client === 'object' && 'app-cookie' in client);
  const localAddress = client === 'address' ? `127.${1 + (number % 200)}.${(number * 7) % 250}.1` : '127.0.0.1';
  return async () => {
    if (!keeps && !(typeof client === 'object' && 'cookie' in client)) visitor.cookies.clear();
    const reply = await visitor.ask(path, { headers, localAddress });
    expect(reply.status, reply.body).toBe(200);
    const name = reply.headers[named.toLowerCase()];
    if (named !== '' && typeof name === 'string') headers[named] = name;
    return reply.body;
  };
}

async function prove(check: StickyCheck, url: string, addresses: readonly string[]): Promise<void> {
  const at = addresses[check.listener];
  const values = check.servers === undefined ? null : Object.entries(check.servers);
  const met = new Set<string>();
  for (let number = 0; number < check.clients; number++) {
    const [value, wanted] = values?.[number % values.length] ?? [`client-${number}`, undefined];
    const next = clientOf(check, number, value, at === undefined ? url : `http://${at}`);
    const served = new Set<string>();
    for (let i = 0; i < check.requests; i++) served.add(await next());
    expect(Array.from(served), `client ${number} of ${JSON.stringify(check.client)} at ${check.path}`).toHaveLength(1);
    for (const server of served) {
      met.add(server);
      if (wanted !== undefined) expect(server.slice(server.indexOf('/') + 1)).toBe(wanted);
    }
  }
  expect(met.size, `servers met by all clients at ${check.path}`).toBeGreaterThanOrEqual(check.spread);
}

describe.each(families)('%s', (family) => {
  // A config says nothing of runtimes: they take turns.
  // Each fixture is proven without processes in test/imports/sticky.test.ts; some of each family with them.
  const checked = importFixtures(family)
    .filter((fixture) => fixture.checks().length > 0)
    .slice(0, process.env.LIMPET_LONG === '1' ? undefined : 3);
  const fixtures = checked.map((fixture, n) => [fixture.name, runtimes[n % runtimes.length]!, fixture] as const);
  test.each(fixtures)('%s on %s', async (_, runtime, fixture) => {
    const checks = fixture.checks();
    await using revived = await revive(fixture, checks);
    await using limpet = await startLimpet(runtime, { config: revived.config });
    for (const check of checks) await prove(check, limpet.url, limpet.addresses);
    expect((await ask(limpet.url, { headers: { host: '!' } })).status).toBe(400);
  });
});
