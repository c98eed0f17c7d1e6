/** Affinity by client address in mode table: an address stays where it is when servers are added. By hash alone some move. */
import { describe, expect, test } from 'vitest';
import { staysWhenServersAreAdded } from '../support/growth.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, echoOf, together } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const affinity = [{ 'source-ip': { mode: 'table' } }];

describe.each(runtimes)('source-ip in mode table on %s', (runtime) => {
  test('an address stays where it is when a server is added', () =>
    staysWhenServersAreAdded(runtime, {
      affinity,
      request: (n) => ({ localAddress: `127.0.${n >> 6}.${1 + (n & 63)}` }),
    }));

  test('the same behind trusted proxies, by networks', () =>
    staysWhenServersAreAdded(runtime, {
      affinity: [{ 'source-ip': { mode: 'table', ipv4Prefix: 24 } }],
      listener: { trustedProxies: ['127.0.0.1'] },
      request: (n, visit) => ({ headers: { 'x-forwarded-for': `203.0.${n}.${visit}` } }),
    }));

  test('by hash alone some addresses move to the new server', async () => {
    await using origins = await together(['a', 'b', 'c', 'd'].map((name) => httpOrigin(name)));
    const config = (count: number) =>
      configFor(origins.slice(0, count), { affinity: ['source-ip'], balance: 'rendezvous' });
    await using limpet = await startLimpet(runtime, { config: config(3) });
    const homes = () =>
      Promise.all(
        Array.from(
          { length: 60 },
          async (_, n) => echoOf(await ask(limpet.url, { localAddress: `127.0.0.${1 + n}` })).server,
        ),
      );
    const before = await homes();
    await limpet.reload(config(4));
    const after = await homes();
    expect(after).toContain('d');
    expect(after.filter((home, n) => home !== 'd' && home !== before[n])).toEqual([]);
  });
});
