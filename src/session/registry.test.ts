import { expect, test } from 'vitest';
import { LiveSession } from './live-session.ts';
import { Registry } from './registry.ts';

const live = (id: string) =>
  new LiveSession({ id, epoch: 1, storeIncarnation: '', data: {}, encoded: '{}', createdAt: 0 });

test('the one used least recently goes first, but is the same object as long as somebody holds it', () => {
  const registry = new Registry(2, () => 1000);
  const [a, b, c] = [live('a'), live('b'), live('c')];
  registry.add(a, 0);
  registry.add(b, 1);
  registry.find('a', 2);
  registry.add(c, 3);
  expect(registry.size).toBe(2);
  expect(registry.find('b', 4)).toBe(b);
  expect(registry.find('c', 4)).toBe(c);
});

test('idle ones go, as others are used', () => {
  const registry = new Registry(10, () => 1000);
  for (const id of ['a', 'b', 'c']) registry.add(live(id), 0);
  registry.add(live('d'), 900);
  registry.find('d', 1500);
  registry.find('d', 1501);
  expect(registry.size).toBe(1);
});

test('a new object replaces the one before, for all who hold it', () => {
  const registry = new Registry(10, () => 1000);
  const before = live('a');
  registry.add(before, 0);
  registry.add(live('a'), 1);
  expect(() => before.assertLive()).toThrow('the session was changed or owned elsewhere meanwhile');
});

test('an ended id is remembered for a minute', () => {
  const registry = new Registry(10, () => 1000);
  const one = live('a');
  registry.add(one, 0);
  registry.end(one, 1);
  expect(() => one.assertLive()).toThrow('the session was destroyed');
  expect([registry.endOf('a', 2), registry.endOf('a', 60_002)]).toEqual([null, undefined]);
  expect(registry.find('a', 2)).toBeUndefined();
});

test('one that lives longer holds up nobody behind it', () => {
  const registry = new Registry(1000, ({ id }) => (id === 'long' ? 1_000_000 : 1000));
  registry.add(live('long'), 0);
  for (let n = 0; n < 100; n++) registry.add(live(`n${n}`), 0);
  for (let n = 0; n < 102; n++) registry.sweep(2000);
  expect(registry.size).toBe(1);
  expect(registry.find('long', 2000)).toBeDefined();
  registry.sweep(1_002_001);
  expect(registry.size).toBe(0);
});
