/** A pool whose servers speak HTTP/2: requests of many clients share a connection, and each gets its own response. */
import { describe, expect, test } from 'vitest';
import { echoStream, h2Origin, type StreamEcho } from '../support/h2-origin.ts';
import { startLimpet } from '../support/limpet.ts';
import { ask, configFor } from '../support/peers.ts';
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
