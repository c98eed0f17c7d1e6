/** The balancer itself ends a session that was idle too long or has become too old, whatever the browser keeps. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, readToken, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

describe.concurrent.each(runtimes)('expiry on %s', (runtime) => {
  async function visitorWith(cookie: Record<string, string>, stack: AsyncDisposableStack): Promise<Visitor> {
    const origin = stack.use(await httpOrigin('a'));
    const limpet = stack.use(await startLimpet(runtime, { config: configFor([origin], { affinity: [{ cookie }] }) }));
    return new Visitor(limpet.url);
  }

  async function sessionOf(visitor: Visitor): Promise<string> {
    expect((await visitor.ask()).status).toBe(200);
    return readToken(visitor.cookies.get('limpet')!).session;
  }

  test('idle: a rest longer than the limit ends it, use does not', async () => {
    await using stack = new AsyncDisposableStack();
    const visitor = await visitorWith({ idle: '3s' }, stack);
    const first = await sessionOf(visitor);
    for (let i = 0; i < 5; i++) {
      await sleep(1000);
      expect(await sessionOf(visitor)).toBe(first);
    }
    await sleep(4000);
    expect(await sessionOf(visitor)).not.toBe(first);
  });

  test('absolute: use does not prolong it', async () => {
    await using stack = new AsyncDisposableStack();
    const visitor = await visitorWith({ absolute: '3s' }, stack);
    const first = await sessionOf(visitor);
    await sleep(1000);
    expect(await sessionOf(visitor)).toBe(first);
    await sleep(1500);
    await sessionOf(visitor);
    await sleep(1500);
    const second = await sessionOf(visitor);
    expect(second).not.toBe(first);
    expect(await sessionOf(visitor)).toBe(second);
  });
});
