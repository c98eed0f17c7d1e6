/** The promises of store.ts as one suite: each implementation's test file makes a store and hands it in. */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MemoryStore } from '../../src/store/memory.ts';
import type { Put, SessionKey, Store } from '../../src/store/store.ts';

export interface ContractStage {
  readonly store: Store;
  /** Lets this time go by, for the store too. */
  readonly pass: (ms: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** What every store under test is made with. */
export const contractOptions = { tombstoneTime: 400, stateBytes: 1000, secret: null };

const newId = () => randomBytes(16).toString('hex');
const newKey = (): SessionKey => ({ pool: 'shop', id: newId() });
const bytes = (text: string) => new TextEncoder().encode(text);
const putOf = (change: Partial<Put> = {}): Put => {
  return { owner: 7, epoch: 1, version: 1, by: 'a', data: bytes('one'), ttl: 60_000, ...change };
};

export function testStore(name: string, open: () => Promise<ContractStage>, runs = 50): void {
  describe(name, () => {
    let stage: ContractStage;
    let store: Store;
    beforeAll(async () => {
      stage = await open();
      store = stage.store;
    });
    afterAll(() => stage.close());

    test('keeps all of a put, bytes and large numbers included', async () => {
      const key = { pool: 'tüb:{x}/y', id: newId() };
      const data = new Uint8Array(256).map((_, at) => at);
      const put = putOf({ owner: 2 ** 48 - 1, epoch: 2 ** 40, version: 2 ** 41, by: 'p-ö', data });
      expect(await store.read(key)).toEqual({ state: 'none' });
      expect(await store.put(key, put)).toEqual({ state: 'stored' });
      const found = await store.read(key);
      if (found.state !== 'live') throw new Error(found.state);
      expect(found.copy).toMatchObject({ owner: put.owner, epoch: put.epoch, version: put.version, by: put.by });
      expect([...found.copy.data]).toEqual([...data]);
      expect(await store.read({ pool: 'shop', id: key.id })).toEqual({ state: 'none' });
    });

    test('an epoch never goes down; within one, the versions of one process go up', async () => {
      const key = newKey();
      await store.put(key, putOf({ epoch: 2, version: 5 }));
      expect(await store.put(key, putOf({ epoch: 1, version: 9 }))).toEqual({ state: 'fenced', epoch: 2, owner: 7 });
      expect(await store.put(key, putOf({ epoch: 2, version: 5 }))).toEqual({ state: 'superseded' });
      expect(await store.put(key, putOf({ epoch: 2, version: 4, by: 'b' }))).toMatchObject({ state: 'fenced' });
      expect(await store.put(key, putOf({ epoch: 2, version: 6 }))).toEqual({ state: 'stored' });
      expect(await store.put(key, putOf({ epoch: 9, version: 1, owner: 8 }))).toEqual({ state: 'stored' });
    });

    test('a claim moves the ownership on, and fences the former owner', async () => {
      const key = newKey();
      await store.put(key, putOf());
      const copy = { owner: 8, epoch: 2, version: 1, by: 'a' };
      expect(await store.claim(key, 1, 8, 1000)).toMatchObject({ state: 'claimed', copy });
      expect(await store.claim(key, 1, 9, 1000)).toEqual({ state: 'lost', epoch: 2, owner: 8 });
      expect(await store.put(key, putOf({ version: 2 }))).toEqual({ state: 'fenced', epoch: 2, owner: 8 });
      const fresh = newKey();
      const claimed = { owner: 8, epoch: 4, version: 0, by: '' };
      expect(await store.claim(fresh, 3, 8, 1000)).toMatchObject({ state: 'claimed', copy: claimed });
      expect(await store.put(fresh, putOf({ epoch: 3 }))).toEqual({ state: 'fenced', epoch: 4, owner: 8 });
    });

    test('of 20 claims at once one wins', async () => {
      const key = newKey();
      await store.put(key, putOf());
      const results = await Promise.all(Array.from({ length: 20 }, (_, n) => store.claim(key, 1, n + 1, 1000)));
      const winners = results.filter(({ state }) => state === 'claimed');
      expect(winners).toHaveLength(1);
      const [winner] = winners;
      const owner = winner?.state === 'claimed' ? winner.copy.owner : 0;
      const lost = results.filter(({ state }) => state === 'lost');
      expect(lost).toEqual(Array.from({ length: 19 }, () => ({ state: 'lost', epoch: 2, owner })));
    });

    test('ended stays ended, until the tombstone is gone', async () => {
      const key = newKey();
      await store.put(key, putOf({ epoch: 2 }));
      expect(await store.destroy(key, 1)).toEqual({ state: 'fenced', epoch: 2, owner: 7 });
      expect(await store.destroy(key, 2)).toEqual({ state: 'ended' });
      expect(await store.put(key, putOf({ epoch: 9 }))).toEqual({ state: 'ended' });
      expect(await store.claim(key, 9, 8, 1000)).toEqual({ state: 'ended' });
      expect(await store.touch(key, 9, 1000)).toBe(false);
      expect(await store.read(key)).toEqual({ state: 'ended' });
      await stage.pass(500);
      expect(await store.read(key)).toEqual({ state: 'none' });
    });

    test('a rotate moves the session in one step', async () => {
      const key = newKey();
      const [to, other] = [newId(), newId()];
      await store.put(key, putOf());
      await store.put({ ...key, id: other }, putOf());
      expect(await store.rotate(key, other, putOf({ version: 2 }))).toEqual({ state: 'taken' });
      expect(await store.rotate(key, to, putOf({ version: 2 }))).toEqual({ state: 'stored' });
      expect(await store.read(key)).toEqual({ state: 'ended' });
      expect(await store.read({ ...key, id: to })).toMatchObject({ state: 'live', copy: { version: 2 } });
      expect(await store.rotate(key, newId(), putOf({ version: 3 }))).toEqual({ state: 'ended' });
    });

    test('a rotate that was overtaken moves the later change', async () => {
      const key = newKey();
      const to = newId();
      await store.put(key, putOf({ version: 5, data: bytes('five') }));
      expect(await store.rotate(key, to, putOf({ version: 3 }))).toEqual({ state: 'stored' });
      const found = await store.read({ ...key, id: to });
      expect(found).toMatchObject({ state: 'live', copy: { version: 5 } });
      if (found.state === 'live') expect([...found.copy.data]).toEqual([...bytes('five')]);
    });

    test('expires, unless it is touched', async () => {
      const [one, two] = [newKey(), newKey()];
      await store.put(one, putOf({ ttl: 200 }));
      await store.put(two, putOf({ ttl: 200 }));
      expect(await store.touch(two, 1, 60_000)).toBe(true);
      expect(await store.touch(two, 0, 60_000)).toBe(false);
      await stage.pass(300);
      expect(await store.read(one)).toEqual({ state: 'none' });
      expect(await store.read(two)).toMatchObject({ state: 'live' });
      while ((await store.expire()) > 0);
    });

    test('counts and lists the live sessions of a pool', async () => {
      const pool = `pool-${newId()}`;
      const keys = Array.from({ length: 250 }, () => ({ pool, id: newId() }));
      await Promise.all(keys.map((key) => store.put(key, putOf())));
      await store.destroy(keys[0]!, 1);
      expect(await store.count(pool)).toBe(249);
      const seen = new Set<string>();
      for await (const { key, copy } of store.scan(pool)) {
        expect(copy.version).toBe(1);
        seen.add(key.id);
      }
      expect([...seen].sort()).toEqual(
        keys
          .slice(1, 250)
          .map(({ id }) => id)
          .sort(),
      );
    });

    test('refuses what is too large or cannot be', async () => {
      const large = putOf({ data: new Uint8Array(1001) });
      await expect(store.put(newKey(), large)).rejects.toMatchObject({ code: 'state-too-large' });
      await expect(store.rotate(newKey(), newId(), large)).rejects.toMatchObject({ code: 'state-too-large' });
      await expect(store.put({ pool: 'shop', id: 'x' }, putOf())).rejects.toThrow(RangeError);
      await expect(store.put(newKey(), putOf({ ttl: 0 }))).rejects.toThrow(RangeError);
    });

    test('does what the model does', async () => {
      const small = fc.integer({ min: 1, max: 3 });
      const step = fc.record({
        what: fc.constantFrom('put', 'put', 'claim', 'destroy', 'rotate', 'touch'),
        at: fc.nat(3),
        to: fc.nat(3),
        epoch: small,
        version: small,
        by: fc.constantFrom('a', 'b'),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
          // Tombstones of the model must outlive the run as those of the store do: nobody advances this clock.
          const model = new MemoryStore({ ...contractOptions, maxBytes: 1e9 }, () => 1_000_000);
          const ids = Array.from({ length: 4 }, newId);
          for (const { what, at, to, epoch, version, by } of steps) {
            const key = { pool: 'model', id: ids[at]! };
            const put = putOf({ epoch, version, by, owner: epoch, data: bytes(`${version}${by}`) });
            const act = (one: Store): Promise<unknown> => {
              if (what === 'put') return one.put(key, put);
              if (what === 'claim') return one.claim(key, epoch, 9, 60_000);
              if (what === 'destroy') return one.destroy(key, epoch);
              if (what === 'touch') return one.touch(key, epoch, 60_000);
              return at === to ? Promise.resolve(null) : one.rotate(key, ids[to]!, put);
            };
            expect(plain(await act(store))).toEqual(plain(await act(model)));
          }
        }),
        { numRuns: runs },
      );
    });
  });
}

/** Without what two clocks, or two kinds of arrays, tell apart. */
function plain(result: unknown): unknown {
  const text = JSON.stringify(result, (name, value) => {
    if (name === 'expires') return undefined;
    return name === 'data' ? Buffer.from(value as Uint8Array).toString('hex') : value;
  });
  return JSON.parse(text);
}
