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
import type { Server } from '../fleet/server.ts';
import { type Store, StoreError } from '../store/store.ts';
import { Entry } from '../table/table.ts';
import { Session } from './session.ts';

describe('what a server puts', () => {
  test('begins the session: the table knows it, and the client is to be told', async () => {
    const { worker, a, look } = startReplication();
    const { replicator } = worker();
    const session = sessionOf();
    expect(await keep(replicator, session, a, putOf(1))).toBe('kept');
    replicator.responses.apply(session, putOf(1));
    expect(look(session)).toEqual({ server: 1, epoch: 1, version: 1, claiming: false });
    expect(session).toMatchObject({ binding: 'must-bind', version: 1 });
  });

  test('of a former owner is fenced, and the table learns who has it now', async () => {
    const { worker, a, b, look, store } = startReplication();
    const { replicator } = worker();
    const session = sessionOf();
    await keep(replicator, session, a, putOf(1));
    // Another balancer has made b the owner.
    await store.claim({ pool: 'shop', id: idOf(session) }, 1, b.id, 60_000);
    expect(await keep(replicator, session, a, putOf(2))).toBe('fenced');
    expect(look(session)).toEqual({ server: 2, epoch: 2, version: 1, claiming: false });
  });

  test('after its end changes nothing, and the end itself ends', async () => {
    const { worker, a, look } = startReplication();
    const { replicator } = worker();
    const session = sessionOf();
    await keep(replicator, session, a, putOf(1));
    expect(await keep(replicator, session, a, { ...nothing, ended: 1 })).toBe('kept');
    expect(look(session)).toBe('ended');
    expect(await keep(replicator, session, a, putOf(2))).toBe('fenced');
    expect(look(session)).toBe('ended');
  });

  test('goes on under another id, and only under one that nobody has', async () => {
    const { worker, a, look } = startReplication();
    const { replicator } = worker();
    const session = sessionOf({ recognised: true });
    await keep(replicator, session, a, putOf(1));
    const to = '0000000100000002000000030000000a';
    expect(await keep(replicator, session, a, putOf(2, 1, to))).toBe('kept');
    expect(look(session)).toBe('ended');
    replicator.responses.apply(session, putOf(2, 1, to));
    expect(session).toMatchObject({ recognition: { sid0: 1, sid1: 2, sid2: 3, sid3: 10 }, binding: 'must-bind' });
    expect(look(session)).toEqual({ server: 1, epoch: 1, version: 2, claiming: false });
    expect(await keep(replicator, session, a, putOf(3, 1, to))).toBe('refused');
    expect(await keep(replicator, sessionOf({ kind: 'key' }), a, putOf(1, 1, to))).toBe('refused');
    expect(await keep(replicator, session, a, { ...nothing, rotate: 'ab'.repeat(16) })).toBe('refused');
    const proof = replicator.direct.proofOf(a, 'ff'.repeat(16), to);
    expect(await keep(replicator, session, a, { ...nothing, rotate: to })).toBe('refused');
    expect(await keep(replicator, session, a, { ...nothing, rotate: to, proof })).toBe('refused');
  });

  test('through the store interface goes on under another id, and the response has to prove that', async () => {
    const { worker, a, b } = startReplication();
    const { replicator } = worker();
    const [session, other] = [sessionOf(), sessionOf({ sid0: 5 })];
    for (const one of [session, other]) await keep(replicator, one, a, putOf(1));
    const to = '0000000100000002000000030000000a';
    expect(await replicator.direct.put(idOf(session), 1, a, putOf(2, 1, to))).toMatchObject({ outcome: 'kept' });
    const proof = replicator.direct.proofOf(a, idOf(session), to);
    const follow = (of: Session, server: Server, shown: string) =>
      keep(replicator, of, server, { ...nothing, rotate: to, proof: shown });
    expect(await follow(session, a, '')).toBe('refused');
    expect(await follow(session, a, proof.slice(1))).toBe('refused');
    expect(await follow(other, a, proof)).toBe('refused');
    expect(await follow(session, b, proof)).toBe('refused');
    expect(await follow(session, a, proof)).toBe('kept');
    await replicator.direct.put(to, 1, a, { ...nothing, ended: 1 });
    expect(await follow(session, a, proof)).toBe('refused');
  });

  test.each(['sync', 'async', 'none'] as const)(
    'with an epoch that nobody gave it is refused (%s)',
    async (replication) => {
      const { worker, a, b, look, store } = startReplication({ replication });
      const { replicator } = worker();
      const session = sessionOf({ epoch: 2 });
      expect(await keep(replicator, session, a, putOf(1, 2))).toBe('kept');
      for (const epoch of [3, 4_294_967_295]) {
        expect(await keep(replicator, session, a, putOf(9, epoch))).toBe('refused');
        expect(await keep(replicator, session, a, { ...nothing, ended: epoch })).toBe('refused');
        expect(await replicator.direct.put(idOf(session), 1, a, putOf(9, epoch))).toMatchObject({ outcome: 'refused' });
        expect(await replicator.direct.put(idOf(session), 1, a, { ...nothing, ended: epoch })).toMatchObject({
          outcome: 'refused',
        });
      }
      // The epoch is right, and another server's.
      expect(await replicator.direct.put(idOf(session), 1, b, putOf(9, 2))).toMatchObject({ outcome: 'refused' });
      // Of a session that nobody knows only the first can be.
      expect(await replicator.direct.put('ab'.repeat(16), 1, a, putOf(1, 2))).toMatchObject({ outcome: 'refused' });
      expect(look(session)).toMatchObject({ server: 1, epoch: 2 });
      if (replication === 'sync') {
        expect(await store.read({ pool: 'shop', id: idOf(session) })).toMatchObject({ copy: { epoch: 2, version: 1 } });
        expect(await replicator.direct.put('cd'.repeat(16), 1, a, putOf(1, 1))).toMatchObject({ outcome: 'kept' });
      }
    },
  );

  test('with a later epoch than its request had counts when the table or the store knows that it was given', async () => {
    const { worker, a, b, store } = startReplication();
    const { replicator } = worker();
    const session = sessionOf();
    await keep(replicator, session, a, putOf(1));
    // Another node has moved it away and back.
    await store.claim({ pool: 'shop', id: idOf(session) }, 1, b.id, 60_000);
    await store.claim({ pool: 'shop', id: idOf(session) }, 2, a.id, 60_000);
    expect(await keep(replicator, session, b, putOf(2, 3))).toBe('refused');
    expect(await keep(replicator, session, a, putOf(2, 3))).toBe('kept');
    expect(await keep(replicator, sessionOf(), a, putOf(3, 3))).toBe('kept');
    expect(await keep(replicator, sessionOf(), a, putOf(4, 4))).toBe('refused');
  });

  test('is refused of a session that the server was not told of', async () => {
    const { worker, a } = startReplication();
    const { replicator } = worker();
    expect(await keep(replicator, new Session(), a, putOf(1))).toBe('refused');
    expect(await keep(replicator, Object.assign(sessionOf(), { substitute: true }), a, putOf(1))).toBe('refused');
  });

  test('and could not be kept: what is there counts no more, and nothing leaves its server', async () => {
    const { worker, a, table, look } = startReplication({}, true);
    const { replicator } = worker();
    const session = sessionOf();
    table.bind({ hi: 7, lo: 8 }, 1, seconds, new Entry(), 1);
    table.copy({ hi: 7, lo: 8 }, 1, 5, seconds);
    expect(await keep(replicator, session, a, putOf(6))).toBe('failed');
    expect(look(session)).toMatchObject({ version: 0 });
    expect(replicator.mayMove).toBe(false);
  });

  test('in async: at once, as long as not too many are under way', async () => {
    const { worker, a, look, counters } = startReplication({ replication: 'async' });
    const { replicator } = worker();
    const outcomes = [1, 2, 3].map((n) => replicator.responses.keep(sessionOf({ sid3: n }), a, putOf(1), () => {}));
    expect(outcomes).toEqual(['kept', 'kept', null]);
    expect(counters.snapshot()).toMatchObject({ copies_lag: 2, copies_delayed: 1 });
    expect(look(sessionOf())).toMatchObject({ version: 0 });
    await new Promise((soon) => setImmediate(soon));
    expect(counters.snapshot()).toMatchObject({ copies_lag: 0, copies_stored: 3 });
    expect(look(sessionOf())).toMatchObject({ version: 1 });
  });

  test('with replication none: dropped and counted, and the session is one', async () => {
    const { worker, a, look, counters } = startReplication({ replication: 'none' });
    expect(worker().replicator.responses.keep(sessionOf(), a, putOf(1), () => {})).toBe('kept');
    expect(look(sessionOf())).toEqual({ server: 1, epoch: 1, version: 0, claiming: false });
    expect(counters.snapshot()).toMatchObject({ copies_dropped: 1, copies_stored: 0 });
  });
});

test('a rotation that failed leaves the old id in doubt: the store is asked what became of it', async () => {
  const { worker, a, look, store } = startReplication();
  const { replicator, owners } = worker();
  await keep(replicator, sessionOf(), a, putOf(1));
  const { rotate } = store;
  const to = 'ab'.repeat(16);
  // It was done, and the answer was lost.
  Object.assign(store, {
    rotate: async (...args: Parameters<Store['rotate']>) => {
      await rotate.apply(store, args);
      throw new StoreError('unavailable', 'no answer');
    },
  });
  expect(await keep(replicator, sessionOf(), a, putOf(2, 1, to))).toBe('failed');
  const session = sessionOf({ recognised: true, owner: a.id });
  owners.find(session, seconds);
  expect(session.storeState).toBe('must-query');
  await lookUp(replicator, session);
  expect(look(session)).toBe('ended');
});
