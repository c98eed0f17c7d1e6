/** Limits of a listener: how many connections, and how long a body. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, echoOf, until } from '../support/peers.ts';
import { RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';

describe.each(runtimes)('limits on %s', (runtime) => {
  test('connections beyond the limit are refused, those inside work on', async () => {
    await using origin = await httpOrigin('a');
    await using limpet = await startLimpet(runtime, {
      config: configFor([origin], {}, { limits: { connections: 3 } }),
    });
    const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
    const inside = await Promise.all([1, 2, 3].map(() => RawClient.connect(limpet.port)));
    for (const client of inside) {
      await client.send(get);
      expect((await client.response()).status).toBe(200);
    }
    await using fourth = await RawClient.connect(limpet.port);
    await fourth.send(get);
    await fourth.closed();
    expect(fourth.received.toString('latin1')).toMatch(/^$|^HTTP\/1\.1 503 /);
    for (const client of inside) {
      await client.send(get);
      expect((await client.response()).status).toBe(200);
    }
    await inside[0]![Symbol.asyncDispose]();
    await until('there is room again', async () => (await ask(limpet.url).catch(() => undefined))?.status === 200);
    for (const client of inside) await client[Symbol.asyncDispose]();
  });

  test('a body longer than allowed gets 413, announced or not', async () => {
    await using origin = await httpOrigin('a');
    await using limpet = await startLimpet(runtime, {
      config: configFor([origin], {}, { limits: { bodyBytes: '10k' } }),
    });
    const fits = await ask(limpet.url, { method: 'POST', body: Buffer.alloc(10_240) });
    expect(echoOf(fits).bodyLength).toBe(10_240);

    await using announced = await RawClient.connect(limpet.port);
    await announced.send(
      'POST /announced HTTP/1.1\r\nHost: x\r\nContent-Length: 10241\r\nExpect: 100-continue\r\n\r\n',
    );
    expect((await announced.response('POST')).status).toBe(413);
    await announced.closed();

    await using chunked = await RawClient.connect(limpet.port);
    await chunked.send('POST /chunked HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (let i = 0; i < 11 && chunked.state === 'open'; i++) {
      await chunked.send(`400\r\n${'x'.repeat(1024)}\r\n`, [600]);
    }
    expect((await chunked.response('POST')).status).toBe(413);
    await chunked.closed();
    expect((await ask(limpet.url)).status).toBe(200);
  });
});
