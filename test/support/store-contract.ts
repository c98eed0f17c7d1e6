/**
 * What every store must do (src/store/store.ts), as cases that need no test runner: the unit tests run them on Node, and a
 * program of a few lines on Bun.
 */
import assert from 'node:assert/strict';
import { type Copy, type Found, type Put, type SessionKey, type Store, StoreError } from '../../src/store/store.ts';

/** A store of its own for each case, made with `caseOptions`. */
export interface Stage {
  readonly store: Store;
  /** Lets that many milliseconds pass for what the store has kept. */
  age(ms: number): Promise<void>;
  /** Unix milliseconds as the store sees them. */
  now(): number;
}

export interface Case {
  readonly name: string;
  readonly run: (stage: Stage) => Promise<void>;
}

const minute = 60_000;
const hour = 60 * minute;

export const caseOptions = { tombstoneTime: hour, stateBytes: 256 * 1024 } as const;

let ids = 0;

/** Another session each time. */
export function newKey(pool = 'shop'): SessionKey {
  return { pool, id: (++ids).toString(16).padStart(32, '0') };
}

export function putOf(change: Partial<Put> = {}): Put {
  return { owner: 7, epoch: 1, version: 1, by: 'p1', data: Buffer.from('state'), ttl: 10 * minute, ...change };
}

/** To be compared: data as text, and no expiry, which real clocks blur. */
export function shown(found: Found): unknown {
  return found.state === 'live' ? { state: 'live', ...shownCopy(found.copy) } : { state: found.state };
}

export function shownCopy({ owner, epoch, version, by, data, user }: Copy | Put): object {
  const state = Buffer.from(data).toString('latin1');
  return { owner, epoch, version, by, data: state, ...(user !== undefined && { user }) };
}

async function is(store: Store, key: SessionKey, expected: Partial<Put> | 'none' | 'ended'): Promise<void> {
  const state = typeof expected === 'string' ? { state: expected } : { state: 'live', ...shownCopy(putOf(expected)) };
  assert.deepEqual(shown(await store.read(key)), state);
}

/** What was asked for or a little less: a store with a clock of its own has let some of it pass. */
function isAbout(found: number, expected: number): void {
  assert.ok(found <= expected && found > expected - minute, `${found} is not about ${expected}`);
}

async function expires({ store }: Stage, key: SessionKey): Promise<number> {
  const found = await store.read(key);
  return found.state === 'live' ? found.copy.expires : 0;
}

async function collect(store: Store, pool?: string): Promise<Map<string, Copy>> {
  const found = new Map<string, Copy>();
  for await (const { key, copy } of store.scan(pool)) found.set(`${key.pool} ${key.id}`, copy);
  return found;
}

async function fails(code: StoreError['code'], run: () => Promise<unknown>): Promise<void> {
  await assert.rejects(run, (error: unknown) => error instanceof StoreError && error.code === code);
}

const stored = { state: 'stored' };
const over = { state: 'ended' };
const none = Buffer.from('');

