/** Requests sent without waiting are answered in order, each by the server of its own session. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { echoOf, together, Visitor } from '../support/peers.ts';
import { oneValueOf, RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';
import { http1, onlyOver } from '../support/transport.ts';

describe.each(runtimes)('pipelining on %s', (runtime) => {
  test('twenty in one write, the slow ones first', async () => {
    await using origins = await together(
      ['a', 'b'].map((name) =>
        httpOrigin(name, (request, response) => {
          const wait = Number(new URL(request.url ?? '/', 'http://x').searchParams.get('wait'));
          setTimeout(() => response.end(request.url), wait);
        }),
      ),
    );
    await using limpet = await startLimpet(runtime, { args: origins.map((origin) => origin.address) });
    await using client = await RawClient.connect(limpet.port);
    const targets = Array.from({ length: 20 }, (_, i) => `/${i}?wait=${(20 - i) * 3}`);
    await client.send(targets.map((target) => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
    for (const target of targets) expect((await client.response()).body.toString()).toBe(target);
  });

  test('bodies between them, of both framings', async () => {
    await using origin = await httpOrigin('a');
    await using limpet = await startLimpet(runtime, { args: [origin.address] });
    await using client = await RawClient.connect(limpet.port);
    await client.send(
      'POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello' +
        'GET /2 HTTP/1.1\r\nHost: x\r\n\r\n' +
        'POST /3 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n' +
        'HEAD /4 HTTP/1.1\r\nHost: x\r\n\r\n' +
        'GET /5 HTTP/1.1\r\nHost: x\r\n\r\n',
    );
    const lengths: unknown[] = [];
    for (const method of ['POST', 'GET', 'POST']) {
      const { url, bodyLength } = echoOf({ body: (await client.response(method)).body.toString() });
      lengths.push([url, bodyLength]);
    }
    expect(lengths).toEqual([
      ['/1', 5],
      ['/2', 0],
      ['/3', 7],
    ]);
    expect((await client.response('HEAD')).status).toBe(200);
    expect(echoOf({ body: (await client.response()).body.toString() }).url).toBe('/5');
  });

  test('each goes to the owner of its own session (no crossing)', async () => {
    await using origins = await together(['a', 'b', 'c'].map((name) => httpOrigin(name)));
    await using limpet = await startLimpet(runtime, { args: origins.map((origin) => origin.address) });
    const sessions = await Promise.all(
      Array.from({ length: 9 }, async () => {
        const visitor = new Visitor(limpet.url);
        const home = echoOf(await visitor.ask()).server;
        const [[name, value] = ['', '']] = visitor.cookies;
        return { home, cookie: `${name}=${value}` };
      }),
    );
    await using client = await RawClient.connect(limpet.port);
    await client.send(sessions.map(({ cookie }) => `GET / HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n\r\n`).join(''));
    for (const { home } of sessions) {
      const response = await client.response();
      expect(echoOf({ body: response.body.toString() }).server).toBe(home);
      expect(oneValueOf(response, 'set-cookie')).toBeUndefined();
    }
    expect(new Set(sessions.map(({ home }) => home)).size).toBeGreaterThan(1);
  });

  test('after Connection: close nothing more is answered', async () => {
    onlyOver(http1, 'the field Connection is of HTTP/1.1');
    await using origin = await httpOrigin('a');
    await using limpet = await startLimpet(runtime, { args: [origin.address] });
    await using client = await RawClient.connect(limpet.port);
    await client.send(
      'GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /3 HTTP/1.1\r\nHost: x\r\n\r\n',
    );
    await client.response();
    const last = await client.response();
    expect(oneValueOf(last, 'connection')?.toLowerCase()).toBe('close');
    await client.closed();
    expect(client.rest.length).toBe(0);
    expect(origin.requests()).toBe(2);
  });
});
