/** Opens the store of strategy shared: by its address, or one of the app's own. */
import { type Store, silentEviction } from '../../store/store.ts';
import { assertStore, type FilledOptions } from '../filled-options.ts';
import { ForeignClient } from '../foreign/foreign-client.ts';
import { isForeignStore } from '../foreign/foreign-store.ts';
import { ForeignStoreAdapter } from './foreign-store-adapter.ts';
import { createdAtBytes, SharedStore } from './shared-store.ts';

/** An ended session stays ended for a day, whatever still arrives of it. */
const tombstoneMs = 24 * 3600 * 1000;

/** Throws TypeError for a store that is none, and StoreError when it cannot be opened. */
export async function openSharedStore(options: FilledOptions): Promise<SharedStore> {
  const { store } = options;
  if (store === null) throw new TypeError('store: found none, expected one for strategy shared');
  if (typeof store === 'string') return new SharedStore(await openByAddress(store, options), options);
  const given: unknown = typeof store === 'function' ? await store() : store;
  assertStore(given);
  if (!isForeignStore(given)) return new SharedStore(given, options);
  const { timers, limits, clock, onWarning } = options;
  const client = new ForeignClient(given, { timers, timeoutMs: limits.storeTimeout });
  const { name } = given.constructor;
  // The store that comes with express-session, and `memorystore`.
  const isInMemory = name === 'MemoryStore';
  onWarning({
    code: 'store-without-fencing',
    message:
      `store: ${name} is a store of express-session, and those cannot compare and set. Of two servers that change a session in the same ` +
      `moment the later one wins, and a session that ends just then may come back; redis://... and lmdb:... keep both promises` +
      (isInMemory ? '. Its sessions end with this process' : ''),
  });
  return new SharedStore(new ForeignStoreAdapter(client, () => clock.wall()), options, !isInMemory);
}

/** The packages that it needs (lmdb, a client of Redis) are loaded only now. */
async function openByAddress(url: string, { limits, clock, timers }: FilledOptions): Promise<Store> {
  const { openStore } = await import('../../store/open.ts');
  return openStore(url, {
    secret: null,
    tombstoneTime: tombstoneMs,
    stateBytes: limits.bytes + createdAtBytes,
    timeout: limits.storeTimeout,
    sync: true,
    eviction: silentEviction,
    clock,
    timers,
  });
}
