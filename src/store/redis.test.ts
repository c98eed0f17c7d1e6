import { Redis } from 'ioredis';
import { beforeAll, describe, expect, test } from 'vitest';
import { host } from '../../test/support/host.ts';
import { findProgram, needProgram, onContinuousIntegration } from '../../test/support/programs.ts';
import { RedisServer } from '../../test/support/redis.ts';
import { RedisCluster } from '../../test/support/redis-cluster.ts';
import { openRedisStage, redisAddress } from '../../test/support/redis-stage.ts';
import { caseOptions, newKey, putOf, shown } from '../../test/support/store-contract.ts';
import { testCases } from '../../test/support/store-suite.ts';
import { systemTimers, type Timers } from '../time/clock.ts';
import { RedisStore } from './redis.ts';
import type { SessionKey } from './store.ts';

const open = (url: string, timers: Timers = systemTimers) =>
  RedisStore.open(redisAddress(url), { ...caseOptions, timeout: 2000 }, () => Date.now(), timers);

const nameOf = ({ pool, id }: SessionKey) => `limpet:{${pool}}:${id}`;

describe.skipIf(findProgram('redis') === undefined && !onContinuousIntegration())('with redis-server', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start();
    return () => server.kill();
  });
  testCases('redis', { open: () => openRedisStage(server.url), modelRuns: 60 });

  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await RedisCluster.start();
    return () => cluster[Symbol.asyncDispose]();
  });
  const nodes = () => cluster.servers.map(({ url }) => url);
  testCases('a cluster of three', { open: () => openRedisStage(cluster.url, nodes()), modelRuns: 30 });
});

test('redis that is down is unavailable; after its restart it is another life', async (context) => {
  needProgram(context, 'redis');
  const server = await RedisServer.start();
  const store = await open(server.url);
  const key = newKey();
  try {
    const before = store.incarnation;
    await store.claim(key, 1, 7, 60_000);
    await server.kill();
    await expect(store.read(key)).rejects.toMatchObject({ code: 'unavailable' });
    await server.start();
    await expect.poll(() => store.incarnation, { timeout: 10_000 }).not.toBe(before);
    expect(await store.read(key)).toEqual({ state: 'none' });
  } finally {
    await store.close();
    await server.kill();
  }
});

test('a full Redis refuses what is new and says so; reads go on, and a session can be ended', async (context) => {
  needProgram(context, 'redis');
  const server = await RedisServer.start('--maxmemory-policy', 'noeviction');
  const admin = new Redis(server.port, host);
  const store = await open(server.url);
  const [key, to] = [newKey(), newKey()];
  try {
    await store.put(key, putOf());
    await admin.config('SET', 'maxmemory', '1');
    const full = { name: 'StoreError', code: 'unavailable', message: expect.stringContaining("'maxmemory'") };
    await expect(store.put(newKey(), putOf())).rejects.toMatchObject(full);
    await expect(store.put(key, putOf({ version: 2 }))).rejects.toMatchObject(full);
    await expect(store.rotate(key, to.id, putOf({ version: 2 }))).rejects.toMatchObject(full);
    await expect(store.claim(newKey(), 1, 7, 60_000)).rejects.toMatchObject(full);
    // Nothing of that is half done.
    expect(shown(await store.read(key))).toMatchObject({ state: 'live', version: 1, data: 'state' });
    expect(await store.read(to)).toEqual({ state: 'none' });
    expect(await store.destroy(key, 1)).toEqual({ state: 'ended' });
    await admin.config('SET', 'maxmemory', '0');
    expect(await store.put(key, putOf({ version: 2 }))).toEqual({ state: 'ended' });
  } finally {
    admin.disconnect();
    await store.close();
    await server.kill();
  }
});

test('a password opens one server and a cluster; a wrong one is named, and not told', async (context) => {
  needProgram(context, 'redis');
  const password = 'a:b/c@d';
  const written = encodeURIComponent(password);
  const cluster = ['--cluster-enabled', 'yes', '--cluster-announce-ip', host];
  const server = await RedisServer.start(...cluster, '--requirepass', password);
  try {
    const admin = new Redis(server.port, host, { password });
    await admin.cluster('ADDSLOTSRANGE', 0, 16_383);
    await expect.poll(async () => admin.cluster('INFO'), { timeout: 10_000 }).toContain('cluster_state:ok');
    admin.disconnect();
    for (const url of [
      `redis://:${written}@${host}:${server.port}`,
      `redis+cluster://:${written}@${host}:${server.port}`,
    ]) {
      const store = await open(url);
      const key = newKey();
      expect(await store.put(key, putOf())).toEqual({ state: 'stored' });
      expect(shown(await store.read(key))).toMatchObject({ state: 'live', data: 'state' });
      // The index is in the slot of its pool.
      const [user, to] = ['ad'.repeat(16), newKey()];
      expect(await store.rotate(key, to.id, putOf({ version: 2, user }))).toEqual({ state: 'stored' });
      expect(await store.read(key)).toEqual({ state: 'ended', rotatedAgoMs: expect.any(Number) });
      expect(await store.ofUser(to.pool, user)).toEqual([to.id]);
      const nodes = new Redis(server.port, host, { password });
      const names = await nodes.keys(`*{${to.pool}}:*`);
      expect(names).toContain(`limpet-user:{${to.pool}}:${user}`);
      expect(new Set(await Promise.all(names.map((name) => nodes.cluster('KEYSLOT', name)))).size).toBe(1);
      nodes.disconnect();
      expect(await store.destroy(to, 1)).toEqual({ state: 'ended' });
      expect(await store.read(to)).toEqual({ state: 'ended' });
      expect(await store.ofUser(to.pool, user)).toEqual([]);
      await store.close();
    }
    const refused = open(`redis://:hush@${host}:${server.port}`);
    await expect(refused).rejects.toThrow(/^redis: .*(WRONGPASS|NOAUTH)/);
    await expect(refused).rejects.not.toThrow('hush');
  } finally {
    await server.kill();
  }
});

