/**
 * Servers that a config names by a host name: every address of it counts, a changed one within its TTL, on both runtimes alike; by
 * a DNS server of the test.
 */
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { limpetCommand } from '../support/command.ts';
import { FakeDns } from '../support/dns-server.ts';
import { host } from '../support/host.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import type { Origin } from '../support/origin.ts';
import { ask, listen, type Reply, run, tellServer, until, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

/** Loopback addresses of this file: the last number of the first is that of `host`. */
const ips = [0, 1, 2, 3].map((n) => host.replace(/\d+$/, (last) => String(((Number(last) + n - 1) % 254) + 1)));
const names = ['a', 'b', 'c', 'd'];

/** One port on all of these addresses. */
async function serversOn(...at: number[]): Promise<Origin[]> {
  const origins: Origin[] = [];
  let port = 0;
  for (const n of at) {
    const server = createServer({ keepAliveTimeout: 60_000 }, (_request, response) => response.end(names[n]));
    origins.push(await listen(names[n]!, server, { host: ips[n]!, port }));
    port = origins[0]!.port;
  }
  return origins;
}

/** Each of some requests in a row, of which the workers get some each, is answered by one of these servers. */
async function always(servers: string, request: () => Promise<Reply>): Promise<boolean> {
  for (let n = 0; n < 8; n++) if (!servers.split(' ').includes((await request()).body)) return false;
  return true;
}

describe.skipIf(process.platform !== 'linux').each(runtimes)('names of servers on %s', (runtime) => {
  let dns: FakeDns;
  let origins: Origin[] = [];
  let limpet: Limpet;

  beforeAll(async () => {
    // Nobody listens on the first address.
    origins = await serversOn(1, 2, 3);
    const port = origins[0]!.port;
    dns = await FakeDns.start({
      'any.test': [ips[0]!, ips[1]!],
      'all.test': [ips[1]!, ips[2]!],
      'gone.test': 'NXDOMAIN',
    });
    dns.ttl = 0;
    const resolver = { servers: [dns.address], minTtl: '50ms', retry: '50ms' };
    const pool = (name: string, more: object = {}) => ({
      servers: [{ name, address: `${name}.test:${port}` }],
      affinity: [{ cookie: { name } }],
      ...more,
    });
    const config = {
      resolver,
      pools: {
        any: pool('any', { health: { interval: '100ms', timeout: '100ms' } }),
        all: pool('all', { resolve: 'all', balance: 'round-robin' }),
        gone: pool('gone'),
      },
      routes: ['any', 'all', 'gone'].map((name) => ({ match: { path: `/${name}` }, pool: name })),
    };
    limpet = await startLimpet(runtime, { config });
  });
  afterAll(async () => {
    await limpet?.[Symbol.asyncDispose]();
    await dns?.[Symbol.asyncDispose]();
    for (const origin of origins) await origin.close();
  });

  const get = (path: string): Promise<Reply> => ask(limpet.url + path);

  test('any: what answers of its addresses, and sessions stay while the name moves', async () => {
    const visitor = new Visitor(limpet.url);
    expect((await visitor.ask('/any')).body).toBe('b');
    const cookie = visitor.cookies.get('any');
    dns.zone.set('any.test', [ips[2]!]);
    // It is the same server, at another address: nothing is rebound, and nobody goes to the old one.
    await until('all workers know', () => always('c', () => visitor.ask('/any')));
    expect(visitor.cookies.get('any')).toBe(cookie);
    expect(await limpet.counters()).toMatchObject({ rebinds: 0, reloads: 0, ejections: 0 });
  });

  test('any: what a keep-alive connection leads to changes with the name as well', async () => {
    dns.zone.set('any.test', [ips[3]!]);
    await until('all workers know', () => always('d', () => get('/any')));
  });

  test('the last good answer is kept while nobody answers', async () => {
    dns.zone.set('any.test', 'SERVFAIL');
    await until('it is told', () => limpet.stderr().includes(`it stays ${ips[3]}`));
    expect((await get('/any')).body).toBe('d');
  });

  test('a name that does not exist is a fault of its own, and its end', async () => {
    const { status, headers } = await get('/gone');
    expect([status, headers['limpet-reason']]).toEqual([503, 'name-not-found']);
    expect(limpet.stderr()).toContain('name gone.test does not exist: its servers cannot be reached');
    dns.zone.set('gone.test', [ips[1]!]);
    await until('the name is there', async () => (await get('/gone')).body === 'b');
  });

  test('all: each address is a server; one that vanishes is removed as by a reload, and one that comes is added', async () => {
    const visitors = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const visitor = new Visitor(limpet.url);
        return { visitor, home: (await visitor.ask('/all')).body };
      }),
    );
    expect(new Set(visitors.map(({ home }) => home))).toEqual(new Set(['b', 'c']));
    const sessions = await limpet.sessions();
    expect(Object.keys(sessions).filter((name) => name.startsWith('all/'))).toEqual(
      [1, 2].map((n) => `all/all@${ips[n]}`),
    );
    const { cookies } = visitors[0]!.visitor;
    const request = `GET /all HTTP/1.1\r\nHost: a\r\nCookie: all=${cookies.get('all')}\r\n\r\n`;
    const flags = ['explain', '-c', `${limpet.folder}/limpet.yaml`, '--request', '-', '--json'];
    const { file, args, env } = limpetCommand(runtime, `${limpet.folder}/state`, flags);
    const explained = JSON.parse((await run(file, args, { input: request, env, cwd: limpet.folder })).stdout);
    expect(explained.decision.server).toBe(`all@${ips[visitors[0]!.home === 'b' ? 1 : 2]}`);

    dns.zone.set('all.test', [ips[3]!, ips[2]!]);
    await until('all workers know', () => always('c d', () => get('/all')));
    for (const { visitor, home } of visitors) {
      const { status, body } = await visitor.ask('/all');
      expect([status, home === 'c' ? body : ['c', 'd'].includes(body)]).toEqual([200, home === 'c' ? 'c' : true]);
    }
    expect(await tellServer(`${limpet.folder}/state`, `all@${ips[3]}`, 'drain', {}, 'all')).toBe(200);
    expect((await limpet.counters()).reloads).toBe(0);
  });
});
