/** A pool whose servers speak HTTP/2: requests of many clients share a connection, and each gets its own response. */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { describe, expect, test } from 'vitest';
import { fieldsOf } from '../../src/http/session-headers.ts';
import { echoStream, h2Origin, type StreamEcho } from '../support/h2-origin.ts';
import { startLimpet } from '../support/limpet.ts';
import { ask, configFor, together, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const plain = { affinity: 'none', balance: 'round-robin', health: { passive: false }, protocol: 'h2' };

describe.each(runtimes)('a pool of HTTP/2 on %s', (runtime) => {
  test('GET, HEAD, and a POST with a body', async () => {
    await using origin = await h2Origin('a', echoStream);
    await using limpet = await startLimpet(runtime, { config: { ...configFor([origin], plain), workers: 1 } });
    const got = await ask(`${limpet.url}/cart?id=1`, { headers: { cookie: 'a=1; b=2' } });
    const echo = JSON.parse(got.body) as StreamEcho;
    expect(echo.headers).toMatchObject({
      ':method': 'GET',
      ':path': '/cart?id=1',
      ':scheme': 'http',
      ':authority': limpet.addresses[0],
      cookie: 'a=1; b=2',
      te: 'trailers',
    });
    expect([got.status, echo.body]).toEqual([200, '']);
    const posted = await ask(limpet.url, { method: 'POST', body: 'x'.repeat(200_000) });
    expect((JSON.parse(posted.body) as StreamEcho).body).toBe('x'.repeat(200_000));
    const head = await ask(limpet.url, { method: 'HEAD' });
    expect([head.status, head.body]).toEqual([200, '']);
    expect([origin.connections(), origin.streams()]).toEqual([1, 3]);
  });

  test('requests of many clients share few connections', async () => {
    await using origin = await h2Origin('a', echoStream);
    await using limpet = await startLimpet(runtime, { config: { ...configFor([origin], plain), workers: 1 } });
    const paths = Array.from({ length: 80 }, (_, i) => `/${i}`);
    const replies = await Promise.all(paths.map((path) => ask(`${limpet.url}${path}`)));
    const seen = replies.map(({ body }) => (JSON.parse(body) as StreamEcho).headers[':path']);
    expect(seen).toEqual(paths);
    expect(origin.connections()).toBe(1);
    expect(origin.streams()).toBe(80);
  });
});

describe.each(runtimes)('sessions in a pool of HTTP/2 on %s', (runtime) => {
  test('a client stays with its server, by cookie', async () => {
    await using servers = await together([h2Origin('a'), h2Origin('b'), h2Origin('c')]);
    const pool = { balance: 'round-robin', protocol: 'h2' };
    await using limpet = await startLimpet(runtime, { config: configFor(servers, pool) });
    const homes = new Set<string>();
    for (let i = 0; i < 6; i++) {
      const visitor = new Visitor(limpet.url);
      const home = (await visitor.ask('/')).body;
      homes.add(home);
      const again = await Promise.all(Array.from({ length: 5 }, () => visitor.ask('/')));
      expect(again.map(({ body }) => body)).toEqual([home, home, home, home, home]);
    }
    expect(homes.size).toBeGreaterThan(1);
  });

  test('changes of the session are kept before the client has the response, from its head and from its trailers', async () => {
    await using origin = await h2Origin('a', countVisits);
    const pool = { protocol: 'h2' };
    const config = { ...configFor([origin], pool), sessions: {} };
    await using limpet = await startLimpet(runtime, { config });
    const visitor = new Visitor(limpet.url);
    expect((await visitor.ask('/')).body).toBe('new, version 0');
    expect((await visitor.ask('/')).body).toBe('held, version 1');
    const trailed = await visitor.ask('/trailer');
    expect([trailed.body, trailed.trailers]).toEqual(['held, version 2', { 'x-kind': 'trailer' }]);
    expect((await visitor.ask('/')).body).toBe('held, version 3');
    expect(trailed.rawHeaders.join().toLowerCase()).not.toContain('limpet-');
    expect(await limpet.counters()).toMatchObject({ copies_stored: 4, copies_refused: 0 });
  });
});

/** Puts its session with each response, in the head or in the trailers. */
function countVisits(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const fields = fieldsOf(String(headers['limpet-session']));
  const version = Number(fields.get('version') ?? 0);
  const put = `epoch=${fields.get('epoch')}; version=${version + 1}; ttl=60; by=p1; data=${'A'.repeat(100)}`;
  const isTrailer = headers[':path'] === '/trailer';
  stream.respond({ ':status': 200, ...(!isTrailer && { 'limpet-session-put': put }) }, { waitForTrailers: isTrailer });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'limpet-session-put': put, 'x-kind': 'trailer' }));
  stream.end(`${fields.get('reason')}, version ${version}`);
}