/** Puts, claims, and who is fenced. */
const ownership: readonly Case[] = [
  {
    name: 'what is put is read, and nothing is read of another pool or id',
    run: async ({ store }) => {
      const key = newKey();
      await is(store, key, 'none');
      assert.deepEqual(await store.put(key, putOf()), stored);
      await is(store, key, {});
      await is(store, { ...key, pool: 'other' }, 'none');
      await is(store, newKey(), 'none');
    },
  },
  {
    name: 'a higher version of the same epoch takes the place of a lower one, from any process',
    run: async ({ store }) => {
      const key = newKey();
      await store.put(key, putOf());
      assert.deepEqual(await store.put(key, putOf({ version: 2, data: Buffer.from('two') })), stored);
      assert.deepEqual(await store.put(key, putOf({ version: 9, by: 'p2', data: none })), stored);
      await is(store, key, { version: 9, by: 'p2', data: none });
    },
  },
  {
    name: 'a lower or equal version of the same process is superseded, and renews nothing',
    run: async (stage) => {
      const { store, now } = stage;
      const key = newKey();
      await store.put(key, putOf({ version: 5 }));
      for (const version of [5, 4, 1]) {
        const late = putOf({ version, data: Buffer.from('late'), ttl: 5 * hour });
        assert.deepEqual(await store.put(key, late), { state: 'superseded' });
      }
      await is(store, key, { version: 5 });
      isAbout(await expires(stage, key), now() + 10 * minute);
    },
  },
  {
    name: 'a lower or equal version of another process is fenced',
    run: async ({ store }) => {
      const key = newKey();
      await store.put(key, putOf({ version: 5 }));
      for (const version of [5, 4]) {
        const other = putOf({ version, by: 'p2', owner: 8 });
        assert.deepEqual(await store.put(key, other), { state: 'fenced', epoch: 1, owner: 7 });
      }
      await is(store, key, { version: 5 });
    },
  },
  {
    name: 'a put of a lower epoch is fenced whatever its version, one of a higher epoch wins whatever its version',
    run: async ({ store }) => {
      const key = newKey();
      await store.put(key, putOf({ epoch: 3, version: 5 }));
      const low = putOf({ epoch: 2, version: 99, owner: 8 });
      assert.deepEqual(await store.put(key, low), { state: 'fenced', epoch: 3, owner: 7 });
      const high = putOf({ epoch: 12, version: 1, owner: 8, by: 'p2' });
      assert.deepEqual(await store.put(key, high), stored);
      await is(store, key, high);
    },
  },
  {
    name: 'numbers are kept to the last bit, and compared as numbers',
    run: async ({ store }) => {
      const key = newKey();
      const large = { owner: 2 ** 48 - 1, epoch: 2 ** 52 + 1, version: 2 ** 53 - 2 };
      await store.put(key, putOf(large));
      await is(store, key, large);
      assert.equal((await store.put(key, putOf({ ...large, version: large.version - 1 }))).state, 'superseded');
      assert.equal((await store.put(key, putOf({ ...large, version: large.version + 1 }))).state, 'stored');
      const claim = await store.claim(key, large.epoch, 3, hour);
      assert.deepEqual([claim.state, claim.state === 'claimed' && claim.copy.epoch], ['claimed', large.epoch + 1]);
      const lost = { state: 'lost', epoch: large.epoch + 1, owner: 3 };
      assert.deepEqual(await store.claim(key, large.epoch, 4, hour), lost);
      const other = newKey();
      await store.put(other, putOf({ epoch: 10, version: 10 }));
      assert.equal((await store.put(other, putOf({ epoch: 9, version: 11 }))).state, 'fenced');
      assert.equal((await store.put(other, putOf({ epoch: 10, version: 9 }))).state, 'superseded');
    },
  },
  {
    name: 'a claim moves the session as it is, and its former owner is fenced',
    run: async (stage) => {
      const { store, now } = stage;
      const key = newKey();
      await store.put(key, putOf({ version: 4 }));
      const claim = await store.claim(key, 1, 8, 5 * hour);
      assert.ok(claim.state === 'claimed');
      const copy = { owner: 8, epoch: 2, version: 4, by: 'p1', data: 'state' };
      assert.deepEqual(shownCopy(claim.copy), copy);
      isAbout(claim.copy.expires, now() + 10 * minute);
      assert.deepEqual(shown(await store.read(key)), { state: 'live', ...copy });
      isAbout(await expires(stage, key), now() + 10 * minute);
      assert.deepEqual(await store.put(key, putOf({ version: 5 })), { state: 'fenced', epoch: 2, owner: 8 });
      assert.deepEqual(await store.put(key, putOf({ epoch: 2, version: 5, owner: 8, by: 'p2' })), stored);
    },
  },
  {
    name: 'a claim of an epoch that the store has not heard of goes beyond it; one of epoch 0 makes the first owner',
    run: async ({ store }) => {
      const key = newKey();
      await store.put(key, putOf());
      const claim = await store.claim(key, 6, 8, hour);
      assert.deepEqual([claim.state, claim.state === 'claimed' && claim.copy.epoch], ['claimed', 7]);
      assert.deepEqual(await store.claim(key, 6, 9, hour), { state: 'lost', epoch: 7, owner: 8 });
      assert.deepEqual(await store.claim(key, 1, 9, hour), { state: 'lost', epoch: 7, owner: 8 });
      const first = await store.claim(newKey(), 0, 8, hour);
      assert.deepEqual([first.state, first.state === 'claimed' && first.copy.epoch], ['claimed', 1]);
    },
  },
  {
    name: 'a claim of what is unknown leaves a fence for its time',
    run: async ({ store, age, now }) => {
      const [key, other] = [newKey(), newKey()];
      const claim = await store.claim(key, 4, 8, 20 * minute);
      assert.ok(claim.state === 'claimed');
      assert.deepEqual(shownCopy(claim.copy), { owner: 8, epoch: 5, version: 0, by: '', data: '' });
      isAbout(claim.copy.expires, now() + 20 * minute);
      await is(store, key, { owner: 8, epoch: 5, version: 0, by: '', data: none });
      assert.deepEqual(await store.put(key, putOf({ epoch: 4, version: 9 })), { state: 'fenced', epoch: 5, owner: 8 });
      assert.deepEqual(await store.put(key, putOf({ epoch: 5, owner: 8 })), stored);
      await store.claim(other, 4, 8, 20 * minute);
      await age(21 * minute);
      await is(store, other, 'none');
      assert.deepEqual(await store.put(other, putOf()), stored);
    },
  },
  {
    name: 'of 20 claims at once exactly one wins, and all others learn who',
    run: async ({ store }) => {
      const [known, unknown] = [newKey(), newKey()];
      await store.put(known, putOf());
      for (const key of [known, unknown]) {
        const claims = await Promise.all(Array.from({ length: 20 }, (_, n) => store.claim(key, 1, 100 + n, hour)));
        const won = claims.filter(({ state }) => state === 'claimed');
        assert.equal(won.length, 1);
        const owner = won[0]?.state === 'claimed' ? won[0].copy.owner : 0;
        for (const one of claims) {
          if (one.state !== 'claimed') assert.deepEqual(one, { state: 'lost', epoch: 2, owner });
        }
      }
    },
  },
  {
    name: 'puts at once: the highest version stays, and nothing is half of one and half of another',
    run: async ({ store }) => {
      const key = newKey();
      const versions = Array.from({ length: 50 }, (_, n) => ((n * 7) % 50) + 1);
      const results = await Promise.all(
        versions.map((version) => store.put(key, putOf({ version, data: Buffer.from(`state ${version}`) }))),
      );
      for (const { state } of results) assert.ok(state === 'stored' || state === 'superseded');
      await is(store, key, { version: 50, data: Buffer.from('state 50') });
    },
  },
];

