/** Keys rotate: the first of the ring signs, all of it verifies, and what was taken out of it is a stranger. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, echoOf, together, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const [old, fresh] = ['old', 'fresh'].map((text) => createHash('sha256').update(text).digest('base64'));

test.each(runtimes)('a ring of keys on %s', async (runtime) => {
  await using origins = await together(['a', 'b', 'c'].map((name) => httpOrigin(name)));
  const start = (keys: readonly (string | undefined)[]) =>
    startLimpet(runtime, {
      // From the environment, as secrets should be.
      config: { ...configFor(origins), keys: keys.map((_, i) => `\${KEY_${i}}`) },
      env: Object.fromEntries(keys.map((key, i) => [`KEY_${i}`, key ?? ''])),
    });
  const cookies = new Map<string, string>();
  let home = '';
  {
    await using limpet = await start([old]);
    const visitor = new Visitor(limpet.url);
    home = echoOf(await visitor.ask()).server;
    cookies.set('limpet', visitor.cookies.get('limpet')!);
  }
  let renewed = '';
  {
    await using limpet = await start([fresh, old]);
    const visitor = new Visitor(limpet.url);
    visitor.cookies.set('limpet', cookies.get('limpet')!);
    const reply = await visitor.ask();
    expect([echoOf(reply).server, reply.status]).toEqual([home, 200]);
    const newcomer = new Visitor(limpet.url);
    await newcomer.ask();
    renewed = newcomer.cookies.get('limpet')!;
  }
  await using limpet = await start([fresh]);
  const late = new Visitor(limpet.url);
  late.cookies.set('limpet', cookies.get('limpet')!);
  expect((await late.ask()).setCookies).toHaveLength(1);
  // Signed by the first key while both were in the ring.
  const current = new Visitor(limpet.url);
  current.cookies.set('limpet', renewed);
  expect((await current.ask()).setCookies).toEqual([]);
});
