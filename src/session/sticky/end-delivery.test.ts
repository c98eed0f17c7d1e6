/** Ends on their way to a store that fails, by a virtual clock. */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { headerOf, StickyStage } from '../../../test/session/support/sticky-stage.ts';
import { SessionError } from '../error.ts';
import { SessionEnd } from '../session-end.ts';
import { confirmFoundEnd, decideEnd, deliverEnd, endInMemory, isEndStored } from './end-delivery.ts';

const away = new SessionError('session-store', 'the store is away');

async function advance({ time }: StickyStage, ms: number): Promise<void> {
  time.advance(ms);
  await turn();
}

describe('an end whose response was lost', () => {
  test('is stored again and again, with longer pauses, and reported when that never succeeds', async () => {
    const stage = new StickyStage();
    stage.client.failure = away;
    deliverEnd(stage.context, () => headerOf(), 3);
    await turn();
    const counts = [stage.client.calls.length];
    for (const ms of [250, 1000, 4000, 15_000, 30_000, 60_000]) {
      await advance(stage, ms);
      counts.push(stage.client.calls.length);
    }
    expect(counts).toEqual([1, 2, 3, 4, 5, 6, 6]);
    expect([stage.client.calls[0], stage.errors]).toEqual(['end abab 3', ['the store is away']]);
  });

  test('is not tried again once it is stored, or decided otherwise', async () => {
    for (const failure of [null, new SessionError('session-ended', ''), new SessionError('session-ending', '')]) {
      const stage = new StickyStage();
      stage.client.failure = failure;
      deliverEnd(stage.context, () => headerOf(), 3);
      await turn();
      await advance(stage, 60_000);
      expect([stage.client.calls.length, stage.errors]).toEqual([1, []]);
    }
  });
});

test('whether an end is stored is read three times: its response may be on its way', async () => {
  const stage = new StickyStage();
  const end = new SessionEnd(true);
  const answer = isEndStored(stage.context, headerOf(), end);
  for (const ms of [0, 50, 250]) await advance(stage, ms);
  expect([await answer, stage.client.calls.length, end.isConfirmed]).toEqual([false, 3, false]);
  stage.client.reads = async () => ({ state: 'ended' });
  expect([await isEndStored(stage.context, headerOf(), end), end.isConfirmed]).toEqual([true, true]);
});

describe('a request that finds the session over', () => {
  test('stores the end of an app that has destroyed it, and says nothing when that fails', async () => {
    const stage = new StickyStage();
    const end = new SessionEnd(false, 3);
    stage.client.failure = away;
    await expect(confirmFoundEnd(stage.context, headerOf(), end)).rejects.toThrow('the store is away');
    stage.client.failure = null;
    await confirmFoundEnd(stage.context, headerOf(), end);
    expect([end.isConfirmed, stage.client.calls]).toEqual([true, ['end abab 3', 'end abab 3']]);
  });

  test('asks the balancer that has sent it, which then knows, too; and ends there what is not stored yet', async () => {
    const stage = new StickyStage();
    const end = new SessionEnd(false, 3);
    end.markResponseClosed(stage.time.now());
    expect(await decideEnd(stage.context, headerOf(), end)).toBe(true);
    // Confirmed: the next balancer learns of it without an end of its own, which would let its client wait.
    expect(await decideEnd(stage.context, headerOf(), end)).toBe(true);
    expect(await decideEnd(stage.context, headerOf(), null)).toBe(true);
    expect(stage.client.calls).toEqual(['read abab', 'end abab 3', 'read abab', 'read abab']);
    const stored = new SessionEnd(false, 3);
    stage.client.reads = async () => ({ state: 'ended' });
    expect([await decideEnd(stage.context, headerOf(), stored), stored.isConfirmed]).toEqual([true, true]);
    expect(stage.client.calls.slice(4)).toEqual(['read abab']);
  });

  test('while the store is away, ends the session at that balancer, too: it must not come back with the store', async () => {
    const stage = new StickyStage();
    const end = new SessionEnd(false, 3);
    end.markResponseClosed(stage.time.now());
    stage.client.reads = () => Promise.reject(away);
    stage.client.failure = new SessionError('session-ending', 'it waits');
    await expect(decideEnd(stage.context, headerOf(), end)).rejects.toThrow('it waits');
    expect(stage.client.calls).toEqual(['read abab', 'end abab 3']);
    // What is known to be stored needs no store.
    end.isConfirmed = true;
    expect(await decideEnd(stage.context, headerOf(), end)).toBe(true);
  });

  test('waits as long as the response that ended it may be on its way; then the session goes on', async () => {
    const stage = new StickyStage();
    const end = new SessionEnd(false);
    end.markResponseClosed(stage.time.now());
    stage.client.reads = async () => ({ state: 'live', text: '{}', epoch: 1, version: 1, ttlMs: 1000 });
    await expect(decideEnd(stage.context, headerOf(), end)).rejects.toThrow('it is not decided yet');
    stage.time.advance(5000);
    expect(await decideEnd(stage.context, headerOf(), end)).toBe(false);
    stage.client.reads = async () => ({ state: 'ended' });
    expect([await decideEnd(stage.context, headerOf(), end), end.isConfirmed]).toEqual([true, true]);
  });
});

test('an end in memory notes whether changes were not stored, and leaves a tombstone', () => {
  const stage = new StickyStage();
  const live = stage.live({ a: 1 });
  live.data.a = 2;
  const end = endInMemory(stage.context, live, 1);
  expect([end.hasPendingChanges, live.state, live.encoded]).toEqual([true, 'ended', '{"a":2}']);
  expect(stage.registry.endOf(live.id, stage.time.now())).toBe(end);
  expect(endInMemory(stage.context, stage.live({ a: 1 }), 0).hasPendingChanges).toBe(false);
});
