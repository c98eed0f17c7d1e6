/** Stickiness is decided for each request, whatever else its connection of HTTP/2 carries at the same time. */
import { describe, expect, test } from 'vitest';
import { H2Session, h2Listener } from '../support/h2-session.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, echoOf, together, valuesIn } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

describe.each(runtimes)('stickiness over HTTP/2 on %s', (runtime) => {
  onlyOver('h1', 'it brings its own client');

  test('sessions of many users on one connection stay with their servers', async () => {
    await using origins = await together(['a', 'b', 'c'].map((name) => httpOrigin(name)));
    await using limpet = await startLimpet(runtime, { config: configFor(origins, {}, h2Listener) });
    await using client = await H2Session.open(limpet.port);
    const users = Array.from({ length: 30 }, () => ({ cookie: '', server: '' }));
    await Promise.all(
      users.map(async (user) => {
        const reply = await client.ask('/', { cookie: 'theme=dark' });
        user.cookie = reply.headers['set-cookie']![0]!.split(';')[0]!;
        user.server = echoOf(reply).server;
      }),
    );
    expect(new Set(users.map(({ server }) => server))).toEqual(new Set(['a', 'b', 'c']));
    // On the same connection, on another one, and over HTTP/1.1 on the same listener.
    await using other = await H2Session.open(limpet.port);
    for (const round of [1, 2, 3])
      await Promise.all(
        users.map(async ({ cookie, server }) => {
          const one = round === 2 ? other : client;
          // Two fields, which the server gets as one.
          const reply = await one.ask(`/${round}`, { cookie: ['theme=dark', cookie] });
          expect([reply.status, echoOf(reply).server]).toEqual([200, server]);
          expect(valuesIn(echoOf(reply).headers, 'cookie')).toEqual(['theme=dark']);
          expect(echoOf(await ask(limpet.url, { headers: { cookie } })).server).toBe(server);
        }),
      );
    const { h2_connections, h2_streams, sessions_new } = await limpet.counters();
    expect([h2_connections, h2_streams, sessions_new]).toEqual([2, 120, 30]);
  });

  test('the server gets a request of HTTP/1.1, and nothing of HTTP/2', async () => {
    await using origin = await httpOrigin('a');
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, h2Listener) });
    await using client = await H2Session.open(limpet.port);
    const headers = { te: 'trailers', 'x-a': '1', 'x-forwarded-for': '1.2.3.4', 'limpet-session': 'x' };
    const echo = echoOf(await client.ask('/a?b=c', headers));
    expect([echo.method, echo.url]).toEqual(['GET', '/a?b=c']);
    const names = echo.headers.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
    expect(names.filter((name) => name.startsWith(':') || name === 'te' || name === 'limpet-session')).toEqual([]);
    expect(valuesIn(echo.headers, 'x-a')).toEqual(['1']);
    expect(valuesIn(echo.headers, 'host')).toEqual([`127.0.0.1:${limpet.port}`]);
    expect(valuesIn(echo.headers, 'x-forwarded-for')).toEqual(['127.0.0.1']);
    expect(valuesIn(echo.headers, 'x-forwarded-proto')).toEqual(['http']);
    expect(valuesIn(echo.headers, 'via')).toEqual(['2.0 limpet']);
  });

  test('a body of a megabyte each way, on twenty streams at once', async () => {
    await using origins = await together(
      ['a', 'b'].map((name) => httpOrigin(name, (request, response) => request.pipe(response))),
    );
    await using limpet = await startLimpet(runtime, { config: configFor(origins, {}, h2Listener) });
    await using client = await H2Session.open(limpet.port);
    const body = Buffer.alloc(2 ** 20, 'limpet');
    const replies = await Promise.all(Array.from({ length: 20 }, () => client.ask('/', { ':method': 'POST' }, body)));
    for (const reply of replies) expect([reply.status, reply.body === body.toString()]).toEqual([200, true]);
  });
});
