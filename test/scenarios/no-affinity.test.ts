/** `affinity: none`, for a pool or for one route: no cookie, and every request goes where there is room. */
import { expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { echoOf, together, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

test.each(runtimes)('no affinity on %s', async (runtime) => {
  await using origins = await together(['a', 'b', 'c'].map((name) => httpOrigin(name)));
  const servers = origins.map(({ name, address }) => ({ name, address }));
  const config = {
    pools: {
      sticky: { servers, balance: 'round-robin' },
      free: { servers, balance: 'round-robin', affinity: 'none' },
    },
    routes: [
      { match: { path: '/assets' }, pool: 'sticky', affinity: 'none' },
      { match: { path: '/free' }, pool: 'free' },
      { match: { host: 'free.example', path: '/' }, pool: 'free' },
      { match: { path: '/' }, pool: 'sticky' },
    ],
  };
  await using limpet = await startLimpet(runtime, { config });
  const visitor = new Visitor(limpet.url);
  const serversOf = async (path: string, headers = {}) => {
    const used: string[] = [];
    for (let i = 0; i < 6; i++) used.push(echoOf(await visitor.ask(path, { headers })).server);
    return [...used].sort().join('');
  };
  expect(await serversOf('/assets/app.css')).toBe('aabbcc');
  expect(await serversOf('/free')).toBe('aabbcc');
  expect(await serversOf('/', { host: 'free.example' })).toBe('aabbcc');
  expect(visitor.cookies.size).toBe(0);
  // Whole segments: this is not below /assets.
  expect(await serversOf('/assets-of-ours')).toMatch(/^(.)\1{5}$/);
  expect(visitor.cookies.size).toBe(1);
  expect(await serversOf('/assets/app.css')).toBe('aabbcc');
});
