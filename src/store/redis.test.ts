import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { findProgram, needProgram } from '../../test/support/programs.ts';
import { RedisServer } from '../../test/support/redis.ts';
import { contractOptions, testStore } from '../../test/support/store-promises.ts';
import { RedisStore } from './redis.ts';

const open = (url: string) => RedisStore.open(url, { ...contractOptions, timeout: 1000 }, () => Date.now());

describe.skipIf(findProgram('redis') === undefined)('with redis-server', () => {
  testStore('redis', async () => {
    const server = await RedisServer.start();
    const store = await open(server.url);
    return {
      store,
      pass: (ms) => sleep(ms),
      close: async () => {
        await store.close();
        await server.kill();
      },
    };
  });
});

test('redis that is down is unavailable; after its restart it is another life', async (context) => {
  needProgram(context, 'redis');
  const server = await RedisServer.start();
  const store = await open(server.url);
  const key = { pool: 'shop', id: '0'.repeat(32) };
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

test('redis that is not there cannot be opened', async () => {
  const refused = (url: string) => expect(open(url)).rejects;
  await refused('redis://user:hush@127.0.0.1:1').toMatchObject({
    code: 'unavailable',
    message: 'redis: connect ECONNREFUSED 127.0.0.1:1',
  });
  await refused('redis+cluster://127.0.0.1:1').toMatchObject({ code: 'unavailable' });
  await refused('redis+sentinel://127.0.0.1:1/shop').toMatchObject({ code: 'unavailable' });
});
