import { expect, test } from 'vitest';
import { headerOf, StickyStage } from '../../../test/session/support/sticky-stage.ts';
import { PutNumbering } from './put-numbering.ts';

const minute = 60_000;

test('changed data is the next version; the same data is put by nobody', () => {
  const stage = new StickyStage();
  const live = stage.live({ a: 1 });
  const numbering = new PutNumbering(stage.context, headerOf());
  expect(numbering.next(live, '{"a":1}', false)).toBe(false);
  expect(numbering.next(live, '{"a":2}', false)).toBe(true);
  expect([live.version, live.encoded, numbering.encodedBefore]).toEqual([2, '{"a":2}', '{"a":1}']);
  // Already sent by this request.
  expect(numbering.next(live, '{"a":2}', false)).toBe(false);
});

test('a change of id is a version of its own', () => {
  const stage = new StickyStage();
  const live = stage.live({ a: 1 });
  expect(new PutNumbering(stage.context, headerOf()).next(live, '{"a":1}', true)).toBe(true);
  expect(live.version).toBe(2);
});

test('a version that another request has sent, and that is not known to be stored, is put again under its number', () => {
  const stage = new StickyStage();
  const live = stage.live({ a: 1 });
  new PutNumbering(stage.context, headerOf()).next(live, '{"a":2}', false);
  const other = new PutNumbering(stage.context, headerOf());
  // Also when that was before this request came: it reads what may never be stored.
  expect(other.hasSeenUnstored(live)).toBe(true);
  expect([other.next(live, '{"a":2}', false), live.version]).toEqual([true, 2]);
});

test('unchanged data is put again after a quarter of the idle time, and to a store that does not have it', () => {
  const stage = new StickyStage();
  const live = stage.live({ a: 1 });
  stage.time.advance(7 * minute);
  expect(new PutNumbering(stage.context, headerOf()).next(live, '{"a":1}', false)).toBe(false);
  stage.time.advance(minute);
  expect(new PutNumbering(stage.context, headerOf()).next(live, '{"a":1}', false)).toBe(true);
  const emptied = headerOf({ storeIncarnation: 'store2' });
  expect(new PutNumbering(stage.context, emptied).next(live, '{"a":1}', false)).toBe(true);
  expect([live.version, live.storeIncarnation]).toEqual([1, 'store2']);
});

test('a version that another process has numbered gets a number of this one', () => {
  const stage = new StickyStage();
  const live = stage.live({ a: 1 });
  live.writtenBy = 'another';
  const emptied = headerOf({ storeIncarnation: 'store2' });
  expect(new PutNumbering(stage.context, emptied).next(live, '{"a":1}', false)).toBe(true);
  expect([live.version, live.writtenBy]).toEqual([2, 'me']);
});

test('a copy is kept for the idle time and what may pass before the next put, but no longer than the balancer accepts the cookie', () => {
  const stage = new StickyStage();
  const live = stage.live({ a: 1 });
  expect(new PutNumbering(stage.context, headerOf()).fields(live)).toMatchObject({ ttlMs: 45 * minute, epoch: 1 });
  expect(new PutNumbering(stage.context, headerOf({ allow: 'idle:600' })).fields(live).ttlMs).toBe(15 * minute);
});
