import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { HandTime } from '../../../test/support/hand-time.ts';
import { newKey, putOf, shown } from '../../../test/support/store-contract.ts';
import { ForeignClient } from '../foreign/foreign-client.ts';
import type { ForeignStore } from '../foreign/foreign-store.ts';
import { sessions } from '../node.ts';
import { ForeignStoreAdapter } from './foreign-store-adapter.ts';

type Method = 'get' | 'set' | 'destroy' | 'touch';

/** On a Map, as the simplest of them are; `broken` says what a method does instead. */
class PlainStore implements ForeignStore {
  readonly kept = new Map<string, string>();
  readonly calls: string[] = [];
  broken: Partial<Record<Method, (done: (error?: unknown) => void) => void>> = {};

  get(id: string, done: (error: unknown, session?: object | null) => void): void {
    this.call('get', done, () => done(null, JSON.parse(this.kept.get(id) ?? 'null')));
  }
  set(id: string, session: object, done: (error?: unknown) => void): void {
    this.call('set', done, () => done(void this.kept.set(id, JSON.stringify(session))));
  }
  destroy(id: string, done: (error?: unknown) => void): void {
    this.call('destroy', done, () => done(void this.kept.delete(id)));
  }
  touch(id: string, session: object, done: (error?: unknown) => void): void {
    this.call('touch', done, () => done(void this.kept.set(id, JSON.stringify(session))));
  }

  private call(name: Method, done: (error?: unknown) => void, work: () => void): void {
    this.calls.push(name);
    const broken = this.broken[name];
    if (broken === undefined) setImmediate(work);
    else broken(done);
  }
}

function made() {
  const store = new PlainStore();
  const time = new HandTime();
  const client = new ForeignClient(store, { timers: time, timeoutMs: 5000 });
  return { store, time, adapter: new ForeignStoreAdapter(client, Date.now) };
}

test('what is put is read, with the expiry that stores go by', async () => {
  const { store, adapter } = made();
  const key = newKey();
  expect(await adapter.read(key)).toEqual({ state: 'none' });
  expect(await adapter.put(key, putOf())).toEqual({ state: 'stored' });
  expect(shown(await adapter.read(key))).toMatchObject({ state: 'live', version: 1, data: 'state' });
  const [[name, text] = ['', '']] = store.kept;
  expect(name).toBe(`shop.${key.id}`);
  const { cookie } = JSON.parse(text);
  expect(cookie).toMatchObject({ originalMaxAge: 600_000, maxAge: 600_000, path: '/' });
  expect(Date.parse(cookie.expires)).toBeGreaterThan(Date.now() + 590_000);
});

test('a put that does not follow what is kept is refused, and what is gone is not brought back', async () => {
  const { adapter } = made();
  const key = newKey();
  await adapter.put(key, putOf());
  expect(await adapter.put(key, putOf({ by: 'p2' }))).toMatchObject({ state: 'fenced' });
  expect(await adapter.put(key, putOf({ version: 2, by: 'p2' }))).toEqual({ state: 'stored' });
  expect(await adapter.put(key, putOf({ version: 1, by: 'p2' }))).toEqual({ state: 'superseded' });
  await adapter.destroy(key);
  expect(await adapter.put(key, putOf({ version: 3, by: 'p2' }))).toEqual({ state: 'ended' });
  expect(await adapter.rotate(key, newKey().id, putOf({ version: 3 }))).toEqual({ state: 'ended' });
  expect(await adapter.touch(key, 1, 1000)).toBe(false);
});

test('puts of one version at once: one is stored', async () => {
  const { adapter } = made();
  const key = newKey();
  await adapter.put(key, putOf());
  const all = await Promise.all(['a', 'b', 'c'].map((by) => adapter.put(key, putOf({ version: 2, by }))));
  expect(all.map(({ state }) => state)).toEqual(['stored', 'fenced', 'fenced']);
});

test('rotate: under the fresh id, and not under the old one; when that stays, the fresh one goes', async () => {
  const { store, adapter } = made();
  const [key, to] = [newKey(), newKey()];
  await adapter.put(key, putOf());
  expect(await adapter.rotate(key, to.id, putOf({ version: 2 }))).toEqual({ state: 'stored' });
  expect([(await adapter.read(key)).state, (await adapter.read(to)).state]).toEqual(['none', 'live']);
  let destroys = 0;
  store.broken.destroy = (done) => {
    if (++destroys === 1) return done(new Error('away'));
    store.broken = {};
    store.destroy(`shop.${key.id}`, done);
  };
  await expect(adapter.rotate(to, key.id, putOf({ version: 3 }))).rejects.toThrow('destroy: away');
  expect([(await adapter.read(key)).state, (await adapter.read(to)).state]).toEqual(['none', 'live']);
});

test('touch: the time alone, with all of the session for those that write it down; without one it is set', async () => {
  const { store, adapter } = made();
  const key = newKey();
  await adapter.put(key, putOf({ ttl: 1000 }));
  expect(await adapter.touch(key, 1, 600_000)).toBe(true);
  expect(shown(await adapter.read(key))).toMatchObject({ state: 'live', data: 'state' });
  expect(store.calls).toContain('touch');
  Object.assign(store, { touch: undefined });
  expect(await adapter.touch(key, 1, 600_000)).toBe(true);
  expect(shown(await adapter.read(key))).toMatchObject({ state: 'live', data: 'state' });
});

test.each<[string, (done: (error?: unknown) => void) => void, string]>([
  ['an error', (done) => done(new Error('away')), 'away'],
  ['a text', (done) => done('away'), 'away'],
  [
    'that it throws',
    () => {
      throw new Error('thrown');
    },
    'thrown',
  ],
  ['that it never calls back', () => {}, 'no answer within 5000 ms'],
])('what goes wrong is a StoreError: %s', async (_what, broken, message) => {
  const { store, time, adapter } = made();
  const key = newKey();
  await adapter.put(key, putOf());
  for (const method of ['get', 'set'] as const) {
    const asked = new Promise<void>((soon) => {
      store.broken = {
        [method]: (done: (error?: unknown) => void) => {
          soon();
          broken(done);
        },
      };
    });
    const refused = expect(adapter.put(key, putOf({ version: 9 }))).rejects.toMatchObject({
      code: 'unavailable',
      message: `${method}: ${message}`,
    });
    await asked;
    time.advance(5000);
    await refused;
    store.broken = {};
  }
});

test('called back twice counts once; ENOENT is none; what no session library wrote is none', async () => {
  const { store, adapter } = made();
  const key = newKey();
  store.broken.get = (done) => done(Object.assign(new Error('no file'), { code: 'ENOENT' }));
  expect(await adapter.read(key)).toEqual({ state: 'none' });
  store.broken.set = (done) => {
    done();
    done();
  };
  await adapter.put(key, putOf());
  store.broken = {};
  for (const text of ['{}', '[]', '"text"', '{"limpet":{"epoch":"1"}}', '{"cookie":{},"user":"ada"}']) {
    store.kept.set(`shop.${key.id}`, text);
    expect(await adapter.read(key)).toEqual({ state: 'none' });
  }
  await turn();
});

test('what is no store is refused at the door', () => {
  for (const store of [{}, { get() {}, set() {} }, [], { read() {}, put() {} }]) {
    expect(() => sessions({ strategy: 'shared', store: store as unknown as ForeignStore })).toThrow(
      /^store: found object without read, put/,
    );
  }
  expect(() => sessions({ strategy: 'shared', store: new PlainStore() })).not.toThrow();
});
