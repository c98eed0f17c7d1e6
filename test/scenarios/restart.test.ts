/** The balancer stops and starts again: cookies stay valid and sessions stay where they are. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, echoOf, together, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

function stateFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-state-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe.each(runtimes)('restart on %s', (runtime) => {
  test('with the generated key kept in the state folder', async () => {
    await using origins = await together(['a', 'b', 'c'].map((name) => httpOrigin(name)));
    const setup = { args: origins.map((origin) => origin.address), env: { LIMPET_STATE: stateFolder() } };
    const cookies: Map<string, string>[] = [];
    const homes: string[] = [];
    {
      await using before = await startLimpet(runtime, setup);
      for (let i = 0; i < 12; i++) {
        const visitor = new Visitor(before.url);
        homes.push(echoOf(await visitor.ask()).server);
        cookies.push(visitor.cookies);
      }
      expect(await before.stop()).toEqual({ code: 0, signal: null });
    }
    await using after = await startLimpet(runtime, setup);
    for (const [i, kept] of cookies.entries()) {
      const visitor = new Visitor(after.url);
      for (const [name, value] of kept) visitor.cookies.set(name, value);
      const reply = await visitor.ask();
      expect(echoOf(reply).server).toBe(homes[i]);
      expect(reply.setCookies).toEqual([]);
    }
  });

  test('on another runtime, with servers in another order and one more of them', async () => {
    await using origins = await together(['a', 'b', 'c'].map((name) => httpOrigin(name)));
    const env = { LIMPET_STATE: stateFolder() };
    await using before = await startLimpet(runtime, { config: configFor(origins), env });
    const visitors = await Promise.all(
      Array.from({ length: 9 }, async () => {
        const visitor = new Visitor(before.url);
        return { cookies: visitor.cookies, home: echoOf(await visitor.ask()).server };
      }),
    );
    await before.stop();
    await using fourth = await httpOrigin('d');
    const other = runtime === 'bun' ? 'node' : 'bun';
    await using after = await startLimpet(other, { config: configFor([fourth, ...origins.toReversed()]), env });
    for (const { cookies, home } of visitors) {
      const visitor = new Visitor(after.url);
      for (const [name, value] of cookies) visitor.cookies.set(name, value);
      expect(echoOf(await visitor.ask()).server).toBe(home);
    }
  });

  test('without the key its cookies are strangers: a new session, no error', async () => {
    await using origin = await httpOrigin('a');
    await using before = await startLimpet(runtime, { args: [origin.address] });
    const visitor = new Visitor(before.url);
    await visitor.ask();
    await before.stop();
    await using after = await startLimpet(runtime, { args: [origin.address] });
    const stranger = new Visitor(after.url);
    for (const [name, value] of visitor.cookies) stranger.cookies.set(name, value);
    const reply = await stranger.ask();
    expect(reply.status).toBe(200);
    expect(reply.setCookies).toHaveLength(1);
  });
});
