/** Clients that call before the balancer listens: refused, as long as it does not, and answered from the first one that is not. */
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { configFor, listen, until } from '../support/peers.ts';
import { RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';

/** The first line of the answer, or what went wrong. */
async function call(port: number): Promise<string> {
  try {
    await using client = await RawClient.connect(port);
    await client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    return (await client.response()).line;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

describe.each(runtimes)('a start on %s', (runtime) => {
  test.each([1, 2])('with %i workers: no client that is accepted is left without an answer', async (workers) => {
    await using origin = await listen(
      'a',
      createHttpServer((_, response) => response.end('here')),
    );
    const free = await listen('free', createServer());
    await free.close();
    const port = Number(free.address.split(':')[1]);
    const answers = new Map<string, number>();
    let over = false;
    // Four at a time, one after the other without a pause: the moment in which they could get in is short.
    const callers = Array.from({ length: 4 }, async () => {
      while (!over) {
        const answer = await call(port);
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
        await nextTurn();
      }
    });
    const config = { ...configFor([origin]), workers, listeners: [{ address: `127.0.0.1:${port}` }] };
    {
      await using limpet = await startLimpet(runtime, { config });
      await until('an answer', () => answers.has('HTTP/1.1 200 OK'));
      expect(limpet.port).toBe(port);
      over = true;
      await Promise.all(callers);
    }
    expect([...answers.keys()].sort()).toEqual(['ECONNREFUSED', 'HTTP/1.1 200 OK']);
  });
});
