/** Ids that clients invent and send again displace each other, and none that the app gave: every user stays at home. */
import { expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor } from '../support/peers.ts';
import { RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';

const users = 100;
/** Each is sent twice. The table holds 1,524. */
const flood = 5000;
const batch = 250;

test.each(runtimes)('a flood of invented ids, each sent twice, on %s', { timeout: 60_000 }, async (runtime) => {
  let given = 0;
  const app = (name: string) =>
    httpOrigin(name, (request, response) => {
      const known = request.headers.cookie !== undefined;
      if (!known) response.setHeader('Set-Cookie', `JSESSIONID=given-${given++}; Path=/`);
      response.end(name);
    });
  await using a = await app('a');
  await using b = await app('b');
  const pool = { affinity: [{ learn: 'JSESSIONID' }], balance: 'round-robin' };
  await using limpet = await startLimpet(runtime, {
    config: { table: { capacity: 1000 }, ...configFor([a, b], pool) },
  });
  const homes: string[] = [];
  const cookieOf = (user: number) => ({ headers: { Cookie: `JSESSIONID=given-${user}` } });
  for (let user = 0; user < users; user++) homes.push((await ask(limpet.url)).body);
  expect(new Set(homes)).toEqual(new Set(['a', 'b']));

  await using client = await RawClient.connect(limpet.port);
  for (let from = 0; from < flood; from += batch) {
    for (const _ of ['once', 'again']) {
      const ids = Array.from({ length: batch }, (__, n) => `invented-${from + n}`);
      await client.send(ids.map((id) => `GET / HTTP/1.1\r\nHost: x\r\nCookie: JSESSIONID=${id}\r\n\r\n`).join(''));
      for (let n = 0; n < batch; n++) expect((await client.response()).status).toBe(200);
    }
  }
  const { sessions_evicted: evicted } = await limpet.counters();
  expect(evicted).toBeGreaterThan(flood / 2);
  for (let user = 0; user < users; user++) expect((await ask(limpet.url, cookieOf(user))).body).toBe(homes[user]);
});
