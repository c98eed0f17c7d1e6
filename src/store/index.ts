/** Opens the store that a config names: `memory`, `memory:256mb`, `lmdb:./data`, or the address of a Redis. */
import type { Clock, Timers } from '../time/clock.ts';
import { withoutSecrets } from './check.ts';
import { EncryptedStore, keyCheck, sealBytes } from './encrypted.ts';
import { LmdbStore } from './lmdb.ts';
import { folderKey, prepareFolder } from './lmdb-folder.ts';
import { MemoryStore } from './memory.ts';
import { RedisStore } from './redis.ts';
import type { SteppedStore } from './rules.ts';
import { type Eviction, type Store, StoreError, type StoreOptions } from './store.ts';

export interface OpenOptions extends StoreOptions {
  /** Longest wait for a store on another machine, milliseconds. */
  readonly timeout: number;
  /** lmdb: an answer means that the change is on the disk. */
  readonly sync: boolean;
  /** memory: how it makes room. */
  readonly eviction: Eviction;
  readonly clock: Clock;
  readonly timers: Timers;
}

/** Of `memory` without a size: 1 GiB. */
const usualMaxBytes = 2 ** 30;

const expected =
  'expected memory, memory:256mb, lmdb:./folder, redis://host:port, rediss://..., redis+sentinel://... or redis+cluster://...';

/** Throws a RangeError for an address that is none, and a StoreError when the store cannot be used. */
export async function openStore(url: string, options: OpenOptions): Promise<Store> {
  const { stateBytes } = options;
  const [kind = '', rest = ''] = partsOf(url);
  // What is at rest on a disk is always encrypted.
  const secret = options.secret ?? (kind === 'lmdb' && rest !== '' ? ownKey(rest) : null);
  if (secret === null) return openPlain(url, options);
  const store = await openPlain(url, { ...options, secret, stateBytes: stateBytes + sealBytes });
  try {
    return new EncryptedStore(store, secret, stateBytes, { hideIds: kind === 'lmdb' });
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Of an lmdb store that nobody has given one: beside the data, where all processes that share them find it. */
function ownKey(path: string): Buffer {
  try {
    prepareFolder(path);
    return folderKey(path);
  } catch (error) {
    if (error instanceof StoreError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new StoreError('unavailable', `the store ${path} cannot be opened: ${why}`, { cause: error });
  }
}

/** `kind:rest`. */
function partsOf(url: string): string[] {
  return /^([^:]*):?(.*)$/s.exec(url)?.slice(1) ?? [];
}

async function openPlain(url: string, options: OpenOptions): Promise<SteppedStore> {
  const { tombstoneTime, stateBytes, timeout, sync, eviction, clock, timers, secret } = options;
  const common = { tombstoneTime, stateBytes };
  const now = () => clock.now();
  const [kind = '', rest = ''] = partsOf(url);
  switch (kind) {
    case 'memory':
      return new MemoryStore({ ...common, maxBytes: rest === '' ? usualMaxBytes : readSize(url, rest), eviction }, now);
    case 'lmdb':
      if (rest === '') throw new RangeError(`store: found ${JSON.stringify(url)}, expected a folder as in lmdb:./data`);
      return LmdbStore.open({ ...common, path: rest, sync, check: secret === null ? 'plain' : keyCheck(secret) }, now);
    case 'redis':
    case 'rediss':
    case 'redis+sentinel':
    case 'redis+cluster':
      return RedisStore.open(url, { ...common, timeout }, now, timers);
    default:
      throw new RangeError(`store: found ${JSON.stringify(withoutSecrets(url))}, ${expected}`);
  }
}

function readSize(url: string, text: string): number {
  const [, digits, unit] = /^(\d{1,6})(kb|mb|gb)$/i.exec(text) ?? [];
  if (digits === undefined || Number(digits) === 0) {
    throw new RangeError(`store: found ${JSON.stringify(url)}, expected a size such as memory:256mb (kb, mb or gb)`);
  }
  const power = { kb: 10, mb: 20, gb: 30 }[(unit ?? '').toLowerCase()] ?? 0;
  return Number(digits) * 2 ** power;
}

export { RemoteStore, serveStore } from './remote.ts';
export { type Store, StoreError };
