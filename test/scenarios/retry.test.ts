/** What is tried again without the client noticing, and what never is: a POST that may have been carried out. */
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { CLOSE, httpOrigin, type Origin, type RawOrigin, RESET, rawOrigin, type Step } from '../support/origin.ts';
import { ask, configFor, echoOf, listen, until } from '../support/peers.ts';
import { RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Its first connection answers one request and meets the next with `steps`; later connections work. */
async function tired(...steps: Step[]): Promise<RawOrigin> {
  const origin: RawOrigin = await rawOrigin('tired', (connection, received) => {
    const requests = received.toString('latin1').split('HTTP/1.1\r\n').length - 1;
    return connection.say(...(origin.connections[0] === connection && requests > 1 ? steps : [ok]));
  });
  return origin;
}

/** A server that is down: nobody listens at its address. */
async function nobody(name: string): Promise<Origin> {
  const origin = await listen(name, createServer());
  await origin.close();
  return origin;
}

const plain = { affinity: 'none', balance: 'round-robin', health: { passive: false } };

describe.each(runtimes)('retry on %s', (runtime) => {
  test.each([
    ['closed', CLOSE],
    ['reset', RESET],
  ] as const)('a pooled connection %s when the next request comes: GET is repeated', async (_, step) => {
    await using origin = await tired(step);
    await using limpet = await startLimpet(runtime, { config: { ...configFor([origin], plain), workers: 1 } });
    expect((await ask(limpet.url)).body).toBe('ok');
    const second = await ask(`${limpet.url}/second`);
    expect([second.status, second.body]).toEqual([200, 'ok']);
    expect(origin.connections).toHaveLength(2);
    expect(origin.connections[1]?.received().toString()).toMatch(/^GET \/second /);
  });

  test('a pooled connection that breaks after a POST was sent: not repeated, 502', async () => {
    await using origin = await tired(RESET);
    await using limpet = await startLimpet(runtime, { config: { ...configFor([origin], plain), workers: 1 } });
    await ask(limpet.url);
    const reply = await ask(`${limpet.url}/order`, { method: 'POST', body: 'one limpet' });
    expect(reply.status).toBe(502);
    const orders = origin.connections.filter((connection) => connection.received().includes('POST /order'));
    expect(orders).toHaveLength(1);
  });

  test('a pooled connection closed while idle: the POST takes a fresh one', async () => {
    await using origin = await rawOrigin('a', (connection) => connection.say(ok, 20, CLOSE));
    await using limpet = await startLimpet(runtime, { config: { ...configFor([origin], plain), workers: 1 } });
    for (let i = 0; i < 3; i++) {
      expect((await ask(limpet.url, { method: 'POST', body: `order ${i}` })).status).toBe(200);
      await until('the balancer has closed it too', () => origin.connections[i]?.ended() !== 'no');
    }
    expect(origin.connections).toHaveLength(3);
  });

  test('nobody listens: a POST goes to another server with its body whole', async () => {
    await using up = await httpOrigin('up');
    const config = configFor([await nobody('down-1'), await nobody('down-2'), up], plain);
    await using limpet = await startLimpet(runtime, { config });
    for (let i = 0; i < 6; i++) {
      const body = randomBytes(300_000);
      const echo = echoOf(await ask(limpet.url, { method: 'POST', body }));
      expect(echo).toMatchObject({ server: 'up', bodyHash: createHash('sha256').update(body).digest('hex') });
    }
    expect(up.requests()).toBe(6);
  });

  test('a server that resets without an answer: PUT goes to another one with its body, POST does not', async () => {
    await using bad = await rawOrigin('bad', (connection, received) => {
      if (received.includes('limpet')) return connection.say(RESET);
    });
    await using up = await httpOrigin('up');
    await using limpet = await startLimpet(runtime, { config: configFor([bad, up], plain) });
    for (let i = 0; i < 4; i++) {
      const echo = echoOf(await ask(limpet.url, { method: 'PUT', body: 'limpet' }));
      expect(echo).toMatchObject({ server: 'up', method: 'PUT', bodyLength: 6 });
    }
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) statuses.push((await ask(limpet.url, { method: 'POST', body: 'limpet' })).status);
    expect(statuses.toSorted()).toEqual([200, 200, 502, 502]);
  });

  test('a body longer than the buffer cannot be repeated', async () => {
    await using bad = await rawOrigin('bad', (connection, received) => {
      if (received.length > 200_000) return connection.say(RESET);
    });
    await using up = await httpOrigin('up');
    const config = configFor([bad, up], { ...plain, retry: { bufferBody: '16k' } });
    await using limpet = await startLimpet(runtime, { config });
    const statuses: number[] = [];
    for (let i = 0; i < 2; i++) {
      const reply = await ask(limpet.url, { method: 'PUT', body: Buffer.alloc(400_000), agent: false });
      statuses.push(reply.status);
    }
    expect(statuses.toSorted()).toEqual([200, 502]);
  });

  test('a response that has begun is never started again', async () => {
    await using cut = await rawOrigin('cut', (connection) =>
      connection.say('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', 50, RESET),
    );
    await using limpet = await startLimpet(runtime, { config: configFor([cut], plain) });
    await using client = await RawClient.connect(limpet.port);
    await client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const response = await client.response();
    expect(response).toMatchObject({ status: 200, complete: false });
    expect(response.body.toString()).toBe('half');
    expect(cut.connections).toHaveLength(1);
  });

  test("a server's own error is its answer", async () => {
    await using bad = await httpOrigin('bad', (_, response) => response.writeHead(503, { 'x-mine': '1' }).end('busy'));
    await using up = await httpOrigin('up');
    await using limpet = await startLimpet(runtime, { config: configFor([bad, up], plain) });
    const replies = [await ask(limpet.url), await ask(limpet.url)];
    const busy = replies.find((reply) => reply.status === 503);
    expect([busy?.body, busy?.headers['x-mine']]).toEqual(['busy', '1']);
  });

  test('all servers down: 503, and each was tried once', async () => {
    const config = configFor([await nobody('a'), await nobody('b')], plain);
    await using limpet = await startLimpet(runtime, { config });
    const reply = await ask(limpet.url);
    expect(reply.status).toBe(503);
    expect(await limpet.counters()).toMatchObject({ upstream_connects: 2, retries: 1 });
  });
});
