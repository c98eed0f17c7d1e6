/** Liveness and readiness on listeners for traffic: over HTTP/1.1, HTTP/2 and TLS, before routes and redirects, and without a trace in a pool. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, tellServer, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { samplesOf, scrape } from '../support/scrape.ts';
import { CertificateFiles, openSecure, secureProtocols } from '../support/secure-client.ts';
import { onlyOver } from '../support/transport.ts';

const probes = { live: '/livez', ready: '/readyz' };

describe.each(runtimes)('probes on %s', (runtime) => {
  onlyOver('h1', 'it brings its own clients');

  test('say whether the balancer works, by whichever protocol', { timeout: 60_000 }, async () => {
    using files = new CertificateFiles();
    await using a = await httpOrigin('a', (_, response) => response.end('a'));
    await using b = await httpOrigin('b', (_, response) => response.end('b'));
    const config = {
      listeners: [
        { address: '127.0.0.1:0', probes },
        { address: '127.0.0.1:0', probes, redirect: 'https' },
        { address: '127.0.0.1:0', probes, tls: files.tlsFor('shop.example') },
        { address: '127.0.0.1:0' },
      ],
      pools: {
        shop: { servers: [{ name: 'a', address: a.address }] },
        extra: { servers: [{ name: 'b', address: b.address }], countsForReadiness: false, affinity: 'none' },
      },
      routes: [{ match: { path: '/extra' }, pool: 'extra' }, { pool: 'shop' }],
      log: { access: { format: 'json' } },
      workers: 2,
    };
    await using limpet = await startLimpet(runtime, { config });
    const [plain = '', redirecting = '', secure = '', without = ''] = limpet.addresses;
    const statusOf = async (path: string, at = plain, method = 'GET') =>
      (await ask(`http://${at}${path}`, { method })).status;
    await until('it is ready', async () => (await statusOf('/readyz')) === 200);
    const { status, body, headers } = await ask(`http://${plain}/livez?x=1`);
    expect([status, body, headers['cache-control'], headers['set-cookie']]).toEqual([
      200,
      'ok\n',
      'no-store',
      undefined,
    ]);
    expect((await ask(`http://${plain}/readyz`, { method: 'HEAD' })).body).toBe('');
    expect([await statusOf('/livez', redirecting), await statusOf('/', redirecting)]).toEqual([200, 301]);
    for (const protocol of secureProtocols) {
      const port = Number(secure.split(':').at(-1));
      await using client = await openSecure(protocol, port, 'shop.example', { ca: files.authority.cert });
      for (const method of ['GET', 'HEAD'])
        expect(await client.ask('/readyz', {}, method)).toMatchObject({
          status: 200,
          body: method === 'GET' ? 'ok\n' : '',
        });
      expect(await client.ask('/livez/more')).toMatchObject({ status: 200, body: 'a' });
    }
    // All these are requests of the app.
    for (const path of ['/livez/', '/livezz', '/live', '/LIVEZ', '/extra/livez'])
      expect(await statusOf(path)).toBe(200);
    expect((await ask(`http://${plain}/livez`, { method: 'POST', body: 'x' })).body).toBe('a');
    expect((await ask(`http://${without}/livez`)).body).toBe('a');
    // One redirect, two over TLS, five paths, POST, and the listener without probes.
    const lines = () => limpet.stdout().split('\n').filter(Boolean);
    await until('all lines of the access log', () => lines().length >= 10);
    expect(lines().filter((line) => line.includes('/readyz') || line.includes('?x=1'))).toEqual([]);

    const state = join(limpet.folder, 'state');
    await tellServer(state, 'b', 'drain', {}, 'extra');
    await tellServer(state, 'a', 'drain');
    await until('it is not ready', async () => (await statusOf('/readyz')) === 503);
    expect((await ask(`http://${plain}/readyz`)).body).toBe('no\n');
    expect(await statusOf('/livez')).toBe(200);
    await tellServer(state, 'a', 'ready');
    await until('it is ready without the pool that does not count', async () => (await statusOf('/readyz')) === 200);

    // Of the pool: 2 over TLS, 4 of the five paths, and 2 at the end. None is a probe.
    const samples = samplesOf((await scrape(limpet)).body);
    const inPool = [...samples].filter(([name]) => /^limpet_pool_requests_total\{.*shop/.test(name));
    expect(inPool.map(([, value]) => value)).toEqual([8]);
    expect((await limpet.counters()).probes).toBeGreaterThan(8);

    // A reload takes them away on open connections too.
    const { listeners, ...rest } = config;
    await limpet.reload({ ...rest, listeners: listeners.map(({ probes: _, ...listener }) => listener) });
    expect((await ask(`http://${plain}/livez`)).body).toBe('a');
  });
});
