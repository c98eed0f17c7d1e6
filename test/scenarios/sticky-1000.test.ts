/** A thousand clients with their cookies, twelve requests each (LIMPET_LONG=1: fifty), in any order: none on a wrong server. */
import { Pool } from 'undici';
import { expect, test } from 'vitest';
import { host } from '../support/host.ts';
import { startLimpet } from '../support/limpet.ts';
import { long } from '../support/long.ts';
import { ask, parseSetCookie, startServer, together } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const clients = 1000;
const visits = long ? 50 : 12;
const connections = 64;
const app = new URL('../support/app-server.ts', import.meta.url);

test.each(runtimes)('1,000 clients stay with their server on %s', { timeout: 60_000 }, async (runtime) => {
  await using servers = await together(['a', 'b', 'c', 'd'].map((name) => startServer(app, name)));
  await using limpet = await startLimpet(runtime, { args: servers.map((server) => server.address) });
  const pool = new Pool(limpet.url, { connections, pipelining: 1 });
  const cookies = new Array<string>(clients).fill('');
  let bindings = 0;

  async function visit(client: number): Promise<void> {
    const headers = { 'x-client': String(client), cookie: cookies[client] || undefined };
    const reply = await pool.request({ path: '/', method: 'GET', headers });
    expect(reply.statusCode).toBe(200);
    await reply.body.dump();
    for (const line of [reply.headers['set-cookie'] ?? []].flat()) {
      const { name, value } = parseSetCookie(line);
      cookies[client] = `${name}=${value}`;
      bindings++;
    }
  }

  /** Connections are shared: neighbours on one connection belong to different clients. */
  async function run(order: readonly number[]): Promise<void> {
    let next = 0;
    const walk = async () => {
      while (next < order.length) await visit(order[next++]!);
    };
    await Promise.all(Array.from({ length: connections }, walk));
  }

  const everyone = Array.from({ length: clients }, (_, client) => client);
  await run(everyone);
  expect(bindings).toBe(clients);
  await run(shuffle(Array.from({ length: visits - 1 }, () => everyone).flat()));
  await pool.close();
  // Nothing changed for anybody, so nobody was told anything again.
  expect(bindings).toBe(clients);

  const homes = new Map<string, number>();
  for (const { port } of servers) {
    const report = JSON.parse((await ask(`http://${host}:${port}/report`)).body) as Record<string, number>;
    // Every client that this server saw at all came here each time.
    expect(Object.values(report).every((count) => count === visits)).toBe(true);
    for (const client of Object.keys(report)) homes.set(client, (homes.get(client) ?? 0) + 1);
    expect(Object.keys(report).length).toBeGreaterThan(clients / 8);
  }
  expect(homes.size).toBe(clients);
  expect([...homes.values()].every((count) => count === 1)).toBe(true);
});

/** Fisher-Yates with a small generator of its own: the order is mixed and the same in every run. */
function shuffle(order: number[]): number[] {
  let state = 12345;
  for (let i = order.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const j = state % (i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
