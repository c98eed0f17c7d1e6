import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { caseOptions, newKey, putOf } from '../../test/support/store-contract.ts';
import { testCases } from '../../test/support/store-suite.ts';
import { EncryptedStore, sealBytes } from './encrypted.ts';
import { MemoryStore } from './memory.ts';
import { type Store, silentEviction } from './store.ts';

const secret = Buffer.alloc(32, 's');

function open(hideIds = false) {
  const time = new HandTime();
  const stateBytes = caseOptions.stateBytes + sealBytes;
  const inner = new MemoryStore(
    { ...caseOptions, stateBytes, maxBytes: Number.POSITIVE_INFINITY, eviction: silentEviction },
    () => time.now(),
  );
  const store = new EncryptedStore(inner, secret, caseOptions.stateBytes, { hideIds });
  return { inner, store, age: async (ms: number) => time.advance(ms), now: () => time.now() };
}

testCases('encrypted memory', { open: async () => open(), modelRuns: 200 });
testCases('encrypted memory that hides ids', { open: async () => open(true), modelRuns: 200 });

test('hidden: the store beneath knows no id, in each pool by another one, and the same after a restart', async () => {
  const { inner, store } = open(true);
  const { id } = newKey();
  const keys = ['a', 'b', 'ü'.repeat(255)].map((pool) => ({ pool, id }));
  for (const key of keys) await store.put(key, putOf());
  const beneath: string[] = [];
  for await (const { key } of inner.scan()) beneath.push(key.id);
  expect(new Set([id, ...beneath]).size).toBe(4);
  const again = new EncryptedStore(inner, secret, caseOptions.stateBytes, { hideIds: true });
  for (const key of keys) expect((await again.read(key)).state).toBe('live');
  const other = new EncryptedStore(inner, Buffer.alloc(32, 't'), caseOptions.stateBytes, { hideIds: true });
  for (const key of keys) expect((await other.read(key)).state).toBe('none');
});

test('the store beneath knows no hash of a user that could be found by a list of names', async () => {
  const { inner, store } = open();
  const key = newKey();
  const user = 'ad'.repeat(16);
  await store.put(key, putOf({ user }));
  const found = await inner.read(key);
  const beneath = found.state === 'live' ? (found.copy.user ?? '') : '';
  expect(beneath).toMatch(/^[0-9a-f]{32}$/);
  expect(beneath).not.toBe(user);
  expect([await inner.ofUser('shop', user), await inner.ofUser('shop', beneath)]).toEqual([[], [key.id]]);
});

async function sealed(inner: MemoryStore, key: ReturnType<typeof newKey>): Promise<Uint8Array> {
  const found = await inner.read(key);
  return found.state === 'live' ? found.copy.data : new Uint8Array(0);
}

test('the store beneath sees no state, and the same state never twice alike', async () => {
  const { inner, store } = open();
  const [one, two] = [newKey(), newKey()];
  for (const key of [one, two]) await store.put(key, putOf({ data: Buffer.from('a secret state') }));
  const seen = [await sealed(inner, one), await sealed(inner, two)].map((data) => Buffer.from(data));
  for (const data of seen) expect(data.includes('secret')).toBe(false);
  expect(seen[0]!.equals(seen[1]!)).toBe(false);
});

test('a copy that was changed, moved to another session, or sealed with another secret is damaged', async () => {
  const { inner, store } = open();
  const [key, other, elsewhere] = [newKey(), newKey(), newKey('other')];
  await store.put(key, putOf());
  const data = await sealed(inner, key);
  const damaged = { name: 'StoreError', code: 'damaged' };
  await inner.put(other, putOf({ data }));
  await expect(store.read(other)).rejects.toMatchObject(damaged);
  await inner.put({ ...elsewhere, id: key.id }, putOf({ data }));
  await expect(store.read({ ...elsewhere, id: key.id })).rejects.toMatchObject(damaged);
  for (const at of [0, 1, 13, data.length - 1]) {
    const changed = Uint8Array.from(data, (byte, n) => (n === at ? byte ^ 1 : byte));
    const target = newKey();
    await inner.put(target, putOf({ data: changed }));
    await expect(store.read(target)).rejects.toMatchObject(damaged);
  }
  await inner.put(newKey('short'), putOf({ data: data.subarray(0, 20) }));
  await expect(store.scan('short')[Symbol.asyncIterator]().next()).rejects.toMatchObject(damaged);
  const stranger = new EncryptedStore(inner, Buffer.alloc(32, 't'), caseOptions.stateBytes);
  await expect(stranger.read(key)).rejects.toMatchObject(damaged);
  await expect(stranger.claim(key, 1, 8, 1000)).rejects.toMatchObject(damaged);
});

test('a claim passes with its details, and its answer with where the session was', async () => {
  const { inner, store } = open();
  const key = newKey();
  await store.put(key, putOf());
  const claim = inner.claim.bind(inner);
  const details: unknown[] = [];
  inner.claim = async (...[, , , , last]: Parameters<Store['claim']>) => {
    details.push(last);
    return { ...(await claim(key, 1, 8, 1000)), returnTo: 7 };
  };
  expect(await store.claim(key, 1, 8, 1000, { returnTo: 7 })).toMatchObject({ state: 'claimed', returnTo: 7 });
  expect(details).toEqual([{ returnTo: 7 }]);
});

test('a short secret is refused', () => {
  expect(() => new EncryptedStore(open().inner, Buffer.alloc(15), 100)).toThrow('found 15 bytes, expected at least 16');
});
