/** Clients of Redis that stand or fall at once: what cannot be sent now is an error now. */
import type { Cluster, Redis } from 'ioredis';
import type { RedisAddress } from './redis-address.ts';
import { StoreError } from './store.ts';

/** Milliseconds between two connections that are made anew because the server takes no writes. */
const reconnectEvery = 1000;
/**
 * Times `timeout` after which a connection on which nothing comes back is made anew. The machine at its other end may have lost its power: the
 * system would go on sending there for a quarter of an hour, while another one has the address by now.
 */
const silentSteps = 2;

/**
 * A client that is not connected yet (`connect` opens it), and is made anew for ever once it was. `timeout`: longest wait for an answer,
 * milliseconds. `isOpen`: it was open once; before, Sentinels and clusters of which none answers end the attempt. Throws a StoreError
 * when the package `ioredis` is missing.
 */
export async function createRedisClient(
  { kind, tls, username, password, nodes, db, family, name }: RedisAddress,
  timeout: number,
  now: () => number,
  isOpen: () => boolean,
): Promise<Redis | Cluster> {
  const { Redis, Cluster } = await import('ioredis').catch((error: unknown) => {
    throw new StoreError('unavailable', 'the package ioredis is missing: npm install ioredis', { cause: error });
  });
  let reconnected = Number.NEGATIVE_INFINITY;
  // What cannot be sent now fails now: the balancer has its own answer for a store that is down.
  const common = {
    lazyConnect: true,
    enableOfflineQueue: false,
    commandTimeout: timeout,
    connectTimeout: timeout,
    socketTimeout: timeout * silentSteps,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt: number) => Math.min(50 * attempt, 1000),
    // After a failover the address is another server's by now, while this connection is still to the former master.
    // Once in a while: a server that stays a replica can be read from meanwhile.
    reconnectOnError({ message }: Error) {
      if (!message.includes('READONLY') || now() - reconnected < reconnectEvery) return false;
      reconnected = now();
      return true;
    },
  };
  const credentials = { ...(username !== '' && { username }), ...(password !== '' && { password }) };
  // None of them is there: at the start an error, later a reason to ask again.
  const retryDelay = (attempt: number) => (isOpen() ? common.retryStrategy(attempt) : null);
  if (kind === 'one') {
    const [node] = nodes;
    return new Redis({ ...common, ...credentials, ...node!, db, family, ...(tls && { tls: {} }) });
  }
  if (kind === 'sentinel') {
    const sentinels = [...nodes];
    return new Redis({ ...common, ...credentials, sentinels, name, sentinelRetryStrategy: retryDelay });
  }
  const { retryStrategy: _, ...redisOptions } = common;
  return new Cluster([...nodes], {
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: retryDelay,
    redisOptions: { ...redisOptions, ...credentials },
  });
}
