/** The list of all stores. Messages name them in this order. */
import { lmdb } from './lmdb-descriptor.ts';
import { memory } from './memory-descriptor.ts';
import { redis } from './redis-descriptor.ts';

export const stores = [memory, lmdb, redis] as const;
