/**
 * Reloads that change one server of a pool of 20, as the servers themselves see it: no other one loses a connection, and who
 * waits for one of them goes on waiting for it. (src/balancer/membership.test.ts has 1,000 servers and no kernel.)
 */
import { createServer, type ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import type { Origin } from '../support/origin.ts';
import { ask, listen, together, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

interface Counted extends Origin {
  /** Connections that it has seen begin and end. */
  readonly seen: { opened: number; closed: number };
  readonly held: ServerResponse[];
}

/** Answers its name; `/hold` is held. */
async function counted(name: string): Promise<Counted> {
  const seen = { opened: 0, closed: 0 };
  const held: ServerResponse[] = [];
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    if (request.url === '/hold') held.push(response);
    else response.end(name);
  });
  server.on('connection', (socket) => {
    seen.opened++;
    socket.on('close', () => seen.closed++);
  });
  return { ...(await listen(name, server)), seen, held };
}

interface Listed {
  readonly name: string;
  readonly address: string;
  readonly weight?: number;
  readonly maxRequests?: number;
}

/** One worker: each has connections of its own. Requests with `x-server: s0` go to s0 alone, which has room for one. */
function configOf(servers: readonly Listed[]) {
  const affinity = [{ route: { header: 'x-server', map: { s0: 's0' } } }];
  // One request waits through all reloads, however long they take.
  const queue = { timeout: '60s' };
  const app = { servers, affinity, balance: 'round-robin', queue, timeouts: { keepAlive: '50s' } };
  return { workers: 1, listeners: [{ address: '127.0.0.1:0' }], pools: { app } };
}

test.each(runtimes)('a reload that changes one server of 20 on %s', { timeout: 60_000 }, async (runtime) => {
  await using origins = await together([...Array(20).keys()].map((n) => counted(`s${n}`)));
  await using other = await counted('other');
  const all: Listed[] = origins.map(({ name, address }, n) => ({ name, address, ...(n === 0 && { maxRequests: 1 }) }));
  const changed = (change: Partial<Listed>) => all.map((one) => (one.name === 's9' ? { ...one, ...change } : one));
  const s9 = origins[9]!;
  const others = origins.filter((origin) => origin !== s9);
  await using limpet = await startLimpet(runtime, { config: configOf(all) });
  const answers = new Set<string>();
  const askAll = async () => {
    answers.clear();
    // Weights make it more than one turn each.
    for (let n = 0; n < 44; n++) answers.add((await ask(limpet.url)).body);
  };
  await askAll();
  expect(answers.size).toBe(20);
  const header = { headers: { 'x-server': 's0' } };
  const running = ask(`${limpet.url}/hold`, header);
  await until('s0 has a request', () => origins[0]!.held.length === 1);
  const waiting = ask(limpet.url, header);
  await until('another one waits for it', async () => (await limpet.counters()).queue_depth === 1);

  const story: readonly (readonly [what: string, servers: readonly Listed[], ...seen: number[]])[] = [
    // What s9 has seen then, opened and closed.
    ['one joins', [...all, { name: 'other', address: other.address }], 1, 0],
    ['it leaves', all, 1, 0],
    ['another weight', changed({ weight: 2 }), 1, 0],
    ['another order', changed({ weight: 2 }).toReversed(), 1, 0],
    ['a cap', changed({ maxRequests: 9 }), 1, 0],
    ['another name', changed({ name: 'renamed' }), 2, 1],
    ['another address', changed({ name: 'renamed', address: other.address }), 2, 2],
    ['one less', all.filter(({ name }) => name !== 's9'), 2, 2],
  ];
  for (const [what, servers, opened, closed] of story) {
    await limpet.reload(configOf(servers));
    await askAll();
    // s0 is full.
    expect([what, answers.size]).toEqual([what, servers.length - 1]);
    for (const { name, seen } of others) expect([what, name, seen]).toEqual([what, name, { opened: 1, closed: 0 }]);
    await until(`${what}: connections of s9`, () => s9.seen.opened === opened && s9.seen.closed === closed);
    expect((await limpet.counters()).queue_depth).toBe(1);
  }
  expect(other.seen).toEqual({ opened: 2, closed: 2 });

  origins[0]!.held[0]!.end('held');
  expect([(await running).body, (await waiting).body]).toEqual(['held', 's0']);
  expect(origins[0]!.seen).toEqual({ opened: 1, closed: 0 });
});