test('a server that stays a replica is read from, beside writes that it refuses', async (context) => {
  needProgram(context, 'redis');
  const server = await RedisServer.start();
  let now = 0;
  const store = await RedisStore.open(
    redisAddress(server.url),
    { ...caseOptions, timeout: 2000 },
    () => now,
    systemTimers,
  );
  const admin = new Redis(server.url);
  const key = newKey();
  const write = () => expect(store.put(key, putOf({ version: 2 }))).rejects.toMatchObject({ code: 'unavailable' });
  const connections = async () => Number(/total_connections_received:(\d+)/.exec(await admin.info('stats'))?.[1]);
  try {
    await store.put(key, putOf());
    await admin.replicaof(host, 1);
    for (let round = 1; round <= 3; round++) {
      // The address may be another server's by now: that is looked after, once a second.
      const before = await connections();
      await write();
      await expect.poll(() => store.read(key).catch(String), { timeout: 10_000 }).toMatchObject({ state: 'live' });
      for (let n = 0; n < 30; n++) {
        await write();
        expect(shown(await store.read(key))).toMatchObject({ state: 'live', data: 'state' });
      }
      expect(await connections()).toBe(before + 1);
      now += 1000;
    }
  } finally {
    admin.disconnect();
    await store.close();
    await server.kill();
  }
});

test('what Redis refuses is unavailable, with its reason; reads go on, and everything does when it is over', async (context) => {
  needProgram(context, 'redis');
  const server = await RedisServer.start();
  const store = await open(server.url);
  const admin = new Redis(server.url);
  const kept = newKey();
  const ended = { state: 'ended' };
  try {
    await store.put(kept, putOf());
    const refusals: [RegExp, () => Promise<unknown>, () => Promise<unknown>][] = [
      [/OOM/, () => admin.config('SET', 'maxmemory', '1'), () => admin.config('SET', 'maxmemory', '0')],
      [/NOREPLICAS/, () => minReplicas(1), () => minReplicas(0)],
      [/READONLY|no connection/, () => admin.replicaof(host, 1), () => admin.replicaof('NO', 'ONE')],
      [/WRONGTYPE/, () => admin.set(nameOf(kept), 'not a hash'), () => admin.del(nameOf(kept))],
    ];
    for (const [reason, begin, end] of refusals) {
      const key = newKey();
      await begin();
      const refused = { code: 'unavailable', message: expect.stringMatching(reason) };
      await expect(store.put(reason.test('WRONGTYPE') ? kept : key, putOf({ version: 2 }))).rejects.toMatchObject(
        refused,
      );
      await expect.poll(() => store.read(key).catch(String), { timeout: 10_000 }).toEqual({ state: 'none' });
      await end();
      await expect.poll(() => store.destroy(key, 1).catch(String), { timeout: 10_000 }).toEqual(ended);
    }
    // Scripts that are not there any more are sent again.
    await admin.script('FLUSH');
    expect((await store.put(newKey(), putOf())).state).toBe('stored');
  } finally {
    admin.disconnect();
    await store.close();
    await server.kill();
  }

  function minReplicas(count: number) {
    return admin.config('SET', 'min-replicas-to-write', String(count));
  }
});

test('redis that is not there cannot be opened', async () => {
  const refused = (url: string) => expect(open(url)).rejects;
  await refused('redis://user:hush@127.0.0.1:1').toMatchObject({
    code: 'unavailable',
    message: 'redis: connect ECONNREFUSED 127.0.0.1:1',
  });
  await refused('redis+cluster://127.0.0.1:1').toMatchObject({ code: 'unavailable' });
  await refused('redis+sentinel://127.0.0.1:1/shop').toMatchObject({ code: 'unavailable' });
});

test('a cluster that is never ready is told after four times the timeout, by the clock that is handed in', async (context) => {
  needProgram(context, 'redis');
  // Nobody has given its slots to anyone.
  const server = await RedisServer.start('--cluster-enabled', 'yes');
  const delays: number[] = [];
  const timers: Timers = {
    after(delay, run) {
      delays.push(delay);
      setImmediate(run);
      return () => {};
    },
  };
  try {
    await expect(open(`redis+cluster://${host}:${server.port}`, timers)).rejects.toThrow(
      /^redis: not ready within 8000 ms: does each node announce an address/,
    );
    expect(delays).toEqual([8000]);
  } finally {
    await server.kill();
  }
});

