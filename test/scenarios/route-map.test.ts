/** A fixed map beside the cookie: testers go where they are sent, and nobody else notices. Opt-out by condition. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, echoOf, together, Visitor, valuesIn } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const names = ['s1', 's2', 's3'];

describe.each(runtimes)('route on %s', (runtime) => {
  test('testers have their server, without a cookie; a session of theirs is left alone', async () => {
    await using origins = await together(names.map((name) => httpOrigin(name)));
    const map = { 'tester-*': 's2', '42': 's1' };
    const affinity = [{ route: { header: 'X-User', map } }, 'cookie'];
    const config = configFor(origins, { affinity, balance: 'round-robin' });
    await using limpet = await startLimpet(runtime, { config });
    for (let i = 0; i < 6; i++) {
      for (const [user, home] of [
        [`tester-${i}`, 's2'],
        ['42', 's1'],
      ]) {
        const reply = await ask(limpet.url, { headers: { 'x-user': user } });
        expect([user, echoOf(reply).server, reply.setCookies]).toEqual([user, home, []]);
      }
    }
    const visitor = new Visitor(limpet.url);
    const home = echoOf(await visitor.ask()).server;
    const cookie = visitor.cookies.get('limpet');
    const asTester = await visitor.ask('/', { headers: { 'x-user': 'tester-1' } });
    expect(echoOf(asTester).server).toBe('s2');
    expect(valuesIn(echoOf(asTester).headers, 'cookie')).toEqual([]);
    expect(visitor.cookies.get('limpet')).toBe(cookie);
    for (let i = 0; i < 4; i++) expect(echoOf(await visitor.ask()).server).toBe(home);
  });

  test('while the server is down its testers share a substitute, for the time being', async () => {
    await using origins = await together(names.map((name) => httpOrigin(name)));
    const affinity = [{ route: { query: 'user', map: { '*': 's2' } } }, 'cookie'];
    await using limpet = await startLimpet(runtime, { config: configFor(origins, { affinity }) });
    await origins[1]!.close();
    const servers = new Set<string>();
    for (let i = 0; i < 8; i++) servers.add(echoOf(await ask(`${limpet.url}/?user=${i}`)).server);
    expect(servers.size).toBe(1);
    expect(servers.has('s2')).toBe(false);
    expect((await limpet.counters()).rebinds).toBe(0);
  });

  test('affinity: none by method and extension', async () => {
    await using origins = await together(names.map((name) => httpOrigin(name)));
    const config = configFor(origins, { balance: 'round-robin' });
    const match = { methods: ['GET', 'HEAD'], extensions: ['css', '.JS'] };
    const routes = [{ match, pool: 'app', affinity: 'none' }, { pool: 'app' }];
    await using limpet = await startLimpet(runtime, { config: { ...config, routes } });
    const visitor = new Visitor(limpet.url);
    const home = echoOf(await visitor.ask()).server;
    const assets = new Set<string>();
    for (let i = 0; i < 6; i++) {
      assets.add(echoOf(await visitor.ask('/a/b.css?x=1')).server);
      expect(echoOf(await visitor.ask('/a.css/b')).server).toBe(home);
      expect(echoOf(await visitor.ask('/a.js', { method: 'POST' })).server).toBe(home);
    }
    expect(assets.size).toBe(3);
    expect((await ask(`${limpet.url}/a.js`)).setCookies).toEqual([]);
    expect((await ask(`${limpet.url}/a.jsx`)).setCookies).toHaveLength(1);
  });
});
