/** An empty Redis as a stage for the contract of stores: time passes for its keys by taking it off what they have left. */
import { Redis } from 'ioredis';
import { RedisStore } from '../../src/store/redis.ts';
import { parseRedis, type RedisAddress } from '../../src/store/redis-address.ts';
import { systemTimers } from '../../src/time/clock.ts';
import { HandTime } from './hand-time.ts';
import { caseOptions, type Stage } from './store-contract.ts';

const ageScript = `#!lua flags=allow-cross-slot-keys
  for _, key in ipairs(redis.call('KEYS', '*')) do
    local left = redis.call('PTTL', key)
    if left >= 0 then redis.call('PEXPIRE', key, left - ARGV[1]) end
    if redis.call('TYPE', key).ok == 'zset' then
      for _, id in ipairs(redis.call('ZRANGE', key, 0, -1)) do redis.call('ZINCRBY', key, -ARGV[1], id) end
    end
  end`;

/** `nodes`: the addresses of all servers that have a part of it, each as of a single one. */
export async function openRedisStage(url: string, nodes: readonly string[] = [url]): Promise<Stage> {
  const time = new HandTime();
  await onEach(nodes, (admin) => admin.flushall());
  const store = await RedisStore.open(
    redisAddress(url),
    { ...caseOptions, timeout: 5000 },
    () => time.now(),
    systemTimers,
  );
  const age = async (ms: number) => {
    await onEach(nodes, (admin) => admin.eval(ageScript, 0, ms));
    time.advance(ms);
  };
  return { store, age, now: () => time.now() };
}

async function onEach(nodes: readonly string[], act: (admin: Redis) => Promise<unknown>): Promise<void> {
  for (const node of nodes) {
    const admin = new Redis(node, { lazyConnect: true });
    await admin.connect();
    await act(admin).finally(() => admin.disconnect());
  }
}

/** An address as the store takes it. Throws for one that is none. */
export function redisAddress(url: string): RedisAddress {
  const address = parseRedis(url);
  if (address === null) throw new Error(`${url} is no address of a Redis`);
  return address;
}
