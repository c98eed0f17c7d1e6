/**
 * Opens the store of the config, and connects it with the session table: the table knows which sessions have come back, which
 * have no copy any more, and which have ended although the store has not been able to record it yet.
 */
import { join } from 'node:path';
import type { SessionsOptions } from '../config/options.ts';
import { UsageError } from '../errors.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import { pastEndSeconds } from '../ownership/session.ts';
import { tableKeyOf } from '../ownership/session-id.ts';
import { isAlwaysEncrypted } from '../store/addresses.ts';
import type { OpenOptions } from '../store/descriptor.ts';
import { EndingStore, type EndingsDependencies } from '../store/endings.ts';
import { EndingsJournal } from '../store/endings-journal.ts';
import { type InjectedFault, injectFault } from '../store/injected-fault.ts';
import { openStore } from '../store/open.ts';
import { type Eviction, type Store, StoreError } from '../store/store.ts';
import { Entry, type SessionTable } from '../table/table.ts';
import { type Clock, type Timers, unixSeconds } from '../time/clock.ts';
import { forgetFailedEnds } from './injected-faults.ts';

export interface OpenStoreDependencies {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly table: SessionTable;
  readonly counters: Counters;
  readonly injectedFault: InjectedFault | null;
  /** The state folder: it keeps what must survive a restart. */
  readonly stateDir: string;
  /** Left out: an lmdb store without `encrypt` keeps a key of its own in its folder. */
  readonly storeKey?: (() => Buffer) | undefined;
  readonly log: { info(message: string): void; warn(message: string): void };
}

/**
 * The end of a session that the store has not answered after this share of `sessions.timeout` counts as not stored. It is less
 * than 1, because the worker that asked waits for `sessions.timeout`.
 */
const endTimeoutShare = 0.75;
/** After this long (ms) without an eviction the next one is logged again. */
const evictionPauseMs = 60_000;

/** `fleet`: left out, this is the only balancer. Throws UsageError when the store cannot be used. */
export async function openFor(
  options: SessionsOptions,
  fleet: OpenOptions['fleet'],
  deps: OpenStoreDependencies,
): Promise<Store> {
  const { injectedFault, table, clock, timers } = deps;
  const opened = await openConfigured(options, fleet, deps);
  const store = injectedFault === null ? opened : injectFault(opened, injectedFault, timers);
  if (injectedFault === 'forgotten-signout') return forgetFailedEnds(store, table, () => unixSeconds(clock));
  try {
    return await EndingStore.open(store, endingsFor(options, deps));
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function openConfigured(
  options: SessionsOptions,
  fleet: OpenOptions['fleet'],
  deps: OpenStoreDependencies,
): Promise<Store> {
  const { store, tombstone: tombstoneTime, stateBytes, encrypt, timeout, replication } = options;
  const { clock, timers, storeKey } = deps;
  const sync = replication === 'sync';
  const secret = encrypt ?? (isAlwaysEncrypted(store) ? (storeKey?.() ?? null) : null);
  const eviction = evictionFor(deps);
  try {
    return await openStore(store, {
      tombstoneTime,
      stateBytes,
      secret,
      timeout,
      fleet,
      sync,
      eviction,
      clock,
      timers,
    });
  } catch (error) {
    if (!(error instanceof StoreError || error instanceof RangeError)) throw error;
    throw new UsageError(`sessions.store cannot be used: ${error.message}`, { cause: error });
  }
}

/** A session whose end the store could not record is marked in the table, so that no worker uses it. */
function endingsFor(
  { endings, timeout }: SessionsOptions,
  { stateDir, timers, counters, table, clock, log }: OpenStoreDependencies,
): EndingsDependencies {
  const entry = new Entry();
  return {
    journal: new EndingsJournal(join(stateDir, 'endings')),
    most: endings,
    timeoutMs: timeout * endTimeoutShare,
    timers,
    counters,
    epochOf: (id) => (table.find(tableKeyOf(id), unixSeconds(clock), entry) === 'live' ? entry.epoch : 0),
    onEnding: (id) => table.beginEnding(tableKeyOf(id), unixSeconds(clock)),
    // As long as it was ending, nobody got another session in its place: its client may begin one at once.
    onEnded: (id) => table.endKept(tableKeyOf(id), unixSeconds(clock), unixSeconds(clock) - pastEndSeconds),
    log,
  };
}

/** What a full memory store asks before it evicts a copy, and what follows. */
function evictionFor({ clock, counters, table, log }: OpenStoreDependencies): Eviction {
  const entry = new Entry();
  let last = Number.NEGATIVE_INFINITY;
  return {
    // A request that changes nothing does not reach the store, but the table has recorded it.
    hasReturned: ({ id }) => table.find(tableKeyOf(id), unixSeconds(clock), entry) === 'live' && entry.proved,
    onEvicted({ id }) {
      counters.add(counter.copies_evicted);
      // The server may still hold the session, but from here on there is no copy of it.
      table.uncopy(tableKeyOf(id), unixSeconds(clock));
      const now = clock.monotonic();
      if (now - last > evictionPauseMs) {
        log.warn(
          'the memory store is full: copies of sessions that never came back are deleted (copies_evicted), the oldest first',
        );
      }
      last = now;
    },
  };
}
