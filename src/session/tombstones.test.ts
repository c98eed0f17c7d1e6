import { expect, test } from 'vitest';
import { SessionEnd } from './session-end.ts';
import { Tombstones } from './tombstones.ts';

const minute = 60_000;

test('an end that the app has asked for is remembered for an hour unless it is known to be stored, others for a minute', () => {
  const stones = new Tombstones(10);
  const [asked, stored, rotated] = [new SessionEnd(false, 1), new SessionEnd(false, 1), new SessionEnd(false)];
  stored.isConfirmed = true;
  const ends = { asked, stored, rotated, told: null };
  for (const [id, end] of Object.entries(ends)) stones.add(id, 0, end);
  const known = (now: number) => Object.keys(ends).filter((id) => stones.find(id, now) !== undefined);
  expect(known(minute - 1)).toEqual(['asked', 'stored', 'rotated', 'told']);
  expect(known(minute)).toEqual(['asked']);
  expect(stones.find('asked', 60 * minute - 1)).toBe(asked);
  expect(known(60 * minute)).toEqual([]);
});

test('of each kind so many are kept, the latest ones; and what is over goes with time', () => {
  const stones = new Tombstones(2);
  for (const id of ['a', 'b', 'c']) stones.add(id, 0, new SessionEnd(false, 1));
  for (const id of ['d', 'e', 'f']) stones.add(id, 0, null);
  const known = () => [...'abcdef'].filter((id) => stones.find(id, 1) !== undefined).join('');
  expect(known()).toBe('bcef');
  for (let n = 0; n < 3; n++) stones.sweep(minute);
  expect(known()).toBe('bc');
  stones.remove('b');
  stones.add('c', 1, null);
  expect(known()).toBe('c');
});