test('the index of a user who never signs out does not grow with what has expired, and goes with the last session', async (context) => {
  needProgram(context, 'redis');
  const server = await RedisServer.start();
  const stage = await openRedisStage(server.url);
  const admin = new Redis(server.url);
  const user = 'ad'.repeat(16);
  const name = `limpet-user:{shop}:${user}`;
  try {
    for (let day = 0; day < 5; day++) {
      for (let n = 0; n < 10; n++) await stage.store.put(newKey(), putOf({ user }));
      expect(await admin.zcard(name)).toBe(10);
      await stage.age(86_400_000);
    }
    expect(await admin.keys('*')).toEqual(['limpet-incarnation']);
    expect(await stage.store.ofUser('shop', user)).toEqual([]);
  } finally {
    admin.disconnect();
    await stage.store.close();
    await server.kill();
  }
});

test('a cluster moves the slot of a pool while its sessions change: what is acknowledged is all there, and nothing else is done', async (context) => {
  needProgram(context, 'redis');
  await using cluster = await RedisCluster.start();
  const options = { ...caseOptions, timeout: 300, history: 10_000 };
  const store = await RedisStore.open(redisAddress(cluster.url), options, () => Date.now(), systemTimers);
  const slot = await cluster.slotOf('shop');
  const users = ['ad', 'be', 'cf'].map((two) => two.repeat(16));
  /** What was acknowledged last of each live session. */
  const live = new Map<string, { version: number; epoch: number; user: string }>();
  const ended = new Set<string>();
  /** Sessions of which a change was not answered in time: it may have been done, or be done still. */
  const unsure = new Set<string>();
  let told = 0;
  let refused = 0;
  const attempt = async (id: string, act: () => Promise<void>) => {
    try {
      if (!unsure.has(id)) await act();
    } catch (error) {
      expect(error).toMatchObject({ code: 'unavailable' });
      refused++;
      unsure.add(id);
    }
  };
  const put = (id: string, version: number, epoch: number, user: string) =>
    attempt(id, async () => {
      expect(await store.put({ pool: 'shop', id }, putOf({ version, epoch, user }))).toEqual({ state: 'stored' });
      live.set(id, { version, epoch, user });
    });
  const changeAll = async () => {
    await put(newKey().id, 1, 1, users[live.size % 3]!);
    for (const [n, [id, { version, epoch, user }]] of [...live].entries()) {
      const key = { pool: 'shop', id };
      if (n % 5 === 0) await put(id, version + 1, epoch, user);
      else if (n % 5 === 1) await put(id, version + 1, epoch, users[(users.indexOf(user) + 1) % 3]!);
      else if (n % 5 === 2) {
        await attempt(id, async () => {
          expect(await store.claim(key, epoch, 7, 60_000)).toMatchObject({ state: 'claimed' });
          live.set(id, { version, epoch: epoch + 1, user });
          told++;
        });
      } else if (n % 5 === 3 && n % 2 === 0) {
        await attempt(id, async () => {
          expect(await store.destroy(key, epoch)).toEqual({ state: 'ended' });
          live.delete(id);
          ended.add(id);
          told++;
        });
      }
    }
  };
  try {
    for (let n = 0; n < 30; n++) await put(newKey().id, 1, 1, users[n % 3]!);
    await changeAll();
    expect(refused).toBe(0);
    const home = await cluster.ownerOf(slot);
    await cluster.moveSlot(slot, home, (home + 1) % 3, changeAll);
    const meanwhile = refused;
    await changeAll();
    expect(refused).toBe(meanwhile);
    const found = new Map<string, string>();
    for (const [id, expected] of live) {
      const read = await store.read({ pool: 'shop', id });
      if (!unsure.has(id)) expect(read).toMatchObject({ state: 'live', copy: expected });
      else if (read.state === 'live') {
        expect(read.copy.version).toBeGreaterThanOrEqual(expected.version);
        expect(read.copy.epoch).toBeGreaterThanOrEqual(expected.epoch);
      } else expect(read).toEqual({ state: 'ended' });
      if (read.state === 'live') found.set(id, read.copy.user!);
    }
    for (const id of ended) expect(await store.read({ pool: 'shop', id })).toEqual({ state: 'ended' });
    for (const user of users) {
      const own = (await store.ofUser('shop', user)).filter((id) => live.has(id));
      expect(own.toSorted()).toEqual([...found.keys()].filter((id) => found.get(id) === user).toSorted());
    }
    const lengths = await cluster.onEach((admin) => admin.xlen('limpet-moves:{shop}').catch(() => 0));
    expect(Math.max(...lengths)).toBeGreaterThanOrEqual(told);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(told + refused);
  } finally {
    await store.close();
  }
});
