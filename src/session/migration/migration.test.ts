/** A session that is migrated, by hand: from a source that the test plays, to strategy local. */
import { expect, test } from 'vitest';
import { HandTime } from '../../../test/support/hand-time.ts';
import type { IncomingRequest } from '../exchange.ts';
import { fillOptions } from '../filled-options.ts';
import { LocalSessions } from '../local/local-sessions.ts';
import { type MigrationSource, SessionMigration, type SourceSession } from './migration.ts';

function stage(data: object | null = { user: 'ada' }) {
  const time = new HandTime();
  const options = fillOptions({ strategy: 'local', clock: time, timers: time });
  const calls: string[] = [];
  const found: SourceSession | null = data && {
    data,
    settings: { maxAge: 60 },
    retire: async () => void calls.push('retire'),
    end: async () => void calls.push('end'),
    cookieDeletion: [['Set-Cookie', 'old=; Max-Age=0']],
  };
  const source: MigrationSource = {
    find: (incoming) => (incoming.header('cookie') === 'old=1' ? Promise.resolve(found) : null),
    close: async () => void calls.push('close'),
  };
  const migration = new SessionMigration(source, options);
  const sessions = new LocalSessions(options);
  const visit = (cookie: string, hasResponse = true) => {
    const incoming: IncomingRequest = { header: (name) => (name === 'cookie' ? cookie : undefined), tls: false };
    return migration.migrate(sessions.open(incoming, hasResponse), incoming, hasResponse);
  };
  return { time, calls, visit };
}

test('the first request copies the data and stores it, then the old session and its cookie go', async () => {
  const { calls, visit } = stage();
  const exchange = await visit('old=1');
  expect([exchange.session.data, exchange.session.cookie, calls]).toEqual([
    { user: 'ada' },
    { maxAge: 60 },
    ['retire'],
  ]);
  const lines = await exchange.beforeHead();
  expect(lines[0]).toEqual(['Set-Cookie', 'old=; Max-Age=0']);
  expect(lines[1]?.[1]).toContain(`sid=${exchange.session.id}`);
});

test('a request without the old cookie needs no promise', () => {
  expect(stage().visit('other=1')).not.toBeInstanceOf(Promise);
});

test('a request without a response only reads: its client cannot get the new cookie', async () => {
  const { calls, visit } = stage();
  const exchange = await visit('old=1', false);
  expect([exchange.session.data, calls]).toEqual([{ user: 'ada' }, []]);
});

test.each(['destroy', 'regenerate'] as const)('%s ends the old session at once, for a minute', async (method) => {
  const { time, calls, visit } = stage();
  const first = await visit('old=1');
  await first.beforeHead();
  first.close(true);
  const cookie = `sid=${first.session.id}`;
  const second = await visit(cookie);
  await second.session[method]();
  expect(calls).toEqual(['retire', 'end']);
  const other = stage();
  const migrated = await other.visit('old=1');
  await migrated.beforeHead();
  other.time.advance(60_000);
  await (await other.visit(`sid=${migrated.session.id}`)).session[method]();
  expect(other.calls).toEqual(['retire']);
  expect(time.pending).toBe(1);
});

test('what the codec cannot encode is not copied', async () => {
  await expect(stage({ when: new Date() }).visit('old=1')).rejects.toThrow('session.data.when is a Date');
});
