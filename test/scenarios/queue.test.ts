/** A server's cap: what is beyond it waits in a queue, and what is beyond the queue is told to come later. */
import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, until, Visitor } from '../support/peers.ts';
import { RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';

/** Holds every answer until `release`, and knows how many it held at once. */
async function holder(name: string) {
  const held: ServerResponse[] = [];
  let most = 0;
  const origin = await httpOrigin(name, (request, response) => {
    request.resume();
    held.push(response);
    most = Math.max(most, held.length);
  });
  return {
    ...origin,
    held,
    most: () => most,
    release: () => held.splice(0).forEach((response) => void response.end(name)),
  };
}

function capped(origin: { name: string; address: string }, queue: { max: number; timeout: string }) {
  return configFor([], { servers: [{ name: origin.name, address: origin.address, maxRequests: 2 }], queue });
}

async function waiting(limpet: Limpet, count: number): Promise<boolean> {
  return (await limpet.counters()).queue_depth === count;
}

describe.each(runtimes)('the queue on %s', (runtime) => {
  test('two served, two wait, the fifth gets 503 with Retry-After', async () => {
    await using origin = await holder('a');
    await using limpet = await startLimpet(runtime, { config: capped(origin, { max: 2, timeout: '10s' }) });
    const running = [1, 2, 3, 4].map((n) => ask(`${limpet.url}/${n}`));
    await until('two are at the server', () => origin.held.length === 2);
    await until('two wait', () => waiting(limpet, 2));
    const fifth = await ask(`${limpet.url}/5`);
    expect(fifth.status).toBe(503);
    expect(Number(fifth.headers['retry-after'])).toBeGreaterThan(0);
    origin.release();
    await until('the other two are at the server', () => origin.held.length === 2);
    origin.release();
    for (const reply of await Promise.all(running)) expect([reply.status, reply.body]).toEqual([200, 'a']);
    expect(origin.most()).toBe(2);
  });

  test('a wait that is too long ends in 503, with its time in the queue over', async () => {
    await using origin = await holder('a');
    await using limpet = await startLimpet(runtime, { config: capped(origin, { max: 10, timeout: '300ms' }) });
    const running = [1, 2].map((n) => ask(`${limpet.url}/${n}`));
    await until('two are at the server', () => origin.held.length === 2);
    const third = await ask(`${limpet.url}/3`);
    expect([third.status, third.headers['retry-after'] !== undefined]).toEqual([503, true]);
    origin.release();
    for (const reply of await Promise.all(running)) expect(reply.status).toBe(200);
    expect(origin.requests()).toBe(2);
  });

  test('a client that leaves the queue leaves no trace', async () => {
    await using origin = await holder('a');
    await using limpet = await startLimpet(runtime, { config: capped(origin, { max: 1, timeout: '10s' }) });
    const running = [1, 2].map((n) => ask(`${limpet.url}/${n}`));
    await until('two are at the server', () => origin.held.length === 2);
    for (let i = 0; i < 3; i++) {
      await using leaver = await RawClient.connect(limpet.port);
      await leaver.send('GET /gone HTTP/1.1\r\nHost: x\r\n\r\n');
      await until('it waits', () => waiting(limpet, 1));
      leaver.reset();
      await until('it is forgotten', () => waiting(limpet, 0));
    }
    const last = ask(`${limpet.url}/last`);
    await until('the next one waits in its place', () => waiting(limpet, 1));
    origin.release();
    await Promise.all(running);
    await until('the one that stayed is at the server', () => origin.held.length === 1);
    origin.release();
    expect((await last).status).toBe(200);
    expect(origin.requests()).toBe(3);
  });

  test('a session waits for its owner while newcomers go where there is room', async () => {
    await using a = await holder('a');
    await using b = await holder('b');
    const servers = [a, b].map(({ name, address }) => ({ name, address, maxRequests: 1 }));
    await using limpet = await startLimpet(runtime, { config: configFor([], { servers }) });
    const visitor = new Visitor(limpet.url);
    const first = visitor.ask();
    await until('it has a server', () => a.held.length + b.held.length === 1);
    a.release();
    b.release();
    const home = (await first).body === 'a' ? a : b;
    const other = home === a ? b : a;
    const [busy, again] = [visitor.ask(), visitor.ask()];
    await until('its owner is full', () => home.held.length === 1);
    const newcomer = ask(limpet.url);
    await until('the newcomer is at the other', () => other.held.length === 1);
    other.release();
    expect((await newcomer).body).toBe(other.name);
    home.release();
    await until('the second of the session has its turn', () => home.held.length === 1);
    home.release();
    expect([(await busy).body, (await again).body]).toEqual([home.name, home.name]);
  });
});
