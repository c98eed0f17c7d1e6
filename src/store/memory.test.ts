import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { caseOptions, newKey, putOf } from '../../test/support/store-contract.ts';
import { testCases } from '../../test/support/store-suite.ts';
import { MemoryStore, recordBytes, stoneFloor, userBytes } from './memory.ts';
import { type SessionKey, silentEviction } from './store.ts';

function open(maxBytes = Number.POSITIVE_INFINITY, eviction = silentEviction) {
  const time = new HandTime();
  const store = new MemoryStore({ ...caseOptions, maxBytes, eviction }, () => time.now());
  return { store, age: async (ms: number) => time.advance(ms), now: () => time.now() };
}

testCases('memory', { open: async () => open(), modelRuns: 500 });

const full = expect.objectContaining({ name: 'StoreError', code: 'unavailable' });

test('a full store refuses what is new and names its limit; what it has is kept and can change', async () => {
  const { store, age } = open(3 * (recordBytes + 100));
  const [one, two, three, more] = [newKey(), newKey(), newKey(), newKey()];
  const data = new Uint8Array(100);
  for (const key of [one, two, three]) {
    await store.put(key, putOf({ data }));
    await store.read(key);
  }
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
  const { store, age } = open(3 * (recordBytes + userBytes + 5));
  const user = 'ad'.repeat(16);
  for (let n = 0; n < 50; n++) {
    const [one, two, three] = [newKey(`${n % 3}`), newKey(`${n % 3}`), newKey()];
    for (const key of [one, two, three]) await store.put(key, putOf({ user }));
    await store.put(one, putOf({ version: 2 }));
    await store.put(one, putOf({ version: 3, user }));
    await store.touch(two, 1, 60_000);
    await store.touch(two, 1, 3_600_000);
    await store.destroy(three, 1);
    await age(2 * 3_600_000);
    if (n % 2 === 0) while ((await store.expire()) > 0);
    if (n % 3 === 0) await store.read(one);
  }
});

/** As many sessions with 100 bytes of state as the store has room for, and who of them is forgotten. */
function crowd(room: number, hasReturned: (key: SessionKey) => boolean = () => false) {
  const evicted: string[] = [];
  const { store, age } = open(room * (recordBytes + 100), { hasReturned, onEvicted: ({ id }) => evicted.push(id) });
  const data = new Uint8Array(100);
  return { store, age, evicted, put: (key: SessionKey, version = 1) => store.put(key, putOf({ version, data })) };
}

test('a flood of sessions that never come back displaces itself, the oldest first', async () => {
  const { store, put, evicted } = crowd(10);
  const flood = Array.from({ length: 1000 }, () => newKey());
  for (const key of flood) expect(await put(key)).toEqual({ state: 'stored' });
  expect(await store.count()).toBe(10);
  expect(evicted).toEqual(flood.slice(0, 990).map(({ id }) => id));
  expect(await store.read(flood[0]!)).toEqual({ state: 'none' });
});

test.each([
  ['a second put', async ({ put }: ReturnType<typeof crowd>, key: SessionKey) => void (await put(key, 2))],
  ['a read', async ({ store }: ReturnType<typeof crowd>, key: SessionKey) => void (await store.read(key))],
  ['a touch', async ({ store }: ReturnType<typeof crowd>, key: SessionKey) => void (await store.touch(key, 1, 60_000))],
  [
    'a claim',
    async ({ store }: ReturnType<typeof crowd>, key: SessionKey) => void (await store.claim(key, 1, 2, 60_000)),
  ],
])('%s is coming back: the session outlives any flood', async (_, comeBack) => {
  const stage = crowd(10);
  const key = newKey();
  await stage.put(key);
  await comeBack(stage, key);
  for (let n = 0; n < 100; n++) await stage.put(newKey());
  expect(await stage.store.read(key)).toMatchObject({ state: 'live' });
});

