/** Two Limpets for the same clients: with cookies of their own both stick; with one name each notices the other, and says so. */
import { expect, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, echoOf, together, until, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const addressOf = ({ port }: Limpet) => `127.0.0.1:${port}`;
const times = (text: string, what: string) => text.split(what).length - 1;

test.each(runtimes)('a Limpet behind a Limpet on %s', async (runtime) => {
  await using origins = await together(['a', 'b', 'c'].map((name) => httpOrigin(name)));
  const pool = { balance: 'round-robin' };
  const own = { ...pool, affinity: [{ cookie: { name: 'inner' } }] };
  await using same = await startLimpet(runtime, { config: { ...configFor(origins, pool), workers: 1 } });
  await using other = await startLimpet(runtime, { config: { ...configFor(origins, own), workers: 1 } });
  const pools = {
    same: { servers: [{ name: 'inner-same', address: addressOf(same) }] },
    other: {
      servers: [{ name: 'inner-other', address: addressOf(other) }],
      affinity: [{ cookie: { name: 'outer' } }],
    },
  };
  const routes = [
    { match: { host: 'other.example' }, pool: 'other' },
    { match: { path: '/assets' }, pool: 'same', affinity: 'none' },
    { match: { path: '/' }, pool: 'same' },
  ];
  const config = { listeners: [{ address: '127.0.0.1:0' }], pools, routes, workers: 1 };
  await using outer = await startLimpet(runtime, { config });

  // Names of their own: the client holds both cookies, and stays with one server.
  const good = new Visitor(outer.url);
  const homes = new Set<string>();
  for (let i = 0; i < 4; i++) homes.add(echoOf(await good.ask('/', { headers: { host: 'other.example' } })).server);
  expect([homes.size, [...good.cookies.keys()].sort()]).toEqual([1, ['inner', 'outer']]);

  // One name: the inner one's cookie is taken out, on a route without affinity too, and the outer one's session holds.
  const bad = new Visitor(outer.url);
  await bad.ask();
  const token = bad.cookies.get('limpet');
  for (const path of ['/', '/assets/x', '/']) await bad.ask(path);
  expect(bad.cookies.get('limpet')).toBe(token);
  expect((await outer.counters()).cookies_foreign).toBe(4);
  await until('it is told', async () => outer.stderr().includes('cookies_foreign)'));
  const said = 'pool same: server inner-same sets a cookie limpet, the name of this balancer';
  expect(times(outer.stderr(), said)).toBe(1);

  // A client of both, side by side: the outer one's token is foreign at the inner one, and not forged.
  const aside = new Visitor(same.url);
  for (let i = 0; i < 2; i++) {
    aside.cookies.set('limpet', token!);
    expect((await aside.ask()).setCookies).toHaveLength(1);
  }
  aside.cookies.set('limpet', token!.slice(0, -4));
  await aside.ask();
  const { tokens_foreign, tokens_invalid } = await same.counters();
  expect([tokens_foreign, tokens_invalid]).toEqual([2, 1]);
  await until('it is told', async () => same.stderr().includes('tokens_foreign)'));
  expect(times(same.stderr(), 'pool app: a client sent a token in the cookie limpet')).toBe(1);
});
