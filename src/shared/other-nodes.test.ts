import { randomFillSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { OtherNodes } from './other-nodes.ts';
import { OwnIds } from './own-ids.ts';

const [own, other] = ['a', 'b'].map((text) => new OwnIds(Buffer.from(text))) as [OwnIds, OwnIds];

function idOf(ids: OwnIds) {
  const words = new Uint32Array(4);
  ids.marking((all) => void randomFillSync(all))(words);
  const [sid0 = 0, sid1 = 0, sid2 = 0, sid3 = 0] = words;
  return { sid0, sid1, sid2, sid3 };
}

function stage() {
  const noticed: string[] = [];
  const nodes = new OtherNodes({ ids: own, startedAt: 1000, onNoticed: (pool) => void noticed.push(pool) });
  const see = (ids: OwnIds, born: number, isKnown = false): void => {
    for (let i = 0; i < 500; i++) nodes.check('shop', { ...idOf(ids), born }, () => isKnown);
  };
  return { noticed, see };
}

test('ids are known as our own, those of another secret are not', () => {
  const all = Array.from({ length: 1000 }, () => idOf(own));
  for (const { sid0, sid1, sid2, sid3 } of all) {
    expect(own.isOwn(sid0, sid1, sid2, sid3)).toBe(true);
  }
  expect(new Set(all.map(({ sid3 }) => sid3)).size).toBeGreaterThan(990);
  const taken = all.filter(({ sid0, sid1, sid2, sid3 }) => other.isOwn(sid0, sid1, sid2, sid3));
  expect(taken.length).toBeLessThan(5);
});

test('sessions of another balancer are noticed, once', () => {
  const { noticed, see } = stage();
  see(other, 2000);
  see(other, 2000);
  expect(noticed).toEqual(['shop']);
});

test('our own, those from before the start, and those in the table are not', () => {
  const { noticed, see } = stage();
  see(own, 2000);
  see(other, 1001);
  see(other, 2000, true);
  expect(noticed).toEqual([]);
});

test('one session alone is no reason', () => {
  const noticed: string[] = [];
  const nodes = new OtherNodes({ ids: own, startedAt: 0, onNoticed: (pool) => void noticed.push(pool) });
  const id = { ...idOf(other), born: 50 };
  for (let i = 0; i < 1000; i++) nodes.check('shop', id, () => false);
  expect(noticed).toEqual([]);
});