test('a session that is put again after it was forgotten has come back', async () => {
  const { store, put, evicted } = crowd(10);
  const key = newKey();
  await put(key);
  for (let n = 0; n < 10; n++) await put(newKey());
  expect(evicted).toEqual([key.id]);
  await put(key, 2);
  for (let n = 0; n < 100; n++) await put(newKey());
  expect(await store.read(key)).toMatchObject({ state: 'live' });
});

test('one of whose return only the table knows stays, and is asked about once', async () => {
  const asked: string[] = [];
  const key = newKey();
  const { store, put } = crowd(10, ({ id }) => {
    asked.push(id);
    return id === key.id;
  });
  await put(key);
  for (let n = 0; n < 100; n++) await put(newKey());
  expect(asked.filter((id) => id === key.id)).toHaveLength(1);
  expect(await store.read(key)).toMatchObject({ state: 'live' });
});

test('what would not fit anyway costs nobody anything', async () => {
  const { store, put, evicted } = crowd(10);
  for (let n = 0; n < 8; n++) await put(newKey());
  const back = Array.from({ length: 2 }, () => newKey());
  for (const key of back) await put(key, 2);
  const data = new Uint8Array(9 * (recordBytes + 100));
  await expect(store.put(newKey(), putOf({ data }))).rejects.toEqual(full);
  expect([evicted, await store.count()]).toEqual([[], 10]);
});

test('tombstones: all stay for ten minutes, and the oldest beyond half of the store only that long', async () => {
  const { store, put, age } = crowd(10);
  const dead = Array.from({ length: 10 }, () => newKey());
  for (const key of dead) await store.destroy(key, 1);
  // Ten tombstones leave a thousand bytes.
  await expect(put(newKey())).rejects.toEqual(full);
  await age(stoneFloor - 1);
  await expect(put(newKey())).rejects.toEqual(full);
  await age(1);
  for (let n = 0; n < 50; n++) await put(newKey());
  const states = await Promise.all(dead.map(async (key) => (await store.read(key)).state));
  const gone = states.indexOf('ended');
  expect(states).toEqual(dead.map((_, n) => (n < gone ? 'none' : 'ended')));
  expect(gone).toBe(5);
});

test('whatever is done to it: within its bound, and whoever came back is kept until it is ended', async () => {
  const step = fc.record({
    who: fc.nat(29),
    what: fc.constantFrom('put', 'put', 'read', 'touch', 'destroy', 'rotate'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 200 }), async (steps) => {
      const { store, evicted } = crowd(12);
      const keys = Array.from({ length: 30 }, () => newKey());
      const versions = keys.map(() => 0);
      const back = new Set<number>();
      for (const { who, what } of steps) {
        const key = keys[who]!;
        const refused = (error: unknown) => {
          expect(error).toEqual(full);
          return null;
        };
        if (what === 'put') {
          const version = versions[who]! + 1;
          const result = await store.put(key, putOf({ version, data: new Uint8Array(100) })).catch(refused);
          if (result?.state === 'stored') {
            versions[who] = version;
            if (version > 1) back.add(who);
          }
        } else if (what === 'read') {
          if ((await store.read(key)).state === 'live') back.add(who);
        } else if (what === 'touch') {
          if (await store.touch(key, 1, 1_000_000)) back.add(who);
        } else if (what === 'destroy') {
          if ((await store.destroy(key, 1).catch(refused)) !== null) back.delete(who);
        } else {
          const to = newKey();
          const put = putOf({ version: versions[who]! + 1, data: new Uint8Array(100) });
          const result = await store.rotate(key, to.id, put).catch(refused);
          if (result?.state === 'stored') back.delete(who);
        }
        expect(await store.count()).toBeLessThanOrEqual(12);
        for (const one of back) expect(evicted).not.toContain(keys[one]!.id);
      }
      for (const one of back) expect(await store.read(keys[one]!)).toMatchObject({ state: 'live' });
    }),
    { numRuns: 200 },
  );
});

test('another life has another name', () => {
  expect(open().store.incarnation).not.toBe(open().store.incarnation);
});
