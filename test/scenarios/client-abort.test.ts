/** A client that goes away takes its request with it: the server is not left working for nobody. */
import { createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, listen, until } from '../support/peers.ts';
import { RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';
import { http1, onlyOver } from '../support/transport.ts';

describe.each(runtimes)('a client that leaves on %s', (runtime) => {
  test.each([
    ['while the server thinks', 'GET /think HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['in the middle of its upload', 'POST /think HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf'],
    ['in the middle of a chunk', 'POST /think HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nhalf'],
    ['in the middle of the response', 'GET /stream HTTP/1.1\r\nHost: x\r\n\r\n'],
  ])('%s', async (_, request) => {
    let arrived = 0;
    let gone = 0;
    await using origin = await httpOrigin('a', (incoming, response) => {
      arrived++;
      incoming.resume().on('error', () => {});
      response.on('close', () => {
        gone++;
      });
      if (incoming.url === '/stream') response.write('first');
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    for (const leave of ['reset', 'end'] as const) {
      arrived = gone = 0;
      await using client = await RawClient.connect(limpet.port);
      await client.send(request);
      await until('the request arrives', () => arrived === 1);
      if (request.includes('/stream')) await client.wait('first bytes', 5000, () => client.rest.includes('first'));
      client[leave]();
      await until(`the server sees the ${leave}`, () => gone === 1);
    }
  });

  test('in the middle of its upload: the server, though slow, gets all that came', async () => {
    onlyOver(http1, 'with its reset a stream of HTTP/2 drops what waits for room in the window');
    const size = 400_000;
    let read = 0;
    let ended = '';
    let peer: Socket | undefined;
    await using origin = await listen(
      'a',
      createServer({ allowHalfOpen: true }, (socket) => {
        peer = socket.pause();
        socket.on('data', (chunk) => {
          read += chunk.length;
        });
        socket.on('end', () => {
          ended = 'fin';
          socket.end();
        });
        socket.on('error', (error) => {
          ended = error.message;
        });
      }),
    );
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    await using client = await RawClient.connect(limpet.port);
    const head = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${2 * size}\r\n\r\n`;
    await client.send(head);
    await until('the request arrives', () => peer !== undefined);
    await client.sent(Buffer.alloc(size, 'u'));
    client.end();
    await until('the balancer notices', async () => (await limpet.counters()).aborted_by_client === 1);
    peer?.resume();
    await until('the server sees the end', () => ended !== '');
    expect([ended, read > size]).toEqual(['fin', true]);
  });

  test('with halfClose the end of its sending is not its leaving', async () => {
    onlyOver(http1, 'the end of a request is no end of the connection in HTTP/2');
    let finish: () => void = () => {};
    await using origin = await httpOrigin('a', (_, response) => {
      finish = () => response.end('done');
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, { halfClose: true }) });
    await using client = await RawClient.connect(limpet.port);
    await client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    client.end();
    await until('the request arrives', () => origin.requests() === 1);
    finish();
    expect((await client.response()).body.toString()).toBe('done');
    expect(await client.closed()).toBe('ended');
  });
});
