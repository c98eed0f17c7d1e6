/** What every store must do with the index by user (src/store/store.ts, `ofUser`). */
import assert from 'node:assert/strict';
import { mostOfUser, type SessionId, type SessionKey, type Store } from '../../src/store/store.ts';
import { type Case, caseOptions, newKey, putOf } from './store-contract.ts';

const minute = 60_000;
const [ada, bob] = ['ad'.repeat(16), 'b0'.repeat(16)] as const;

async function has(store: Store, user: string, expected: readonly SessionKey[], pool = 'shop'): Promise<void> {
  const ids = (sessions: readonly SessionId[]) => [...sessions].sort();
  assert.deepEqual(ids(await store.ofUser(pool, user)), ids(expected.map(({ id }) => id)));
}

export const userCases: readonly Case[] = [
  {
    name: 'the sessions of a user are found, in its pool alone, and those of nobody are not',
    run: async ({ store }) => {
      const [one, two, other, nobody] = [newKey(), newKey(), newKey(), newKey()];
      await has(store, ada, []);
      await store.put(one, putOf({ user: ada }));
      await store.put(two, putOf({ user: ada }));
      await store.put(other, putOf({ user: bob }));
      await store.put(nobody, putOf());
      await has(store, ada, [one, two]);
      await has(store, bob, [other]);
      await has(store, ada, [], 'other');
      const found = await store.read(one);
      assert.equal(found.state === 'live' && found.copy.user, ada);
    },
  },
  {
    name: 'a put says whose session it is: the same again, another user, nobody',
    run: async ({ store }) => {
      const key = newKey();
      for (const version of [1, 2, 3]) await store.put(key, putOf({ version, user: ada }));
      await has(store, ada, [key]);
      await store.put(key, putOf({ version: 4, user: bob }));
      await has(store, ada, []);
      await has(store, bob, [key]);
      await store.put(key, putOf({ version: 5 }));
      await has(store, bob, []);
      await store.put(key, putOf({ version: 6, user: ada }));
      await has(store, ada, [key]);
    },
  },
  {
    name: 'a put that is fenced, superseded or of an ended session changes nothing of whose it is',
    run: async ({ store }) => {
      const [key, dead] = [newKey(), newKey()];
      await store.put(key, putOf({ epoch: 2, version: 5, user: ada }));
      await store.put(key, putOf({ epoch: 1, version: 9, user: bob }));
      await store.put(key, putOf({ epoch: 2, version: 5, by: 'p2', user: bob }));
      await store.put(key, putOf({ epoch: 2, version: 4, user: bob }));
      await store.put(key, putOf({ epoch: 2, version: 4 }));
      await store.destroy(dead, 1);
      await store.put(dead, putOf({ version: 9, user: bob }));
      await has(store, ada, [key]);
      await has(store, bob, []);
    },
  },
  {
    name: 'what has ended is not found any more, whoever ends it, and neither is what is fenced out of ending',
    run: async ({ store }) => {
      const [one, two] = [newKey(), newKey()];
      for (const key of [one, two]) await store.put(key, putOf({ epoch: 3, user: ada }));
      await store.destroy(one, 2);
      await has(store, ada, [one, two]);
      await store.destroy(one, 3);
      await store.destroy(one, 3);
      await has(store, ada, [two]);
      assert.deepEqual(await store.destroy(two, Number.MAX_SAFE_INTEGER), { state: 'ended' });
      await has(store, ada, []);
      assert.deepEqual(await store.put(two, putOf({ epoch: 9, version: 9, user: ada })), { state: 'ended' });
      await has(store, ada, []);
    },
  },
  {
    name: 'rotate takes the entry along; the put says whose the session is under its new id',
    run: async ({ store }) => {
      const [key, to, next, last] = [newKey(), newKey(), newKey(), newKey()];
      await store.put(key, putOf());
      await store.rotate(key, to.id, putOf({ version: 2, user: ada }));
      await has(store, ada, [to]);
      await store.rotate(to, next.id, putOf({ version: 3, user: ada }));
      await has(store, ada, [next]);
      assert.deepEqual(await store.rotate(key, last.id, putOf({ version: 9, user: bob })), { state: 'ended' });
      await has(store, bob, []);
      await store.rotate(next, last.id, putOf({ version: 4 }));
      await has(store, ada, []);
    },
  },
  {
    name: 'rotate of a change that a later one has overtaken keeps whose the later one says',
    run: async ({ store }) => {
      const [key, to, other, end] = [newKey(), newKey(), newKey(), newKey()];
      await store.put(key, putOf({ version: 5, user: ada }));
      await store.rotate(key, to.id, putOf({ version: 3, user: bob }));
      await has(store, ada, [to]);
      await has(store, bob, []);
      await store.put(other, putOf({ version: 5 }));
      await store.rotate(other, end.id, putOf({ version: 3, user: bob }));
      await has(store, bob, []);
    },
  },
  {
    name: 'a claim changes nothing of whose it is; one of an unknown session makes it nobody’s',
    run: async ({ store }) => {
      const [key, unknown] = [newKey(), newKey()];
      await store.put(key, putOf({ user: ada }));
      const claim = await store.claim(key, 1, 8, 60 * minute);
      assert.equal(claim.state === 'claimed' && claim.copy.user, ada);
      await store.claim(unknown, 1, 8, 60 * minute);
      await has(store, ada, [key]);
    },
  },
  {
    name: 'what has expired is not found, swept or not; what was renewed is',
    run: async ({ store, age }) => {
      const [short, renewed, put, long] = [newKey(), newKey(), newKey(), newKey()];
      for (const key of [short, renewed, put]) await store.put(key, putOf({ user: ada }));
      await store.put(long, putOf({ user: ada, ttl: 60 * minute }));
      await age(5 * minute);
      await store.touch(renewed, 1, 60 * minute);
      await store.put(put, putOf({ version: 2, user: ada, ttl: 60 * minute }));
      await age(6 * minute);
      await has(store, ada, [renewed, put, long]);
      while ((await store.expire()) > 0);
      await has(store, ada, [renewed, put, long]);
      // Its id may be somebody else's by now.
      await store.put(short, putOf({ user: bob }));
      await has(store, ada, [renewed, put, long]);
      await has(store, bob, [short]);
      await age(60 * minute);
      await has(store, ada, []);
      while ((await store.expire()) > 0);
      await has(store, ada, []);
    },
  },
  {
    name: 'of very many sessions some are found, and all when they are ended in turn',
    run: async ({ store, age }) => {
      const expired = Array.from({ length: mostOfUser + 50 }, () => newKey());
      await Promise.all(expired.map((key) => store.put(key, putOf({ user: ada, ttl: minute }))));
      await age(2 * minute);
      const keys = Array.from({ length: mostOfUser + 50 }, () => newKey());
      await Promise.all(keys.map((key) => store.put(key, putOf({ user: ada }))));
      const left = new Set(keys.map(({ id }) => id));
      for (const most of [mostOfUser, 50, 0]) {
        const found = await store.ofUser('shop', ada);
        assert.equal(found.length, most);
        await Promise.all(found.map((id) => store.destroy({ pool: 'shop', id }, 1)));
        for (const id of found) assert.ok(left.delete(id));
      }
    },
  },
  {
    name: 'sign-ins while all are ended: each is either ended or found afterwards',
    run: async ({ store }) => {
      const keys = Array.from({ length: 60 }, () => newKey());
      const signIns = keys.map((key) => store.put(key, putOf({ user: ada })));
      const ends: Promise<unknown>[] = [];
      for (let round = 0; round < 3; round++) {
        for (const id of await store.ofUser('shop', ada)) ends.push(store.destroy({ pool: 'shop', id }, 1));
      }
      await Promise.all([...signIns, ...ends]);
      const live: SessionKey[] = [];
      for (const key of keys) if ((await store.read(key)).state === 'live') live.push(key);
      await has(store, ada, live);
    },
  },
  {
    name: 'pools of any name have their own; a user that is no hash is refused, and a refused put finds nobody',
    run: async ({ store }) => {
      const { id } = newKey();
      const pools = ['a', 'a*', '{a}', 'a}:b', 'ä', '🐚', '\u0000', 'x'.repeat(255), '\u{10ffff}'.repeat(127)];
      for (const pool of pools) await store.put({ pool, id }, putOf({ user: ada }));
      for (const pool of pools) await has(store, ada, [{ pool, id }], pool);
      for (const pool of pools) await store.destroy({ pool, id }, 1);
      for (const pool of pools) await has(store, ada, [], pool);
      for (const user of ['', 'ada', ada.toUpperCase(), `${ada}0`, `${ada}\n`]) {
        await assert.rejects(async () => store.ofUser('shop', user), RangeError);
        await assert.rejects(async () => store.put(newKey(), putOf({ user })), RangeError);
        await assert.rejects(async () => store.rotate(newKey(), newKey().id, putOf({ user })), RangeError);
      }
      await assert.rejects(async () => store.ofUser('', ada), RangeError);
      const data = new Uint8Array(caseOptions.stateBytes + 1);
      await assert.rejects(() => store.put(newKey(), putOf({ user: bob, data })));
      await has(store, bob, []);
    },
  },
];