/** Ends, other ids, and time. */
const endings: readonly Case[] = [
  {
    name: 'ended stays ended: no put, claim, touch or rotate revives it while the tombstone lasts',
    run: async ({ store, age }) => {
      const [key, to] = [newKey(), newKey()];
      await store.put(key, putOf());
      assert.deepEqual(await store.destroy(key, 1), over);
      await is(store, key, 'ended');
      await age(59 * minute);
      assert.deepEqual(await store.put(key, putOf({ epoch: 50, version: 50 })), over);
      assert.deepEqual(await store.claim(key, 50, 9, hour), over);
      assert.equal(await store.touch(key, 50, hour), false);
      assert.deepEqual(await store.rotate(key, to.id, putOf({ epoch: 50 })), over);
      await is(store, to, 'none');
      await is(store, key, 'ended');
      await age(2 * minute);
      await is(store, key, 'none');
      assert.deepEqual(await store.put(key, putOf()), stored);
    },
  },
  {
    name: 'destroy: fenced of a lower epoch; of an unknown session a tombstone; again is the same',
    run: async ({ store }) => {
      const [key, unknown] = [newKey(), newKey()];
      await store.put(key, putOf({ epoch: 3 }));
      assert.deepEqual(await store.destroy(key, 2), { state: 'fenced', epoch: 3, owner: 7 });
      await is(store, key, { epoch: 3 });
      assert.deepEqual(await store.destroy(key, 4), over);
      assert.deepEqual(await store.destroy(key, 1), over);
      assert.deepEqual(await store.destroy(unknown, 1), over);
      assert.deepEqual(await store.put(unknown, putOf({ epoch: 9 })), over);
    },
  },
  {
    name: 'rotate: the session goes on under the new id, and the old one has ended',
    run: async (stage) => {
      const { store, now } = stage;
      const [key, to, unknown, other] = [newKey(), newKey(), newKey(), newKey()];
      await store.put(key, putOf());
      const next = putOf({ version: 2, data: Buffer.from('signed in'), ttl: 30 * minute });
      assert.deepEqual(await store.rotate(key, to.id, next), stored);
      await is(store, key, 'ended');
      await is(store, to, next);
      isAbout(await expires(stage, to), now() + 30 * minute);
      assert.deepEqual(await store.put(key, putOf({ version: 3 })), over);
      assert.deepEqual(await store.rotate(unknown, other.id, putOf()), stored);
      await is(store, unknown, 'ended');
      await is(store, other, {});
    },
  },
  {
    name: 'rotate to an id that is known is refused, and nothing changes',
    run: async ({ store }) => {
      const [key, live, ended] = [newKey(), newKey(), newKey()];
      await store.put(key, putOf());
      await store.put(live, putOf({ data: Buffer.from('of another') }));
      await store.destroy(ended, 1);
      for (const { id } of [live, ended]) {
        assert.deepEqual(await store.rotate(key, id, putOf({ version: 2 })), { state: 'taken' });
      }
      await is(store, key, {});
      await is(store, live, { data: Buffer.from('of another') });
      await is(store, ended, 'ended');
    },
  },
  {
    name: 'rotate is fenced as a put is, and nothing changes',
    run: async ({ store }) => {
      const [key, to] = [newKey(), newKey()];
      await store.put(key, putOf({ epoch: 3, version: 5 }));
      const fenced = { state: 'fenced', epoch: 3, owner: 7 };
      assert.deepEqual(await store.rotate(key, to.id, putOf({ epoch: 2, version: 9 })), fenced);
      assert.deepEqual(await store.rotate(key, to.id, putOf({ epoch: 3, version: 5, by: 'p2' })), fenced);
      await is(store, key, { epoch: 3, version: 5 });
      await is(store, to, 'none');
    },
  },
  {
    name: 'rotate of a change that is kept already, or that a later one has overtaken, moves the later one',
    run: async ({ store }) => {
      for (const version of [5, 3]) {
        const [key, to] = [newKey(), newKey()];
        await store.put(key, putOf({ version: 5, data: Buffer.from('five') }));
        assert.deepEqual(await store.rotate(key, to.id, putOf({ version, data: Buffer.from('five') })), stored);
        await is(store, key, 'ended');
        await is(store, to, { version: 5, data: Buffer.from('five') });
      }
    },
  },
  {
    name: 'rotates at once of one session: one goes through',
    run: async ({ store }) => {
      const key = newKey();
      await store.put(key, putOf());
      const targets = Array.from({ length: 10 }, () => newKey());
      const results = await Promise.all(targets.map(({ id }, n) => store.rotate(key, id, putOf({ version: 2 + n }))));
      const live = await Promise.all(targets.map(async (to) => (await store.read(to)).state === 'live'));
      const done = results.map(({ state }) => state === 'stored');
      assert.deepEqual(live, done);
      assert.equal(done.filter(Boolean).length, 1);
    },
  },
  {
    name: 'a session expires at its time, and can begin anew',
    run: async ({ store, age }) => {
      const [short, long] = [newKey(), newKey()];
      await store.put(short, putOf({ epoch: 9 }));
      await store.put(long, putOf({ ttl: 20 * minute }));
      await age(9 * minute);
      await is(store, short, { epoch: 9 });
      await age(2 * minute);
      await is(store, short, 'none');
      await is(store, long, {});
      assert.equal(await store.touch(short, 9, hour), false);
      assert.deepEqual(await store.put(short, putOf()), stored);
      await is(store, short, {});
    },
  },
  {
    name: 'a put and a touch set the time anew, later or earlier; a touch of a lower epoch does not',
    run: async (stage) => {
      const { store, age } = stage;
      const [put, touched, shortened] = [newKey(), newKey(), newKey()];
      for (const key of [put, touched, shortened]) await store.put(key, putOf({ epoch: 2 }));
      await store.put(put, putOf({ epoch: 2, version: 2, ttl: hour }));
      assert.equal(await store.touch(touched, 2, hour), true);
      assert.equal(await store.touch(touched, 1, minute), false);
      assert.equal(await store.touch(shortened, 3, 2 * minute), true);
      isAbout(await expires(stage, touched), stage.now() + hour);
      await age(3 * minute);
      await is(store, shortened, 'none');
      await age(12 * minute);
      await is(store, put, { epoch: 2, version: 2 });
      await is(store, touched, { epoch: 2 });
      await age(50 * minute);
      await is(store, touched, 'none');
      assert.equal(await store.touch(newKey(), 1, hour), false);
    },
  },
  {
    name: 'a time of half a millisecond is one',
    run: async ({ store }) => {
      const key = newKey();
      assert.deepEqual(await store.put(key, putOf({ ttl: 100_000.5 })), stored);
      assert.equal(await store.touch(key, 1, 60_000.25), true);
      await is(store, key, {});
    },
  },
];

