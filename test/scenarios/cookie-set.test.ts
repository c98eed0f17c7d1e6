/** The cookie is set once, dated anew now and then, and the server never sees it. */
import { describe, expect, test } from 'vitest';
import { ClockedLimpet } from '../support/clocked-limpet.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, echoOf, parseSetCookie, readToken, together, Visitor, valuesIn } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

describe.each(runtimes)('the cookie on %s', (runtime) => {
  test('is set when something changed, and only then', async () => {
    await using origins = await together(['a', 'b'].map((name) => httpOrigin(name)));
    await using limpet = await startLimpet(runtime, { config: configFor(origins) });
    const visitor = new Visitor(limpet.url);
    const first = await visitor.ask();
    expect(first.setCookies).toHaveLength(1);
    const { name, value } = parseSetCookie(first.setCookies[0]!);
    expect(name).toBe('limpet');
    expect(value).toMatch(/^[A-Za-z0-9_-]{72}$/);
    expect(readToken(value)).toMatchObject({ epoch: 1 });
    for (let i = 0; i < 5; i++) expect((await visitor.ask()).setCookies).toEqual([]);
    // Another client is another session.
    const other = parseSetCookie((await ask(limpet.url)).setCookies[0]!);
    expect(readToken(other.value).session).not.toBe(readToken(value).session);
  });

  test('is dated anew after a quarter of the idle time: same session, same owner', { timeout: 60_000 }, async () => {
    await using origin = await httpOrigin('a');
    const affinity = [{ cookie: { idle: '40m' } }];
    await using limpet = await ClockedLimpet.start(runtime, configFor([origin], { affinity }));
    const visitor = new Visitor(() => limpet.url);
    await visitor.ask();
    const before = readToken(visitor.cookies.get('limpet')!);
    await limpet.pass(11 * 60);
    expect((await visitor.ask()).setCookies).toHaveLength(1);
    const after = readToken(visitor.cookies.get('limpet')!);
    expect(after).toEqual({ ...before, seen: after.seen });
    expect(after.seen).toBeGreaterThan(before.seen);
  });

  test('is taken out before the server sees it; the others keep order and spelling', async () => {
    await using origin = await httpOrigin('a');
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    const visitor = new Visitor(limpet.url);
    await visitor.ask();
    const token = visitor.cookies.get('limpet')!;
    const seen = async (cookie: string) =>
      valuesIn(echoOf(await ask(limpet.url, { headers: { cookie } })).headers, 'cookie');

    expect(await seen(`limpet=${token}`)).toEqual([]);
    expect(await seen(`limpet=${token}; a=1; B="x y"; c`)).toEqual(['a=1; B="x y"; c']);
    expect(await seen(`a=1; limpet=${token}; B="x y"`)).toEqual(['a=1; B="x y"']);
    expect(await seen(`a=1;B=2;  Limpet=mine; limpet=${token}`)).toEqual(['a=1;B=2;  Limpet=mine']);
    expect(await seen(`limpet=garbage; limpet=${token}; limpet=; xlimpet=1`)).toEqual(['xlimpet=1']);
  });

  test("stands beside the server's own Set-Cookie lines, which stay as they are", async () => {
    const own = ['id=1; Path=/; HttpOnly', 'limpet-theme=dark; Max-Age=60'];
    await using origin = await httpOrigin('a', (_, response) => response.writeHead(200, { 'Set-Cookie': own }).end());
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    const visitor = new Visitor(limpet.url);
    const first = await visitor.ask();
    expect(first.setCookies.filter((line) => !line.startsWith('limpet='))).toEqual(own);
    expect(first.setCookies).toHaveLength(3);
    expect((await visitor.ask()).setCookies).toEqual(own);
  });
});
