/** Trailers travel in both directions and do not become headers. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, echoOf } from '../support/peers.ts';
import { oneValueOf, RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';
import { isHttp2 } from '../support/transport.ts';

describe.each(runtimes)('trailers on %s', (runtime) => {
  test('up', async () => {
    await using origin = await httpOrigin('a');
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    await using client = await RawClient.connect(limpet.port);
    await client.send(
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n' +
        '5;ext=1\r\nhello\r\n0\r\nX-Sum: 42\r\nX-Other: 7\r\n\r\n',
    );
    const echo = echoOf({ body: (await client.response('POST')).body.toString() });
    expect(echo.trailers.map((text) => text.toLowerCase())).toEqual(['x-sum', '42', 'x-other', '7']);
    expect(echo.bodyLength).toBe(5);
    await client.send('GET /next HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(echoOf({ body: (await client.response()).body.toString() }).url).toBe('/next');
  });

  test('down, and dropped for an HTTP/1.0 client', async () => {
    await using origin = await httpOrigin('a', (_, response) => {
      response.writeHead(200, { trailer: 'X-Sum' });
      response.write('hello');
      response.addTrailers({ 'X-Sum': '42' });
      response.end();
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    const reply = await ask(limpet.url, { headers: { te: 'trailers' } });
    expect(reply.trailers).toEqual({ 'x-sum': '42' });
    expect(reply.headers['x-sum']).toBeUndefined();

    if (isHttp2) return;
    await using old = await RawClient.connect(limpet.port);
    await old.send('GET / HTTP/1.0\r\n\r\n');
    const response = await old.response();
    expect(response.body.toString()).toBe('hello');
    expect(oneValueOf(response, 'transfer-encoding')).toBeUndefined();
  });
});
