import { expect, test } from 'vitest';
import { type Store, StoreError } from '../store/store.ts';
import { StoreAccess } from './store-access.ts';

const access = () => new StoreAccess({} as Store);

test('a result is passed on, and the store is healthy', async () => {
  const one = access();
  one.isHealthy = false;
  expect(await one.call(Promise.resolve(7))).toBe(7);
  expect(one.isHealthy).toBe(true);
});

test('a failure is null, and the store is not healthy until it has answered again', async () => {
  const one = access();
  for (const error of [new StoreError('unavailable', 'down'), new Error('broken')]) {
    expect(await one.call(Promise.reject(error))).toBeNull();
    expect(one.isHealthy).toBe(false);
  }
  await one.call(Promise.resolve());
  expect(one.isHealthy).toBe(true);
});

test('a state that is too large is a failure of its own, and says nothing against the store', async () => {
  const one = access();
  expect(await one.call(Promise.reject(new StoreError('state-too-large', 'too large')))).toBeNull();
  expect(one.isHealthy).toBe(true);
});

test('an end that the store has not recorded yet is a result', async () => {
  expect(await access().call(Promise.reject(new StoreError('ending', 'waits')))).toEqual({ state: 'ending' });
});
