/** Whether a Redis is new enough: an old one would refuse one script or another in the middle of the night. */
import type { Cluster, Redis } from 'ioredis';
import { StoreError } from './store.ts';

/** Its scripts may write after they have read the clock, and it has streams. Every Valkey is newer. */
export const oldestRedis = '5.0';

export class RedisTooOld extends StoreError {}

/** Throws a RedisTooOld that says what was found and what is expected. A Redis that does not say its version is taken as it is. */
export async function checkRedisVersion(redis: Redis | Cluster): Promise<void> {
  const version = versionIn(await redis.info('server').catch(() => ''));
  if (version !== null && isOlder(version)) {
    throw new RedisTooOld('unavailable', `redis: found Redis ${version}, expected ${oldestRedis} or newer, or Valkey`);
  }
}

/** null: the text does not say. */
export function versionIn(info: string): string | null {
  return /^redis_version:(\S+)/m.exec(info)?.[1] ?? null;
}

function isOlder(version: string): boolean {
  return Number.parseInt(version, 10) < Number.parseInt(oldestRedis, 10);
}
