/** The machine's clock is set back or forward while the balancer runs: no session is lost, and none expires for it. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { handClock } from '../support/hand-clock.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { configFor, listen, readToken, together, until, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const minute = 60_000;
const steps = [
  ['back by 20 minutes', -20 * minute],
  ['forward by two hours', 120 * minute],
] as const;

/** The app names its sessions itself, and so the table alone knows where they live. */
const app = (name: string) =>
  listen(
    name,
    createServer((request, response) => {
      if (request.url === '/login') response.setHeader('Set-Cookie', `sid=${name}-${Math.random()}; Path=/`);
      response.end(name);
    }),
  );

// Each waits a second or two for the next look at the clock, so they run together.
describe.concurrent.each(runtimes)('on %s', (runtime) => {
  describe.each([1, 2])('%i workers', (workers) => {
    test.each(steps)('a step %s', { timeout: 60_000 }, async (_, by) => {
      using clock = handClock();
      await using origins = await together(['a', 'b', 'c'].map(app));
      const affinity = [
        { learn: { cookie: 'sid', idle: '30m' } },
        { cookie: { name: 'limpet', idle: '30m', absolute: '8h' } },
      ];
      const config = { ...configFor(origins, { affinity }), workers };
      await using limpet = await startLimpet(runtime, { config, env: clock.env });
      const byCookie = Array.from({ length: 12 }, () => new Visitor(limpet.url));
      const byName = Array.from({ length: 12 }, () => new Visitor(limpet.url));
      await Promise.all(byName.map((visitor) => visitor.ask('/login')));
      const visit = () => Promise.all([...byCookie, ...byName].map(async (visitor) => (await visitor.ask()).body));
      const homes = await visit();
      expect(new Set(homes).size).toBe(3);
      const told = () => limpet.counters().then(({ clock_steps }) => clock_steps);
      expect(await told()).toBe(0);
      clock.set(by);
      await until('it is noticed', async () => (await told()) === 1);
      expect(limpet.stderr()).toMatch(
        /warn limpet: the machine's clock was set (back|forward) by \d+\.\d s: sessions are timed by/,
      );
      const newcomers = Array.from({ length: 6 }, () => new Visitor(limpet.url));
      const theirs = await Promise.all(newcomers.map(async (visitor) => (await visitor.ask()).body));
      expect(await visit()).toEqual(homes);
      // And home again: to the machine's clock a jump like the first one.
      clock.set(0);
      await until('it is noticed', async () => (await told()) === 2);
      expect(await visit()).toEqual(homes);
      expect(await Promise.all(newcomers.map(async (visitor) => (await visitor.ask()).body))).toEqual(theirs);
      for (const { cookies } of byCookie) expect(readToken(cookies.get('limpet')!).epoch).toBe(1);
      const { tokens_invalid, tokens_expired, rebinds } = await limpet.counters();
      expect([tokens_invalid, tokens_expired, rebinds]).toEqual([0, 0, 0]);
    });
  });

  test.each(steps)('a step %s, and then a restart', { timeout: 60_000 }, async (_, by) => {
    using clock = handClock();
    const state = mkdtempSync(join(tmpdir(), 'limpet-clock-state-'));
    try {
      await using origins = await together(['a', 'b', 'c'].map(app));
      const affinity = [{ cookie: { name: 'limpet', idle: '15m', absolute: '1h' } }];
      const config = { ...configFor(origins, { affinity }), workers: 2 };
      const env = { ...clock.env, LIMPET_STATE: state };
      const visitors = Array.from({ length: 12 }, () => new Visitor('http://replaced'));
      const visit = async ({ url }: Limpet) => {
        await Promise.all(visitors.map((visitor) => visitor.ask(url)));
        return visitors.map(({ cookies }) => readToken(cookies.get('limpet')!).session);
      };
      let sessions: string[];
      {
        await using limpet = await startLimpet(runtime, { config, env });
        sessions = await visit(limpet);
        clock.set(by);
        await until('it is noticed', async () => (await limpet.counters()).clock_steps === 1);
        expect(await visit(limpet)).toEqual(sessions);
        // As a crash: nothing is saved on the way out.
        await limpet.stop('SIGKILL');
      }
      expect(existsSync(join(state, 'clock'))).toBe(true);
      await using limpet = await startLimpet(runtime, { config, env });
      expect(await visit(limpet)).toEqual(sessions);
      const { tokens_invalid, tokens_expired, sessions_new } = await limpet.counters();
      expect([tokens_invalid, tokens_expired, sessions_new]).toEqual([0, 0, 0]);
    } finally {
      rmSync(state, { recursive: true, force: true });
    }
  });

  test('tokens of a node whose clock is ahead are dated anew, and refused beyond clock.skew', {
    timeout: 60_000,
  }, async () => {
    const key = 'k'.repeat(40);
    await using origins = await together(['a', 'b', 'c'].map(app));
    const config = { ...configFor(origins), keys: [key], workers: 1, clock: { skew: '30m' } };
    await using here = await startLimpet(runtime, { config });
    for (const [ahead, valid] of [
      [25 * minute, true],
      [40 * minute, false],
    ] as const) {
      using clock = handClock();
      clock.set(ahead);
      await using there = await startLimpet(runtime, { config, env: clock.env });
      const visitor = new Visitor('http://replaced');
      const home = (await visitor.ask(there.url)).body;
      const dated = () => readToken(visitor.cookies.get('limpet')!).seen * 1000 - Date.now();
      expect(dated()).toBeGreaterThan(ahead - minute);
      const before = await here.counters();
      const answer = await visitor.ask(here.url);
      if (valid) expect(answer.body).toBe(home);
      // Either way the client has a token of now.
      expect(Math.abs(dated())).toBeLessThan(minute);
      // An exchange is counted when it is over, a moment after its client has the answer.
      const counted = async () => {
        const after = await here.counters();
        return [after.clock_ahead! - before.clock_ahead!, after.tokens_invalid! - before.tokens_invalid!];
      };
      await until('it is counted', async () => (await counted()).some((count) => count > 0));
      expect(await counted()).toEqual(valid ? [1, 0] : [0, 1]);
    }
  });
});
