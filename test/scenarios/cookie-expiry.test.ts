/** The balancer itself ends a session that was idle too long or has become too old, whatever the browser keeps. */
import { describe, expect, test } from 'vitest';
import { ClockedLimpet } from '../support/clocked-limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, readToken, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const minute = 60;

describe.concurrent.each(runtimes)('expiry on %s', (runtime) => {
  async function visitorWith(cookie: Record<string, string>, stack: AsyncDisposableStack) {
    const origin = stack.use(await httpOrigin('a'));
    const limpet = stack.use(await ClockedLimpet.start(runtime, configFor([origin], { affinity: [{ cookie }] })));
    return { limpet, visitor: new Visitor(() => limpet.url) };
  }

  async function sessionOf(visitor: Visitor): Promise<string> {
    expect((await visitor.ask()).status).toBe(200);
    return readToken(visitor.cookies.get('limpet')!).session;
  }

  test('idle: a rest longer than the limit ends it, use does not', { timeout: 60_000 }, async () => {
    await using stack = new AsyncDisposableStack();
    const { limpet, visitor } = await visitorWith({ idle: '30m' }, stack);
    const first = await sessionOf(visitor);
    for (let i = 0; i < 3; i++) {
      await limpet.pass(15 * minute);
      expect(await sessionOf(visitor)).toBe(first);
    }
    await limpet.pass(40 * minute);
    expect(await sessionOf(visitor)).not.toBe(first);
  });

  test('absolute: use does not prolong it', { timeout: 60_000 }, async () => {
    await using stack = new AsyncDisposableStack();
    const { limpet, visitor } = await visitorWith({ absolute: '30m' }, stack);
    const first = await sessionOf(visitor);
    await limpet.pass(10 * minute);
    expect(await sessionOf(visitor)).toBe(first);
    await limpet.pass(15 * minute);
    await sessionOf(visitor);
    await limpet.pass(15 * minute);
    const second = await sessionOf(visitor);
    expect(second).not.toBe(first);
    expect(await sessionOf(visitor)).toBe(second);
  });
});
