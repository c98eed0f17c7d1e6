/** Descriptor of the store in Redis, for several balancers: `redis://host:port` and the like. */
import type { StoreDescriptor } from './descriptor.ts';
import { parseRedis, type RedisAddress, redisForm } from './redis-address.ts';

export const redis = {
  schemes: ['redis', 'rediss', 'redis+sentinel', 'redis+cluster'],
  forms: [
    'redis://host:port',
    'rediss://...',
    'redis+sentinel://host:port,host:port/name',
    'redis+cluster://host:port,host:port',
  ],
  note: 'user:password@ goes before the host, with what is not a letter or digit in them percent-encoded',
  expected: redisForm,
  usage: 'redis://HOST:PORT',
  meaning:
    '`redis://HOST:PORT` (shared by several balancers; Sentinel and Cluster: `redis+sentinel://HOST:PORT,HOST:PORT/NAME`, `redis+cluster://HOST:PORT,HOST:PORT`)',
  shared: redisForm,
  hasPassword: true,
  package: 'ioredis',
  parse: parseRedis,
  async open(address, { clock, fleet, stateBytes, timeout, timers, tombstoneTime }) {
    const { RedisStore } = await import('./redis.ts');
    return RedisStore.open(
      address,
      { tombstoneTime, stateBytes, timeout, ...fleet, mayBeAway: fleet !== undefined },
      () => clock.now(),
      timers,
    );
  },
} as const satisfies StoreDescriptor<RedisAddress>;
