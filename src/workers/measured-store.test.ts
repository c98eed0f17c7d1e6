import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { distributionOf } from '../metrics/histogram.ts';
import { MemoryStore } from '../store/memory.ts';
import { type Store, StoreError, silentEviction } from '../store/store.ts';
import { MeasuredStore, StoreMeasures, storeOperations } from './measured-store.ts';

const key = { pool: 'shop', id: 'a'.repeat(32) };

test('each operation is timed, and what fails is counted by its code', async () => {
  const time = new HandTime();
  let error: Error | null = null;
  const slow = {
    read: async () => {
      await Promise.resolve();
      time.advance(3);
      if (error !== null) throw error;
      return { state: 'none' };
    },
  } as unknown as Store;
  const store = new MeasuredStore(slow, time);
  const { measures } = store;
  const read = () => distributionOf([measures.durations], StoreMeasures.at('read'));
  await store.read(key);
  const failed = () => measures.figures.errors.filter(([, , count]) => count > 0);
  expect([read().count, read().sumSeconds, failed()]).toEqual([1, 0.003, []]);
  error = new StoreError('unavailable', 'it is away');
  await expect(store.read(key)).rejects.toBe(error);
  await expect(store.read(key)).rejects.toBe(error);
  // A mistake of the caller.
  error = new RangeError('no id');
  await expect(store.read(key)).rejects.toBe(error);
  expect([read().count, failed()]).toEqual([4, [['read', 'unavailable', 2]]]);
  expect(measures.figures.errors).toHaveLength(storeOperations.length * 4);
  for (const one of storeOperations.slice(1))
    expect(distributionOf([measures.durations], StoreMeasures.at(one)).count).toBe(0);
});

test('the store answers through it as it does', async () => {
  const inner = new MemoryStore(
    { tombstoneTime: 60_000, stateBytes: 1000, maxBytes: 100_000, eviction: silentEviction },
    () => 1,
  );
  const store = new MeasuredStore(inner, new HandTime());
  const put = { owner: 1, epoch: 1, version: 1, by: 'p', data: new Uint8Array([1]), ttl: 60_000 };
  expect(await store.put(key, put)).toEqual({ state: 'stored' });
  expect(await store.read(key)).toMatchObject({ state: 'live' });
  expect([await store.count(), store.incarnation]).toEqual([1, inner.incarnation]);
  await store.close();
});
