/** Answers that come before the request's body is whole: whoever writes all of it before it reads gets them. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { RESET, rawOrigin } from '../support/origin.ts';
import { configFor } from '../support/peers.ts';
import { bytes, oneValueOf, RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';
import { isHttp2 } from '../support/transport.ts';

const megabyte = 1024 * 1024;

function upload(bytes: number): string {
  return `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n`;
}

describe.each(runtimes)('an answer before the end of the upload on %s', (runtime) => {
  test('a server that answers and resets: its answer is passed on, every time', async () => {
    await using origin = await rawOrigin('a', (connection) =>
      connection.say('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig', RESET),
    );
    await using limpet = await startLimpet(runtime, { config: configFor([origin], { health: { passive: false } }) });
    for (let i = 0; i < 8; i++) {
      await using client = await RawClient.connect(limpet.port);
      await client.send(upload(4 * megabyte));
      await client.send(Buffer.alloc(4 * megabyte, 'x'));
      const response = await client.response('POST');
      expect([response.status, response.body.toString()]).toEqual([413, 'big']);
    }
  });

  test.each([
    ['its own refusal', '/own', 413],
    ["its server's answer", '/early', 401],
  ])('%s reaches who writes everything before it reads', async (_, path, status) => {
    await using origin = await rawOrigin('a', (connection, received) =>
      received.includes('POST /early ')
        ? connection.say('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno')
        : undefined,
    );
    const pool = { health: { passive: false } };
    const listener = { limits: { bodyBytes: path === '/own' ? '1M' : 0 } };
    await using limpet = await startLimpet(runtime, { config: configFor([origin], pool, listener) });
    await using client = await RawClient.connect(limpet.port);
    client.pause();
    await client.send(`POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
    const chunk = Buffer.concat([bytes('10000\r\n'), Buffer.alloc(0x10000, 'x'), bytes('\r\n')]);
    // Each is written out before the next: the kernels on the way keep at most a few megabytes of 40.
    for (let i = 0; i < 640; i++) await client.sent(chunk);
    await client.sent(bytes('0\r\n\r\n'));
    client.resume();
    const response = await client.response('POST');
    expect([response.status, oneValueOf(response, 'connection')]).toEqual([status, isHttp2 ? undefined : 'close']);
    expect(await client.closed()).toBe('ended');
  });
});
