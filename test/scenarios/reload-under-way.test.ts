/**
 * Requests that are under way when a reload takes their server out of the config: what runs there finishes there, and what
 * has to find a server once more finds one of the new config, never the one that has left.
 */
import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, together, until, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

/** Holds the answers to `/hold`; answers its name to everything else. */
async function holder(name: string) {
  const held: ServerResponse[] = [];
  const origin = await httpOrigin(name, (request, response) => {
    if (request.url === '/hold') held.push(response);
    else response.end(name);
  });
  return { ...origin, held };
}

describe.each(runtimes)('a server leaves the config on %s', (runtime) => {
  test('and finishes what it has', async () => {
    await using a = await holder('a');
    await using b = await holder('b');
    await using limpet = await startLimpet(runtime, { config: configFor([a]) });
    const answer = ask(`${limpet.url}/hold`);
    await until('a has the request', () => a.held.length === 1);
    await limpet.reload(configFor([b]));
    expect((await ask(limpet.url)).body).toBe('b');
    a.held[0]!.end('the end');
    expect((await answer).body).toBe('the end');
    expect(a.requests()).toBe(1);
  });

  test('and what it breaks off is repeated by the new config', async () => {
    await using a = await holder('a');
    await using b = await holder('b');
    await using limpet = await startLimpet(runtime, { config: configFor([a]) });
    const visitor = new Visitor(limpet.url);
    expect((await visitor.ask('/')).body).toBe('a');
    const answer = visitor.ask('/hold');
    await until('a has the request', () => a.held.length === 1);
    await limpet.reload(configFor([b]));
    a.held[0]!.destroy();
    await until('b has it', () => b.held.length === 1);
    b.held[0]!.end('b after all');
    expect((await answer).body).toBe('b after all');
    expect((await visitor.ask('/')).body).toBe('b');
    expect(a.requests()).toBe(2);
  });

  test('or goes on under its name at another address: there its sessions are looked for', async () => {
    await using origins = await together(['old', 'b', 'c', 'new'].map(holder));
    const [old, b, c, moved] = origins;
    const config = (a: typeof old) =>
      configFor([{ name: 'a', address: a!.address }, b!, c!], { balance: 'round-robin' });
    await using limpet = await startLimpet(runtime, { config: config(old) });
    const visitors = Array.from({ length: 9 }, () => new Visitor(limpet.url));
    const homes: string[] = [];
    for (const visitor of visitors) homes.push((await visitor.ask('/')).body);
    const at = visitors.filter((_, i) => homes[i] === 'old');
    expect(at.length).toBe(3);
    const answers = at.map((visitor) => visitor.ask('/hold'));
    await until('all are held', () => old!.held.length === 3);
    await limpet.reload(config(moved));
    for (const response of old!.held) response.destroy();
    await until('the new address has them', () => moved!.held.length === 3);
    for (const response of moved!.held) response.end('new');
    for (const answer of answers) expect((await answer).body).toBe('new');
    for (const [i, visitor] of visitors.entries()) {
      expect((await visitor.ask('/')).body).toBe(homes[i] === 'old' ? 'new' : homes[i]);
    }
    expect((await limpet.counters()).rebinds).toBe(0);
  });

  test('and those that wait for it wait no longer', async () => {
    await using origins = await together(['a', 'b'].map(holder));
    const [a, b] = origins;
    const config = (server: typeof a) => ({
      ...configFor([]),
      pools: { app: { servers: [{ name: server!.name, address: server!.address, maxRequests: 1 }] } },
    });
    await using limpet = await startLimpet(runtime, { config: config(a) });
    const first = ask(`${limpet.url}/hold`);
    await until('a has the first', () => a!.held.length === 1);
    const second = ask(limpet.url);
    await until('the second waits', async () => (await limpet.counters()).queue_depth === 1);
    await limpet.reload(config(b));
    expect((await second).body).toBe('b');
    a!.held[0]!.end('a');
    expect((await first).body).toBe('a');
    expect((await limpet.counters()).queue_depth).toBe(0);
  });
});
