/** A signed header picks the server of one request: from a trusted peer, in its time, and beside the session. */
import { describe, expect, test } from 'vitest';
import { forceToken } from '../../src/affinity/force.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, echoOf, together, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const key = Buffer.alloc(32, 'force');
const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;

describe.each(runtimes)('force on %s', (runtime) => {
  test.each([
    ['a trusted peer', ['127.0.0.1'], true],
    ['anybody else', [], false],
  ] as const)('from %s', async (_who, trustedProxies, obeyed) => {
    await using origins = await together(['a', 'b', 'c'].map((name) => httpOrigin(name)));
    const affinity = [{ force: { header: 'Limpet-Force' } }, { force: { query: 'force' } }, 'cookie'];
    const config = { ...configFor(origins, { affinity }, { trustedProxies }), keys: [key.toString('hex')] };
    await using limpet = await startLimpet(runtime, { config });
    const visitor = new Visitor(limpet.url);
    const home = echoOf(await visitor.ask()).server;
    const cookie = visitor.cookies.get('limpet');
    for (const name of ['a', 'b', 'c']) {
      const token = forceToken('app', name, inAnHour(), key);
      const byHeader = echoOf(await visitor.ask('/x', { headers: { 'limpet-force': token } }));
      const byQuery = echoOf(await visitor.ask(`/x?y=1&force=${token}`));
      expect([byHeader.server, byQuery.server]).toEqual(obeyed ? [name, name] : [home, home]);
      const absolute = echoOf(await visitor.ask('/', { path: `http://other/x?y=1&force=${token}` }));
      expect([absolute.server, absolute.url]).toEqual([obeyed ? name : home, '/x?y=1']);
      expect([byHeader.headers.join().includes(token), byQuery.url]).toEqual([false, '/x?y=1']);
    }
    const ended = forceToken('app', home === 'a' ? 'b' : 'a', inAnHour() - 7200, key);
    expect(echoOf(await visitor.ask('/', { headers: { 'limpet-force': ended } })).server).toBe(home);
    expect(visitor.cookies.get('limpet')).toBe(cookie);
    expect(echoOf(await visitor.ask()).server).toBe(home);
  });
});
