/** HEAD, 204 and 304 have no body whatever their head says, and the connection goes on after them. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { rawOrigin } from '../support/origin.ts';
import { configFor } from '../support/peers.ts';
import { oneValueOf, RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';

const answers = {
  '/length': 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nETag: "1"\r\n\r\n',
  '/chunked': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
  '/neither': 'HTTP/1.1 200 OK\r\nX-Neither: 1\r\n\r\n',
  '/204': 'HTTP/1.1 204 No Content\r\nX-Done: 1\r\n\r\n',
  '/304': 'HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: "1"\r\n\r\n',
  '/next': 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext',
} as const;

describe.each(runtimes)('no body on %s', (runtime) => {
  test.each([
    ['HEAD', '/length', 200],
    ['HEAD', '/chunked', 200],
    ['HEAD', '/neither', 200],
    ['GET', '/204', 204],
    ['DELETE', '/204', 204],
    ['GET', '/304', 304],
  ] as const)('%s %s', async (method, path, status) => {
    await using origin = await rawOrigin('a', (connection, received) => {
      const target = received.toString('latin1').match(/\S+ (\/\S*) HTTP\/1\.1\r\n(?![\s\S]*HTTP\/1\.1\r\n)/)?.[1];
      if (received.toString('latin1').endsWith('\r\n\r\n'))
        return connection.say(answers[target as keyof typeof answers]);
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    await using client = await RawClient.connect(limpet.port);
    await client.send(`${method} ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const response = await client.response(method);
    expect(response.status).toBe(status);
    if (path === '/length') expect(oneValueOf(response, 'content-length')).toBe('1000');
    if (path === '/304') expect(oneValueOf(response, 'etag')).toBe('"1"');
    if (status === 204) expect(oneValueOf(response, 'transfer-encoding')).toBeUndefined();
    await client.send('GET /next HTTP/1.1\r\nHost: x\r\n\r\n');
    expect((await client.response()).body.toString()).toBe('next');
    // The server's connection was good for a second request as well.
    expect(origin.connections).toHaveLength(1);
  });
});
