/** Trailers, interim responses and responses without a body over HTTP/2. */
import { describe, expect, test } from 'vitest';
import { H2Session, h2Listener, replyTo } from '../support/h2-session.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, echoOf } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

describe.each(runtimes)('trailers over HTTP/2 on %s', (runtime) => {
  onlyOver('h1', 'it brings its own client');

  test('of a request', async () => {
    await using origin = await httpOrigin('a');
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, h2Listener) });
    await using client = await H2Session.open(limpet.port);
    const stream = client.session.request({ ':method': 'POST', ':path': '/' }, { waitForTrailers: true } as object);
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42', 'x-forwarded-for': '1.2.3.4' }));
    stream.end('hello');
    const echo = echoOf(await replyTo(stream));
    expect([echo.bodyLength, echo.trailers]).toEqual([5, ['x-sum', '42']]);
  });

  test('of a response', async () => {
    await using origin = await httpOrigin('a', (_, response) => {
      response.writeHead(200, { trailer: 'X-Sum' });
      response.write('hello');
      response.addTrailers({ 'X-Sum': '42' });
      response.end();
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, h2Listener) });
    await using client = await H2Session.open(limpet.port);
    const reply = await client.ask('/');
    expect([reply.body, Object.entries(reply.trailers)]).toEqual(['hello', [['x-sum', '42']]]);
    expect(reply.headers['x-sum']).toBeUndefined();
  });

  test('interim responses', async () => {
    await using origin = await httpOrigin('a', (_, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.writeProcessing();
      response.end('ok');
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, h2Listener) });
    await using client = await H2Session.open(limpet.port);
    const reply = await client.ask('/');
    expect([reply.interim, reply.status, reply.body]).toEqual([[103, 102], 200, 'ok']);
  });

  test.each([
    ['HEAD', 200, { 'content-length': '5' }],
    ['GET', 204, {}],
    ['GET', 304, { etag: '"a"' }],
  ] as const)('%s answered with %d has no body', async (method, status, headers) => {
    await using origin = await httpOrigin('a', (_, response) => response.writeHead(status, headers).end());
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, h2Listener) });
    await using client = await H2Session.open(limpet.port);
    for (let i = 0; i < 3; i++) {
      const reply = await client.ask('/', { ':method': method });
      expect([reply.status, reply.body]).toEqual([status, '']);
      expect(reply.headers).toMatchObject(headers);
    }
  });
});
