/** Answers that come before the request's body is whole: whoever writes all of it before it reads gets them. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { RESET, rawOrigin } from '../support/origin.ts';
import { configFor } from '../support/peers.ts';
import { RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';

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
});
