/** The end of an HTTP/2 connection when the balancer stops, or a reload takes the listener away: nobody loses a request. */
import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { H2Session, h2Listener, replyTo } from '../support/h2-session.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

describe.each(runtimes)('GOAWAY on %s', (runtime) => {
  onlyOver('h1', 'it brings its own client');

  test('SIGTERM: idle connections end, and others once their streams are complete', async () => {
    const held: ServerResponse[] = [];
    await using origin = await httpOrigin('a', (request, response) => {
      if (request.url === '/slow') held.push(response);
      else response.end('ok');
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, h2Listener) });
    await using idle = await H2Session.open(limpet.port);
    await idle.ask('/');
    await using busy = await H2Session.open(limpet.port);
    await busy.ask('/');
    const slow = replyTo(busy.request('/slow'));
    await until('the request is at the server', () => held.length === 1);
    const exit = limpet.stop();
    await idle.closed();
    await until('the busy one is told', () => busy.goaways.length >= 1);
    held[0]!.end('finished');
    expect((await slow).body).toBe('finished');
    await busy.closed();
    for (const { goaways } of [idle, busy]) expect(new Set(goaways.map(({ code }) => code))).toEqual(new Set([0]));
    // First that the end is near, then which stream was the last.
    expect(busy.goaways.map(({ lastStream }) => lastStream)).toEqual([2 ** 31 - 1, 3]);
    expect(await exit).toEqual({ code: 0, signal: null });
  });

  test('what takes longer than the limit is reset, and not taken for complete', async () => {
    await using origin = await httpOrigin('a', (_, response) => void response.write('begun'));
    const config = { ...configFor([origin], {}, h2Listener), shutdown: { timeout: '400ms' } };
    await using limpet = await startLimpet(runtime, { config });
    await using client = await H2Session.open(limpet.port);
    const stream = client.request('/');
    const reply = replyTo(stream);
    let hasBegun = false;
    stream.on('data', () => {
      hasBegun = true;
    });
    await until('the response has begun', () => hasBegun);
    const [exit] = await Promise.all([limpet.stop(), expect(reply).rejects.toMatchObject({ code: 2, body: 'begun' })]);
    expect(exit).toEqual({ code: 5, signal: null });
  });

  test('a reload leaves connections alone, also with other servers', async () => {
    await using one = await httpOrigin('a');
    await using two = await httpOrigin('b');
    const listener = { ...h2Listener };
    await using limpet = await startLimpet(runtime, { config: configFor([one], {}, listener) });
    await using client = await H2Session.open(limpet.port);
    await client.ask('/');
    await limpet.reload(configFor([two], {}, listener));
    const reply = await client.ask('/');
    expect([reply.status, JSON.parse(reply.body)]).toMatchObject([200, { server: 'b' }]);
    expect(client.goaways).toEqual([]);
  });
});
