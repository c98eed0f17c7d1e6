import { describe, expect, test } from 'vitest';
import {
  idOf,
  keep,
  lookUp,
  nothing,
  putOf,
  seconds,
  sessionOf,
  startReplication,
} from '../../test/support/replication.ts';
import { type Store, StoreError } from '../store/store.ts';
import { Entry } from '../table/table.ts';

describe('a copy that the store has lost', () => {
  const forget = (store: Store) =>
    Object.assign(store, {
      read: () => Promise.resolve({ state: 'none' }),
      claim: (_: unknown, epoch: number, owner: number) =>
        Promise.resolve({
          state: 'claimed',
          copy: { owner, epoch: epoch + 1, version: 0, by: '', data: new Uint8Array(0), expires: 1 },
        }),
    });

  test('is told to its owner once; then the table says that there is none', async () => {
    const { worker, a, b, look, store, counters, table } = startReplication();
    const { replicator, owners } = worker();
    await keep(replicator, sessionOf(), a, putOf(3));
    forget(store);
    // Another server knows nothing of it.
    expect(await replicator.direct.read(idOf(sessionOf()), b)).toEqual({ state: 'none' });
    expect(counters.snapshot().copies_lost).toBe(0);
    expect(await replicator.direct.read(idOf(sessionOf()), a)).toEqual({ state: 'none' });
    expect(counters.snapshot().copies_lost).toBe(1);
    const session = sessionOf({ recognised: true, owner: a.id });
    owners.find(session, seconds);
    expect(session.storeState).toBe('must-query');
    await lookUp(replicator, session);
    expect(look(session)).toMatchObject({ server: 1, version: 0 });
    expect(owners.find(session, seconds)).toBe(a);
    expect(session).toMatchObject({ storeState: 'not-asked', version: 0 });
    expect(table.count(1)).toBe(1);
  });

  test('is told when another server becomes the owner, who would begin with nothing', async () => {
    const { worker, a, b, store, counters } = startReplication();
    const { replicator, owners, claims } = worker();
    await keep(replicator, sessionOf(), a, putOf(3));
    forget(store);
    const session = sessionOf({ recognised: true, owner: a.id });
    owners.find(session, seconds);
    claims.claim(session, b, seconds);
    const outcome = await new Promise((done) => replicator.queries.announce(session, b, done));
    expect(outcome).toBe('lost');
    expect(counters.snapshot().copies_lost).toBe(1);
  });
});

describe('an end that the store cannot take', () => {
  const ending = () => Promise.reject(new StoreError('ending', 'waits'));

  test('is not told as done, with async neither; nor is what comes after it', async () => {
    for (const replication of ['sync', 'async'] as const) {
      const { worker, a, b, store, look, counters } = startReplication({ replication });
      const { replicator, owners, claims } = worker();
      const session = sessionOf({ recognised: true, owner: a.id });
      await store.put({ pool: 'shop', id: idOf(session) }, { ...putOf(1).put!, owner: a.id, ttl: 60_000 } as never);
      await lookUp(replicator, session);
      Object.assign(store, { destroy: ending, put: ending, rotate: ending, read: ending, claim: ending });
      expect(await keep(replicator, session, a, { ...nothing, ended: 1 })).toBe('ending');
      // The table is told by whoever keeps the end.
      expect(look(session)).toMatchObject({ server: 1 });
      expect(await keep(replicator, session, a, putOf(2, 1, 'ab'.repeat(16)))).toBe('ending');
      expect(await replicator.direct.read(idOf(session), a)).toEqual({ state: 'ending' });
      expect((await replicator.direct.put(idOf(session), 1, a, putOf(2))).outcome).toBe('ending');
      owners.find(session, seconds);
      claims.claim(session, b, seconds);
      expect(await new Promise((done) => replicator.queries.announce(session, b, done))).toBe('ending');
      expect(await new Promise((done) => replicator.queries.query(session, done))).toBe('ending');
      expect(counters.snapshot().sessions_ended).toBe(0);
    }
  });

  test('has no owner in the table, and no time ends that', () => {
    const { worker, a, table } = startReplication();
    const { owners } = worker();
    const key = { hi: 7, lo: 8 };
    table.bind(key, 1, seconds, new Entry(), 1);
    table.beginEnding(key, seconds);
    for (const later of [seconds, seconds + 1_000_000]) {
      const session = sessionOf({ recognised: true, owner: a.id });
      expect(owners.find(session, later)).toBeNull();
      expect(session).toMatchObject({ storeState: 'ending', recognition: { recognised: true } });
    }
    table.endKept(key, seconds + 1_000_000);
    const session = sessionOf({ recognised: true, owner: a.id });
    expect(owners.find(session, seconds + 1_000_000)).toBeNull();
    expect(session).toMatchObject({ storeState: 'not-asked', recognition: { recognised: false } });
  });
});
