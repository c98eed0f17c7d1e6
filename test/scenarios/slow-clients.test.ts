/** Slow loris and its relatives: whoever is too slow is sent away, and nobody else notices. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { drip } from '../support/pace.ts';
import { ask, configFor, until } from '../support/peers.ts';
import { oneValueOf, RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';
import { http1, onlyOver } from '../support/transport.ts';

describe.each(runtimes)('slow clients on %s', (runtime) => {
  test('a head that drips in gets 408', async () => {
    onlyOver(http1, 'the head of an HTTP/2 request comes in frames');
    await using origin = await httpOrigin('a');
    const timeouts = { requestHead: '400ms' };
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, { timeouts }) });
    await using client = await RawClient.connect(limpet.port);
    // Every byte is progress, but the time counts from the first one.
    const head = 'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: '.padEnd(500, 'x');
    const dripping = drip(
      (byte) => client.send(byte),
      head,
      10,
      () => client.state === 'open',
    );
    const response = await client.response();
    expect([response.status, oneValueOf(response, 'connection')]).toEqual([408, 'close']);
    await client.closed();
    await dripping;
    expect(origin.requests()).toBe(0);
    expect((await ask(limpet.url)).status).toBe(200);
  });

  test('a body that stops gets 408 and the server is told', async () => {
    let gone = 0;
    await using origin = await httpOrigin('a', (request, response) => {
      request.resume().on('error', () => {});
      response.on('close', () => {
        gone++;
      });
    });
    const timeouts = { requestBody: '300ms' };
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, { timeouts }) });
    await using client = await RawClient.connect(limpet.port);
    await client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf');
    expect((await client.response('POST')).status).toBe(408);
    await client.closed();
    await until('the server sees it', () => gone === 1);
  });

  test('an idle connection is closed without a word', async () => {
    await using origin = await httpOrigin('a');
    const timeouts = { keepAlive: '300ms', requestHead: '300ms' };
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, { timeouts }) });
    await using used = await RawClient.connect(limpet.port);
    await using fresh = await RawClient.connect(limpet.port);
    await used.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await used.response();
    expect(await used.closed()).toBe('ended');
    expect(used.rest.length).toBe(0);
    await fresh.closed();
    expect(fresh.rest.toString()).toMatch(/^$|^HTTP\/1\.1 408 /);
  });

  test('a client that does not read its response is cut off', async () => {
    let gone = 0;
    await using origin = await httpOrigin('a', (_, response) => {
      response.on('close', () => {
        gone++;
      });
      const push = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
        response.once('drain', push);
      };
      push();
    });
    const timeouts = { write: '400ms' };
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, { timeouts }) });
    await using client = await RawClient.connect(limpet.port);
    client.pause();
    await client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await until('the server sees it', () => gone === 1);
  });
});
