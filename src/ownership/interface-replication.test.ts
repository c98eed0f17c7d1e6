import { describe, expect, test } from 'vitest';
import { idOf, keep, nothing, putOf, sessionOf, startReplication } from '../../test/support/replication.ts';
import { type Store, StoreError } from '../store/store.ts';

const down = () => Promise.reject(new StoreError('unavailable', 'down'));

function stage(replication: 'sync' | 'none' = 'sync') {
  const around = startReplication({ replication });
  const session = sessionOf();
  return { ...around, ...around.worker(), session, id: idOf(session) };
}

describe('a session that a server puts', () => {
  test('begins, and the table has its owner and its copy', async () => {
    const { replicator, a, id, session, look } = stage();
    expect(await replicator.direct.put(id, 1, a, putOf(1))).toEqual({ outcome: 'kept', epoch: 0 });
    expect(look(session)).toMatchObject({ server: a.slot, epoch: 1, version: 1 });
  });

  test('after another server has become its owner is fenced, with the epoch of that one', async () => {
    const { replicator, a, b, id, store } = stage();
    await replicator.direct.put(id, 1, a, putOf(1));
    await store.claim({ pool: 'shop', id }, 1, b.id, 60_000);
    expect(await replicator.direct.put(id, 1, a, putOf(2))).toEqual({ outcome: 'fenced', epoch: 2 });
  });

  test('of another server, or under an id that is taken, is refused and counted', async () => {
    const { replicator, a, b, id, counters } = stage();
    const other = sessionOf({ sid0: 5 });
    await keep(replicator, sessionOf(), a, putOf(1));
    await keep(replicator, other, a, putOf(1));
    expect((await replicator.direct.put(id, 1, b, putOf(2))).outcome).toBe('refused');
    expect((await replicator.direct.put(id, 1, a, putOf(2, 1, idOf(other)))).outcome).toBe('refused');
    expect(counters.snapshot().copies_refused).toBe(2);
  });

  test('without copies is counted as dropped, and only of a session that the table has', async () => {
    const { replicator, a, id, counters, session } = stage('none');
    expect((await replicator.direct.put(id, 1, a, putOf(1))).outcome).toBe('refused');
    await keep(replicator, session, a, putOf(1));
    expect((await replicator.direct.put(id, 1, a, putOf(2))).outcome).toBe('kept');
    expect(counters.snapshot().copies_dropped).toBe(2);
  });
});

describe('what a server asks', () => {
  test('for the state: what is kept, what has ended, and that there is nothing', async () => {
    const { replicator, a, id } = stage();
    expect(await replicator.direct.read(id, a)).toEqual({ state: 'none' });
    await replicator.direct.put(id, 1, a, putOf(3));
    expect(await replicator.direct.read(id, a)).toMatchObject({ state: 'live', copy: { version: 3 } });
    await replicator.direct.put(id, 1, a, { ...nothing, ended: 1 });
    expect(await replicator.direct.read(id, a)).toMatchObject({ state: 'ended' });
  });

  test('for the sessions of a user: their ids', async () => {
    const { replicator, a, id } = stage();
    const user = 'ef'.repeat(16);
    await replicator.direct.put(id, 1, a, { ...putOf(1), put: { ...putOf(1).put!, user } });
    expect(await replicator.direct.sessionsOf(user)).toEqual([id]);
    expect(await stage('none').replicator.direct.sessionsOf(user)).toBe('no-copies');
  });

  test('while the store is down: that it failed', async () => {
    const { replicator, a, id, store } = stage();
    Object.assign(store, { read: down, ofUser: down } satisfies Partial<Store>);
    expect(await replicator.direct.read(id, a)).toEqual({ state: 'failed' });
    expect(await replicator.direct.sessionsOf('ef'.repeat(16))).toBe('failed');
  });
});

test('a session can be ended by a server that does not own it, where there are copies', async () => {
  const { replicator, a, b, id, session, look } = stage();
  await replicator.direct.put(id, 1, a, putOf(1));
  expect(await replicator.direct.end(id, 1, b)).toBe('kept');
  expect(look(session)).toBe('ended');
  expect(await stage('none').replicator.direct.end(id, 1, b)).toBe('no-copies');
});
