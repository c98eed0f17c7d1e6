/** The streams of moves, on a real Redis: what the scripts of one store append, and another node reads. */
import { Redis } from 'ioredis';
import { beforeAll, describe, expect, test } from 'vitest';
import { findProgram, onContinuousIntegration } from '../../test/support/programs.ts';
import { RedisServer } from '../../test/support/redis.ts';
import { redisAddress } from '../../test/support/redis-stage.ts';
import { caseOptions, newKey, putOf } from '../../test/support/store-contract.ts';
import { until } from '../../test/support/until.ts';
import { systemTimers } from '../time/clock.ts';
import { RedisStore } from './redis.ts';
import { RedisConnection } from './redis-connection.ts';
import { type Move, RedisMoves } from './redis-moves.ts';
import { anyEpoch } from './store.ts';

const history = 1000;

describe.skipIf(findProgram('redis') === undefined && !onContinuousIntegration())('with redis-server', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start();
    return () => server.kill();
  });

  const openStore = (node = 'aaaaaaaa') => {
    const options = { ...caseOptions, timeout: 5000, history: node === '' ? 0 : history, node };
    return RedisStore.open(redisAddress(server.url), options, () => Date.now(), systemTimers);
  };
  async function follow(pool: string, kept = history) {
    const told: Move[] = [];
    const missed: number[] = [];
    const listener = {
      onMoves: (_pool: string, moves: readonly Move[]) => void told.push(...moves),
      onMissed: (_pool: string, time: number) => void missed.push(time),
      onMessage() {},
    };
    const now = () => Date.now();
    const options = { timeout: 5000, mayBeAway: true, now, timers: systemTimers };
    const connection = await RedisConnection.open(redisAddress(server.url), options);
    await connection.ready();
    const moves = new RedisMoves(connection, listener, { history: kept, now });
    moves.follow([pool]);
    await moves.start();
    return { connection, moves, told, missed };
  }

  test('moves and ends are told, first owners and changes are not', async () => {
    const store = await openStore();
    const [key, named, to] = [newKey(), newKey(), newKey()];
    const { connection, told, missed } = await follow(key.pool);
    try {
      await store.put(key, putOf());
      await store.put(key, putOf({ version: 2 }));
      await store.claim(named, 0, 5, 60_000);
      await store.claim(key, 1, 9, 60_000);
      await store.put(key, putOf({ epoch: 3, owner: 11, version: 3 }));
      await store.rotate(key, to.id, putOf({ epoch: 3, owner: 11, version: 4 }));
      await store.destroy(to, anyEpoch);
      await until('the last one is told', () => told.length >= 4);
      expect(told).toEqual([
        { id: key.id, epoch: 2, owner: 9, isRotated: false },
        { id: key.id, epoch: 3, owner: 11, isRotated: false },
        { id: key.id, epoch: 3, owner: null, isRotated: true },
        { id: to.id, epoch: 3, owner: null, isRotated: false },
      ]);
      expect(missed).toEqual([]);
      // Who comes later reads all of it.
      const second = await follow(key.pool);
      expect([second.told, second.missed]).toEqual([told, []]);
      second.connection.close();
    } finally {
      connection.close();
      await store.close();
    }
  });

  test('a stream that was cut, or is gone, may have held what was missed', async () => {
    const store = await openStore();
    const admin = new Redis(server.url);
    const key = newKey();
    const { connection, moves, missed } = await follow(key.pool);
    try {
      await store.claim(key, 1, 9, 60_000);
      await moves.readAll();
      expect(missed).toEqual([]);
      await admin.xtrim(`limpet-moves:{${key.pool}}`, 'MAXLEN', 0);
      await store.claim(key, 2, 9, 60_000);
      await until('it is noticed', async () => {
        await moves.readAll();
        return missed.length === 1;
      });
      await admin.del(`limpet-moves:{${key.pool}}`);
      await moves.readAll();
      expect(missed.length).toBe(2);
      // A stream that has as much as is kept may have had more.
      await store.claim(key, 3, 9, 60_000);
      const second = await follow(key.pool, 1);
      expect(second.missed.length).toBe(1);
      second.connection.close();
    } finally {
      admin.disconnect();
      connection.close();
      await store.close();
    }
  });

  test('a claim away from what another node has chosen a moment ago is refused once', async () => {
    const [one, two] = [await openStore('aaaaaaaa'), await openStore('bbbbbbbb')];
    const key = newKey();
    try {
      await one.claim(key, 0, 5, 60_000);
      // The first owner is no choice between servers.
      expect(await two.claim(key, 1, 6, 60_000)).toMatchObject({ state: 'claimed' });
      expect(await one.claim(key, 1, 7, 60_000)).toEqual({ state: 'lost', epoch: 2, owner: 6, byOther: true });
      expect(await one.claim(key, 2, 7, 60_000)).toEqual({ state: 'held' });
      expect(await one.claim(key, 2, 7, 60_000)).toMatchObject({ state: 'claimed', copy: { epoch: 3, owner: 7 } });
    } finally {
      await Promise.all([one.close(), two.close()]);
    }
  });

  test('a claim says where the session was before nodes began to claim it one after the other', async () => {
    const [one, two] = [await openStore('aaaaaaaa'), await openStore('bbbbbbbb')];
    const [key, bare] = [newKey(), newKey()];
    try {
      await one.put(key, putOf({ owner: 5 }));
      expect(await one.claim(key, 1, 6, 60_000, { returnTo: 5 })).toMatchObject({ state: 'claimed', returnTo: 5 });
      expect(await two.claim(key, 2, 7, 60_000, { returnTo: 6 })).toMatchObject({ state: 'claimed', returnTo: 5 });
      // Its balancer has not got that answer, and would have it go back to 6.
      const back = await two.claim(key, 3, 6, 60_000, { step: 'return' });
      expect(back).toMatchObject({ state: 'claimed', copy: { owner: 5, epoch: 4 } });
      expect(await one.claim(key, 3, 6, 60_000, { step: 'return' })).toMatchObject({ state: 'lost', owner: 5 });
      expect(await one.claim(key, 4, 6, 60_000, { returnTo: 5 })).toMatchObject({ state: 'claimed', returnTo: 5 });
      // A server that changes the session is at home.
      await one.put(key, putOf({ owner: 6, epoch: 5, version: 2 }));
      expect(await two.claim(key, 5, 7, 60_000, { returnTo: 6 })).toMatchObject({ state: 'claimed', returnTo: 6 });
      // So is one that has taken a request, once it is the owner.
      expect(await one.claim(key, 5, 6, 60_000, { step: 'accept' })).toMatchObject({
        state: 'lost',
        epoch: 6,
        owner: 7,
      });
      expect(await one.claim(key, 6, 8, 60_000, { returnTo: 7 })).toMatchObject({ state: 'claimed', returnTo: 6 });
      expect(await one.claim(key, 6, 8, 60_000, { step: 'accept' })).toMatchObject({
        state: 'lost',
        epoch: 7,
        owner: 8,
      });
      expect(await two.claim(key, 7, 5, 60_000, { returnTo: 8 })).toMatchObject({ state: 'claimed', returnTo: 8 });
      // What another node takes for a server that has not answered stays there, too.
      expect(await two.claim(key, 8, 6, 60_000, { returnTo: 5 })).toMatchObject({ state: 'claimed', returnTo: 8 });
      await one.claim(key, 8, 6, 60_000, { step: 'accept' });
      const kept = await two.claim(key, 9, 8, 60_000, { step: 'return' });
      expect(kept).toMatchObject({ state: 'claimed', copy: { owner: 6, epoch: 10 } });
      const stays = await two.claim(newKey(), 0, 5, 60_000, { step: 'accept' });
      expect(stays).toMatchObject({ state: 'lost', epoch: 0, owner: 0 });
      // The store knows what the first one says.
      expect(await one.claim(bare, 1, 6, 60_000, { returnTo: 5 })).toMatchObject({ state: 'claimed', returnTo: 5 });
      expect(await two.claim(bare, 2, 7, 60_000, { returnTo: 6 })).toEqual({ state: 'held' });
      expect(await two.claim(bare, 2, 7, 60_000, { returnTo: 6 })).toMatchObject({ state: 'claimed', returnTo: 5 });
    } finally {
      await Promise.all([one.close(), two.close()]);
    }
  });

  test('a single balancer is not told where the session was: it knows that itself', async () => {
    const store = await openStore('');
    const key = newKey();
    try {
      await store.put(key, putOf({ owner: 5 }));
      expect(await store.claim(key, 1, 6, 60_000)).not.toHaveProperty('returnTo');
      expect(await store.claim(key, 2, 7, 60_000)).not.toHaveProperty('returnTo');
    } finally {
      await store.close();
    }
  });

  test('a move that was agreed to is refused when somebody has asked for the session since', async () => {
    const store = await openStore();
    const key = newKey();
    const { connection, moves } = await follow(key.pool);
    try {
      expect(await moves.intend(key, 'i1')).toBe(false);
      await store.put(key, putOf());
      expect(await moves.intend(key, 'i1')).toBe(true);
      await store.read(key);
      expect(await store.claim(key, 1, 9, 60_000, { intent: 'i1' })).toEqual({ state: 'held' });
      await moves.intend(key, 'i2');
      expect(await store.claim(key, 1, 9, 60_000, { intent: 'i1' })).toEqual({ state: 'held' });
      expect(await store.claim(key, 1, 9, 60_000, { intent: 'i2' })).toMatchObject({ state: 'claimed' });
    } finally {
      connection.close();
      await store.close();
    }
  });
});
