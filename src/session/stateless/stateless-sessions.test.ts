/** Tokens of other servers: their clocks are not this machine's. */
import { expect, test } from 'vitest';
import type { IncomingRequest } from '../exchange.ts';
import { fillOptions } from '../filled-options.ts';
import type { Warning } from '../options.ts';
import { StatelessSessions } from './stateless-sessions.ts';

const minute = 60_000;
const begin = 1_800_000_000_000;
const incoming = (cookie: string): IncomingRequest => ({
  header: (name) => (name === 'cookie' ? cookie : undefined),
  tls: false,
});

/** A server whose clock is off by so many ms; `visit` answers what it reads, and the cookie that it gives. */
function serverAt(off: number, clockSkew?: string) {
  const time = { now: begin };
  const now = () => time.now + off;
  const warnings: Warning[] = [];
  const sessions = new StatelessSessions(
    fillOptions({
      strategy: 'stateless',
      secret: 's'.repeat(32),
      idle: '1h',
      ...(clockSkew !== undefined && { clockSkew }),
      clock: { now, wall: now, monotonic: now },
      onWarning: (warning) => warnings.push(warning),
    }),
  );
  const visit = async (cookie: string, name = '') => {
    const exchange = await sessions.open(incoming(cookie), true);
    const read = exchange.session.data.name;
    if (name !== '') exchange.session.data.name = name;
    const [, line = ''] = (await exchange.beforeHead()).find(([header]) => header === 'Set-Cookie') ?? [];
    return { read, cookie: line.split(';', 1)[0]! };
  };
  return { visit, warnings, time };
}

test.each([
  [0.5, true, false],
  [5, true, true],
  [9, true, true],
  [11, false, false],
])('a token from a clock that is ahead by %d minutes: valid %s, dated anew %s', async (ahead, valid, dated) => {
  const { cookie } = await serverAt(ahead * minute).visit('', 'ann');
  const here = serverAt(0);
  const answer = await here.visit(cookie);
  expect(answer.read).toBe(valid ? 'ann' : undefined);
  expect(answer.cookie !== '').toBe(dated);
  await here.visit(cookie);
  expect(here.warnings.map(({ code }) => code)).toEqual(ahead > 1 ? ['clock-differs'] : []);
  if (!dated) return;
  // As of now: it is idle as early as any other of this moment, and here nobody takes it for one from ahead.
  const other = serverAt(0);
  expect((await other.visit(answer.cookie)).cookie).toBe('');
  expect(other.warnings).toEqual([]);
  other.time.now += 76 * minute;
  expect((await other.visit(answer.cookie)).read).toBe(undefined);
});

test('clockSkew says how far', async () => {
  const { cookie } = await serverAt(20 * minute).visit('', 'ann');
  expect((await serverAt(0, '30m').visit(cookie)).read).toBe('ann');
  expect((await serverAt(0, '15m').visit(cookie)).read).toBe(undefined);
  expect(() => serverAt(0, 'long')).toThrow('clockSkew: found "long"');
});
