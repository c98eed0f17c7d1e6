/** One request's use of a sticky session: what its response carries, and what goes through the store interface. */
import { describe, expect, test } from 'vitest';
import { headerOf, StickyStage } from '../../../test/session/support/sticky-stage.ts';
import { SessionError } from '../error.ts';
import type { LiveSession } from '../live-session.ts';
import type { SessionOptions } from '../options.ts';
import type { SessionHeader } from './protocol.ts';
import { StickySession } from './sticky-session.ts';

function open(stage: StickyStage, live: LiveSession, fields: Partial<SessionHeader> = {}) {
  const header = headerOf(fields);
  const openedAs = { reason: header.reason, isNew: live.version === 0, hasResponse: true, wasEnded: false, end: null };
  return new StickySession(stage.context, header, live, openedAs);
}

function begin(data: object = { a: 1 }, options: Partial<SessionOptions> = {}) {
  const stage = new StickyStage(options);
  const live = stage.live(data);
  return { stage, live, session: open(stage, live) };
}

const base64 = (text: string) => Buffer.from(text).toString('base64url');

describe('before the head', () => {
  test('an unchanged session sends nothing, a changed one puts its state', async () => {
    const { session } = begin();
    expect(session.data.a).toBe(1);
    expect(await session.beforeHead()).toEqual([]);
    const changed = begin();
    changed.session.set('a', 2);
    expect(await changed.session.beforeHead()).toEqual([
      ['Limpet-Session-Put', `epoch=1; version=2; ttl=2700; by=me; data=${base64('{"a":2}')}`],
    ]);
  });

  test('a state that is too large for a header is put through the store interface first', async () => {
    const { session, stage, live } = begin();
    const large = 'x'.repeat(20_000);
    session.set('a', large);
    expect(await session.beforeHead()).toEqual([]);
    expect([stage.client.calls, live.storedVersion]).toEqual([[`put abab 1.2 {"a":"${large}"}`], 2]);
  });

  test('a new user is known to the store before the client is', async () => {
    const { session, stage } = begin();
    session.user = 'ada';
    await session.beforeHead();
    expect(stage.client.calls).toHaveLength(1);
  });

  test.each([
    ['fail', 'rejects'],
    ['degrade', [['Limpet-Degraded', 'session-store']]],
  ] as const)('a store that fails, with whenStoreFails: %s', async (whenStoreFails, expected) => {
    const { session, stage } = begin({ a: 1 }, { whenStoreFails });
    stage.client.failure = new SessionError('session-store', 'the store is away');
    session.set('a', 'x'.repeat(20_000));
    const lines = await Promise.resolve(session.beforeHead()).catch(() => 'rejects');
    expect(lines).toEqual(expected);
  });

  test('a state that the store will never take is undone, so that later responses can be stored', async () => {
    const { session, stage, live } = begin();
    stage.client.failure = new SessionError('state-too-large', 'too large');
    session.set('a', 'x'.repeat(20_000));
    await expect(session.beforeHead()).rejects.toThrow('too large');
    expect([live.data, live.encoded]).toEqual([{ a: 1 }, '{"a":1}']);
  });
});

describe('after the head', () => {
  test('a change is a trailer, or goes through the store interface where there can be none', async () => {
    const { session } = begin();
    await session.beforeHead();
    session.set('a', 2);
    expect(await session.beforeEnd(true)).toEqual([['Limpet-Session-Put', expect.stringContaining('version=2')]]);
    const other = begin();
    await other.session.beforeHead();
    other.session.set('a', 2);
    expect(await other.session.beforeEnd(false)).toEqual([]);
    expect(other.stage.client.calls).toEqual(['put abab 1.2 {"a":2}']);
  });

  test('a new session cannot begin: its cookie is a part of the head', async () => {
    const stage = new StickyStage();
    const live = stage.live({}, 0);
    const session = open(stage, live, { reason: 'new', version: 0 });
    await session.beforeHead();
    session.set('a', 1);
    expect(() => session.beforeEnd(false)).toThrow('a new session began after the head');
  });
});

describe('regenerate', () => {
  test('sends the put and the new id together; the old id is over', async () => {
    const { session, live, stage } = begin();
    await session.regenerate();
    expect([session.id === live.id, live.state]).toEqual([false, 'ended']);
    const lines = await session.beforeHead();
    expect(lines.map(([name]) => name)).toEqual(['Limpet-Session-Put', 'Limpet-Session-Rotate']);
    expect(lines[1]?.[1]).toBe(`epoch=1; id=${session.id}`);
    expect(stage.registry.peek(live.id)).toBeUndefined();
  });

  test('is undone when the request fails before anybody knows of it', async () => {
    const { session, live, stage } = begin();
    await session.regenerate();
    session.set('user', 'ada');
    session.fail();
    expect([session.id, live.state, live.data]).toEqual([live.id, 'live', { a: 1 }]);
    expect(stage.registry.peek(live.id)).toBe(live);
  });

  test('is not undone once the store was asked for it', async () => {
    const { session, live } = begin();
    await session.regenerate();
    await session.save();
    session.fail();
    expect([session.id === live.id, live.state]).toEqual([false, 'ended']);
  });
});

describe('destroy', () => {
  test('is sent with the head', async () => {
    const { session, stage } = begin();
    await session.destroy();
    expect(await session.beforeHead()).toEqual([['Limpet-Session-Delete', 'epoch=1']]);
    session.close(true);
    expect(stage.client.calls).toEqual([]);
  });

  test('goes through the store interface when the response may not have reached the balancer', async () => {
    const { session, stage } = begin();
    await session.destroy();
    await session.beforeHead();
    session.close(false);
    expect(stage.client.calls).toEqual(['end abab 1']);
  });
});

describe('two requests of one session', () => {
  test('share its object, and the second puts what the first has not been told is stored', async () => {
    const { session, stage, live } = begin();
    const other = open(stage, live);
    session.set('a', 2);
    await session.beforeHead();
    expect(await other.beforeHead()).toEqual([['Limpet-Session-Put', expect.stringContaining('version=2')]]);
  });

  test('the one that fails takes nothing from the other, as long as both can be stored', () => {
    const { session, stage, live } = begin();
    const other = open(stage, live);
    session.set('a', 2);
    other.set('b', 1);
    session.fail();
    expect(live.data).toEqual({ a: 2, b: 1 });
    other.fail();
    expect(live.data).toEqual({ a: 1 });
  });

  test('a write to a session that another one has ended is an error', async () => {
    const { session, stage, live } = begin();
    const other = open(stage, live);
    const { data } = other;
    await session.destroy();
    data.a = 3;
    await expect(async () => other.beforeHead()).rejects.toThrow('the session was destroyed');
  });
});