/** What looks at many, and what is refused. */
const bounds: readonly Case[] = [
  {
    name: 'expire forgets step by step what has expired, and nothing else',
    run: async ({ store, age }) => {
      const short = Array.from({ length: 1200 }, () => newKey());
      const long = newKey();
      await Promise.all(short.map((key) => store.put(key, putOf())));
      await store.put(long, putOf({ ttl: 5 * hour }));
      await store.destroy(short[0]!, 1);
      while ((await store.expire()) > 0);
      assert.equal(await store.count(), 1200);
      await age(30 * minute);
      assert.equal(await store.count(), 1);
      for (let steps = 0; (await store.expire()) > 0; steps++) assert.ok(steps < 100);
      assert.equal(await store.count(), 1);
      await is(store, short[0]!, 'ended');
      await age(31 * minute);
      while ((await store.expire()) > 0);
      await is(store, short[0]!, 'none');
      await is(store, long, {});
    },
  },
  {
    name: 'count and scan: the live sessions of a pool, or of all',
    run: async ({ store, age }) => {
      const all = [newKey('a'), newKey('a'), newKey('a*'), newKey('a'), newKey('a')];
      for (const [n, key] of all.entries())
        await store.put(key, putOf({ version: n + 1, ttl: n === 4 ? minute : hour }));
      await store.claim(newKey('b'), 1, 8, hour);
      await store.destroy(all[1]!, 1);
      await age(2 * minute);
      assert.deepEqual([await store.count('a'), await store.count('a*'), await store.count('none')], [2, 1, 0]);
      assert.equal(await store.count(), 4);
      const found = await collect(store, 'a');
      assert.deepEqual([...found.keys()].sort(), [`a ${all[0]!.id}`, `a ${all[3]!.id}`]);
      assert.deepEqual(shownCopy(found.get(`a ${all[3]!.id}`)!), shownCopy(putOf({ version: 4 })));
      assert.equal((await collect(store)).size, 4);
    },
  },
  {
    name: 'scan goes on while sessions change, and may be left early',
    run: async ({ store }) => {
      const steady = Array.from({ length: 700 }, () => newKey());
      await Promise.all(steady.map((key) => store.put(key, putOf())));
      const seen = new Set<string>();
      for await (const { key } of store.scan('shop')) {
        seen.add(key.id);
        if (seen.size % 50 !== 0) continue;
        const [made, moved] = [newKey(), newKey()];
        await store.put(made, putOf());
        await store.rotate(made, moved.id, putOf({ version: 2 }));
        await store.destroy(moved, 1);
        await store.put(key, putOf({ version: 2 }));
      }
      for (const { id } of steady) assert.ok(seen.has(id));
      for await (const { copy } of store.scan()) {
        assert.ok(copy.version > 0);
        break;
      }
      assert.equal(await store.count(), 700);
    },
  },
  {
    name: 'data of all bytes, of none and of the largest size; larger is refused and changes nothing',
    run: async ({ store }) => {
      const bytes = Uint8Array.from({ length: 768 }, (_, n) => (n < 512 ? n : 767 - n) & 255);
      for (const data of [bytes, new Uint8Array(0), new Uint8Array(caseOptions.stateBytes).fill(0xc3)]) {
        const key = newKey();
        await store.put(key, putOf({ data }));
        await is(store, key, { data });
        assert.deepEqual(Buffer.from((await collect(store)).get(`shop ${key.id}`)!.data), Buffer.from(data));
      }
      const [key, to] = [newKey(), newKey()];
      const large = putOf({ version: 2, data: new Uint8Array(caseOptions.stateBytes + 1) });
      await store.put(key, putOf());
      await fails('state-too-large', () => store.put(key, large));
      await fails('state-too-large', () => store.rotate(key, to.id, large));
      await is(store, key, {});
      await is(store, to, 'none');
    },
  },
  {
    name: 'data is copied, of a view no more than what it shows',
    run: async ({ store }) => {
      const buffer = Buffer.from('xxstatexx');
      const key = newKey();
      await store.put(key, putOf({ data: buffer.subarray(2, 7) }));
      buffer.fill('-');
      await is(store, key, {});
    },
  },
  {
    name: 'pools and processes with names of any characters do not meet',
    run: async ({ store }) => {
      const { id } = newKey();
      const names = [
        'a',
        'A',
        'a ',
        'a/',
        '{a}',
        'a}',
        'a*?[b]',
        'a:b',
        'ä',
        'a\u0308',
        '🐚',
        '\u0000',
        'a\u0000',
        '\r\n',
      ];
      names.push(id, '%61', 'x'.repeat(255), '\uffff', '"\'\\', '__proto__', '\u{10ffff}'.repeat(127));
      for (const pool of names) await store.put({ pool, id }, putOf({ by: pool, data: Buffer.from(pool) }));
      for (const pool of names) {
        await is(store, { pool, id }, { by: pool, data: Buffer.from(pool) });
        assert.equal(await store.count(pool), 1);
        assert.deepEqual([...(await collect(store, pool)).keys()], [`${pool} ${id}`]);
      }
      assert.equal(await store.count(), names.length);
    },
  },
  {
    name: 'keys and puts that cannot be are refused with a RangeError',
    run: async ({ store }) => {
      const { pool, id } = newKey();
      const badIds = ['', 'abc', id.slice(1), `${id}0`, 'A'.repeat(32), `${id.slice(1)}\n`, `${id}\n`];
      const badKeys: SessionKey[] = badIds.map((bad) => ({ pool, id: bad }));
      badKeys.push({ pool: '', id }, { pool: 'x'.repeat(256), id }, { pool: '\ud800', id });
      const refused = (ask: () => Promise<unknown>) => assert.rejects(async () => ask(), RangeError);
      const key = { pool, id };
      for (const bad of badKeys) {
        await refused(() => store.read(bad));
        await refused(() => store.put(bad, putOf()));
        await refused(() => store.claim(bad, 1, 1, hour));
        await refused(() => store.destroy(bad, 1));
        await refused(() => store.touch(bad, 1, hour));
        await refused(() => store.rotate(bad, newKey().id, putOf()));
      }
      for (const bad of [id, ...badIds]) await refused(() => store.rotate(key, bad, putOf()));
      for (const bad of [{ ttl: 0 }, { ttl: -1 }, { ttl: Number.NaN }, { epoch: 0 }, { version: 0 }, { epoch: 1.5 }]) {
        await refused(() => store.put(key, putOf(bad)));
      }
      await refused(() => store.claim(key, 1, 1, 0));
      await refused(() => store.touch(key, 1, 0));
      assert.equal(await store.count(), 0);
    },
  },
  {
    name: 'after close nothing is answered as if it were kept',
    run: async ({ store }) => {
      await store.put(newKey(), putOf());
      await store.close();
      await fails('unavailable', () => store.put(newKey(), putOf()));
      await fails('unavailable', () => store.read(newKey()));
      await store.close();
    },
  },
];

export const cases: readonly Case[] = [...ownership, ...endings, ...bounds];
