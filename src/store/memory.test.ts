import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { caseOptions, newKey, putOf } from '../../test/support/store-contract.ts';
import { testCases } from '../../test/support/store-suite.ts';
import { MemoryStore, recordBytes } from './memory.ts';

function open(maxBytes = Number.POSITIVE_INFINITY) {
  const time = new HandTime();
  const store = new MemoryStore({ ...caseOptions, maxBytes }, () => time.now());
  return { store, age: async (ms: number) => time.advance(ms), now: () => time.now() };
}

testCases('memory', { open: async () => open(), modelRuns: 500 });

const full = expect.objectContaining({ name: 'StoreError', code: 'unavailable' });

test('a full store refuses what is new and names its limit; what it has is kept and can change', async () => {
  const { store, age } = open(3 * (recordBytes + 100));
  const [one, two, three, more] = [newKey(), newKey(), newKey(), newKey()];
  const data = new Uint8Array(100);
  for (const key of [one, two, three]) await store.put(key, putOf({ data }));
  await expect(store.put(more, putOf({ data }))).rejects.toThrow('full: 3372 of 3372 bytes are taken, and 1124 more');
  await expect(store.put(more, putOf({ data }))).rejects.toEqual(full);
  await expect(store.claim(more, 1, 1, 1000)).rejects.toEqual(full);
  await expect(store.rotate(one, more.id, putOf({ version: 2, data }))).rejects.toEqual(full);
  await expect(store.put(one, putOf({ version: 3, data: new Uint8Array(101) }))).rejects.toEqual(full);
  expect(await store.count()).toBe(3);
  expect(await store.put(one, putOf({ version: 2, data }))).toEqual({ state: 'stored' });
  expect(await store.destroy(two, 1)).toEqual({ state: 'ended' });
  expect(await store.put(one, putOf({ version: 3, data: new Uint8Array(200) }))).toEqual({ state: 'stored' });
  // What has expired makes room by itself.
  await age(11 * 60_000);
  expect(await store.put(more, putOf({ data }))).toEqual({ state: 'stored' });
});

test('what is forgotten is counted no more', async () => {
  const { store, age } = open(3 * (recordBytes + 5));
  for (let n = 0; n < 50; n++) {
    const [one, two, three] = [newKey(`${n % 3}`), newKey(`${n % 3}`), newKey()];
    for (const key of [one, two, three]) await store.put(key, putOf());
    await store.touch(two, 1, 60_000);
    await store.touch(two, 1, 3_600_000);
    await store.destroy(three, 1);
    await age(2 * 3_600_000);
    if (n % 2 === 0) while ((await store.expire()) > 0);
    if (n % 3 === 0) await store.read(one);
  }
});

test('another life has another name', () => {
  expect(open().store.incarnation).not.toBe(open().store.incarnation);
});
