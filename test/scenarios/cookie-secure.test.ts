/** A cookie named `__Host-`: who uses TLS has it, others have one without the prefix, and none of the two counts in place of the other. */
import { expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, echoOf, parseSetCookie, together, valuesIn } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

test.each(runtimes)('a cookie with a prefix on %s', async (runtime) => {
  await using origins = await together(['a', 'b', 'c'].map((name) => httpOrigin(name)));
  const pool = { affinity: [{ cookie: { prefix: 'host', sameSite: 'None' } }], balance: 'round-robin' };
  const config = configFor(origins, pool, { trustedProxies: ['127.0.0.1'] });
  await using limpet = await startLimpet(runtime, { config });
  const [https, http] = [{ 'x-forwarded-proto': 'https' }, { 'x-forwarded-proto': 'http' }];

  const first = await ask(limpet.url, { headers: https });
  const [secure] = first.setCookies.map(parseSetCookie);
  expect(secure?.name).toBe('__Host-limpet');
  expect(Object.fromEntries(secure!.attributes)).toEqual({ path: '/', httponly: '', samesite: 'None', secure: '' });

  const second = await ask(limpet.url, { headers: http });
  const [plain] = second.setCookies.map(parseSetCookie);
  expect(plain?.name).toBe('limpet');
  expect(Object.fromEntries(plain!.attributes)).toEqual({ path: '/', httponly: '', samesite: 'Lax' });
  expect(echoOf(second).server).not.toBe(echoOf(first).server);

  // An attacker on plain HTTP, or on another host of the domain, has set his own `limpet`: it changes nothing for the client.
  const both = `limpet=${plain!.value}; __Host-limpet=${secure!.value}; a=1`;
  for (let i = 0; i < 4; i++) {
    for (const [headers, home] of [[https, first] as const, [http, second] as const]) {
      const reply = await ask(limpet.url, { headers: { ...headers, cookie: both } });
      expect([echoOf(reply).server, reply.setCookies]).toEqual([echoOf(home).server, []]);
      expect(valuesIn(echoOf(reply).headers, 'cookie')).toEqual(['a=1']);
    }
  }
  // And alone it begins no session of its owner's: the client gets a new one.
  const alone = await ask(limpet.url, { headers: { ...https, cookie: `limpet=${plain!.value}` } });
  expect(alone.setCookies.map((one) => parseSetCookie(one).name)).toEqual(['__Host-limpet']);
});
