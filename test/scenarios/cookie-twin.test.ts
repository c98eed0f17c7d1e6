/** The cross-site twin: a page of another site that embeds ours sends it alone, and is at home. */
import { expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, echoOf, parseSetCookie, together, valuesIn } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

test.each(runtimes)('a twin cookie on %s', async (runtime) => {
  await using origins = await together(['a', 'b', 'c'].map((name) => httpOrigin(name)));
  const pool = { affinity: [{ cookie: { twin: true } }], balance: 'round-robin' };
  const config = configFor(origins, pool, { trustedProxies: ['127.0.0.1'] });
  await using limpet = await startLimpet(runtime, { config });
  const https = { 'x-forwarded-proto': 'https' };
  const first = await ask(limpet.url, { headers: https });
  const [own, twin] = first.setCookies.map(parseSetCookie);
  expect([own?.name, twin?.name, twin?.value]).toEqual(['limpet', 'limpet-x', own?.value]);
  expect(Object.fromEntries(twin!.attributes)).toEqual({
    path: '/',
    httponly: '',
    samesite: 'None',
    secure: '',
    partitioned: '',
  });
  for (const cookie of [`limpet-x=${twin!.value}; a=1`, `limpet=${own!.value}; limpet-x=${twin!.value}; a=1`]) {
    for (let i = 0; i < 4; i++) {
      const reply = await ask(limpet.url, { headers: { ...https, cookie } });
      expect([echoOf(reply).server, reply.setCookies]).toEqual([echoOf(first).server, []]);
      expect(valuesIn(echoOf(reply).headers, 'cookie')).toEqual(['a=1']);
    }
  }
  expect((await ask(limpet.url, { headers: { 'x-forwarded-proto': 'http' } })).setCookies).toHaveLength(1);
});
