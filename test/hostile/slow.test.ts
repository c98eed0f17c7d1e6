/** Clients that send for ever: a time-out counts from the first byte of a head, and each limit has its answer. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { type HttpOrigin, httpOrigin } from '../support/origin.ts';
import { drip } from '../support/pace.ts';
import { oneValueOf, RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';

/** The head may take 500 ms; the drip goes on for several times that. */
const drips = 40;
const dripGap = 75;

describe.each(runtimes)('slow clients on %s', (runtime) => {
  let origin: HttpOrigin;
  let limpet: Limpet;

  beforeAll(async () => {
    origin = await httpOrigin('origin');
    const timeouts = { requestHead: '500ms', requestBody: '500ms', keepAlive: '500ms' };
    limpet = await startLimpet(runtime, {
      config: {
        listeners: [{ address: '127.0.0.1:0', timeouts }],
        pools: { main: { servers: [origin.address] } },
      },
    });
  });

  afterAll(async () => {
    await limpet?.[Symbol.asyncDispose]();
    await origin?.close();
  });

  test.each([
    ['whole lines', ['GET / HTTP/1.1\r\n', ...Array.from({ length: drips }, (_, i) => `X${i}: y\r\n`)]],
    ['single bytes', Array.from(`GET /${'x'.repeat(drips)}`)],
  ])('slowloris with %s gets 408', async (_, pieces) => {
    await using client = await RawClient.connect(limpet.port);
    const unanswered = () => client.received.length === 0 && client.state === 'open';
    const sent = await drip((piece) => client.send(piece), pieces, dripGap, unanswered);
    const response = await client.response();
    expect([response.status, oneValueOf(response, 'Limpet-Reason')]).toEqual([408, 'request-timeout']);
    expect(sent).toBeLessThan(pieces.length);
    await client.closed();
  });

  test('a body that stops gets 408', async () => {
    await using client = await RawClient.connect(limpet.port);
    await client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell');
    const response = await client.response();
    expect([response.status, oneValueOf(response, 'Limpet-Reason')]).toEqual([408, 'request-timeout']);
    await client.closed();
  });

  test.each([
    ['a connection that never speaks', ''],
    ['a connection that speaks no more', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ])('%s is closed', async (_, first) => {
    await using client = await RawClient.connect(limpet.port);
    if (first !== '') {
      await client.send(first);
      await client.response();
    }
    await client.closed();
    expect(client.rest.length).toBe(0);
  });
});
