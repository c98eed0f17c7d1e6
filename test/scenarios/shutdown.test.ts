/** SIGTERM: no new connections, exchanges in flight are finished, and the time for that is limited. */
import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, until } from '../support/peers.ts';
import { oneValueOf, RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';

describe.each(runtimes)('shutdown on %s', (runtime) => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s finishes what is in flight and ends with 0', async (signal) => {
    const held: ServerResponse[] = [];
    await using origin = await httpOrigin('a', (request, response) => {
      if (request.url === '/slow') held.push(response);
      else response.end('ok');
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    await using idle = await RawClient.connect(limpet.port);
    await idle.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await idle.response();
    await using busy = await RawClient.connect(limpet.port);
    await busy.send('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    await until('the request is at the server', () => held.length === 1);
    const exit = limpet.stop(signal);
    // Idle connections have nothing to wait for.
    await idle.closed();
    await until('new connections are refused', () =>
      ask(limpet.url).then(
        () => false,
        () => true,
      ),
    );
    held[0]?.end('finished');
    const response = await busy.response();
    expect([response.status, response.body.toString()]).toEqual([200, 'finished']);
    expect(oneValueOf(response, 'connection')?.toLowerCase()).toBe('close');
    expect(await exit).toEqual({ code: 0, signal: null });
  });

  test('what takes longer than the limit is cut off, and the code is 5: what came is delivered', async () => {
    await using origin = await httpOrigin('a', (_, response) => response.write(`never ends${'.'.repeat(400_000)}`));
    const config = { ...configFor([origin]), shutdown: { timeout: '400ms' } };
    await using limpet = await startLimpet(runtime, { config });
    await using busy = await RawClient.connect(limpet.port);
    await busy.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await busy.wait('the first bytes', 5000, () => busy.rest.includes('never ends'));
    busy.pause();
    expect(await limpet.stop()).toEqual({ code: 5, signal: null });
    busy.resume();
    expect(await busy.closed()).toBe('ended');
    const response = await busy.response();
    expect([response.complete, response.body.length]).toEqual([false, 400_010]);
  });
});
