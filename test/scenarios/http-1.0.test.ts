/** HTTP/1.0 clients and servers: no chunks, no Host needed, and the end of the connection is the end of the body. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { CLOSE, httpOrigin, RESET, rawOrigin } from '../support/origin.ts';
import { configFor, echoOf, valuesIn } from '../support/peers.ts';
import { oneValueOf, RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';
import { http1, onlyOver } from '../support/transport.ts';

describe.each(runtimes)('HTTP/1.0 on %s', (runtime) => {
  onlyOver(http1, 'HTTP/1.0 is no HTTP/2');

  test('a client without Host is served and the connection is closed', async () => {
    await using origin = await httpOrigin('a');
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    await using client = await RawClient.connect(limpet.port);
    await client.send('GET /old HTTP/1.0\r\n\r\n');
    const response = await client.response();
    const echo = echoOf({ body: response.body.toString() });
    expect([response.status, response.complete, echo.url]).toEqual([200, true, '/old']);
    // The server is asked in HTTP/1.1, which needs a Host.
    expect(valuesIn(echo.headers, 'host')).toHaveLength(1);
    expect(await client.closed()).toBe('ended');
  });

  test('keep-alive when the client asks for it', async () => {
    await using origin = await httpOrigin('a');
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    await using client = await RawClient.connect(limpet.port);
    for (const path of ['/1', '/2']) {
      await client.send(`GET ${path} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n`);
      const response = await client.response();
      expect(echoOf({ body: response.body.toString() }).url).toBe(path);
      expect(oneValueOf(response, 'connection')?.toLowerCase()).toBe('keep-alive');
    }
  });

  test('a POST with a length', async () => {
    await using origin = await httpOrigin('a');
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    await using client = await RawClient.connect(limpet.port);
    await client.send('POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello');
    expect(echoOf({ body: (await client.response('POST')).body.toString() })).toMatchObject({ bodyLength: 5 });
  });

  test('a chunked response loses its chunks and ends with the connection', async () => {
    await using origin = await httpOrigin('a', (_, response) => {
      response.write('one ', () => response.end('two'));
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    await using client = await RawClient.connect(limpet.port);
    await client.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    const response = await client.response();
    expect(response).toMatchObject({ chunked: false, closeDelimited: true, complete: true });
    expect(response.body.toString()).toBe('one two');
  });

  test('a server whose body ends with its connection: framed for an HTTP/1.1 client', async () => {
    await using origin = await rawOrigin('a', (connection) =>
      connection.say('HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold ', 20, 'server', CLOSE),
    );
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    await using client = await RawClient.connect(limpet.port);
    for (let i = 0; i < 2; i++) {
      await client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      const response = await client.response();
      expect(response).toMatchObject({ status: 200, chunked: true, complete: true });
      expect(response.body.toString()).toBe('old server');
    }
  });

  test.each(['1.1', '1.0'])('such a body that is reset is never passed on as complete (HTTP/%s)', async (version) => {
    await using origin = await rawOrigin('a', (connection) => connection.say('HTTP/1.1 200 OK\r\n\r\nhalf', 50, RESET));
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    await using client = await RawClient.connect(limpet.port);
    await client.send(`GET / HTTP/${version}\r\nHost: x\r\n\r\n`);
    const response = await client.response();
    expect(response.body.toString()).toBe('half');
    expect(response.complete).toBe(false);
  });
});
