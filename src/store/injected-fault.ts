/**
 * Faults that are injected on purpose, so that the tests which look for broken guarantees can show that they find them.
 * `LIMPET_INJECTED_FAULT=NAME`, refused unless `NODE_ENV=test`.
 */
import { createHash } from 'node:crypto';
import { UsageError } from '../errors.ts';
import type { Timers } from '../time/clock.ts';
import { type ClaimResult, type Put, type PutResult, type SessionKey, type Store, StoreError } from './store.ts';

/**
 * Broken guarantees of the store:
 * - fencing: a put of an older epoch is stored.
 * - gate: a put is acknowledged before it is stored, which happens a moment later.
 * - tombstones: an ended session can be put again.
 *
 * Broken guarantees of a fleet:
 * - untold-moves: a balancer does not follow what the others do with sessions.
 * - unshared-bindings: names of sessions, learned or brought by clients, are not recorded in the store.
 *
 * Faults that Limpet once had (issue 12), put back around the part that is right now:
 * - outage-claims: a server becomes the owner before it has accepted the request.
 * - unknown-server-404: the store interface answers a server that has left the config that there is no copy.
 * - forgotten-signout: an end that the store could not take is not repeated.
 * - commit-exit: a failed commit of LMDB ends the process.
 * - reports-by-position: workers report failures by the position of the server in the config.
 * - clock-steps: decisions use wall time, which steps.
 *
 * commit-exit is in this file, the others in workers/injected-faults.ts; the session library's half of unknown-server-404 and
 * forgotten-signout is in test/chaos/apps/program.ts.
 */
export const injectedFaults = [
  'fencing',
  'gate',
  'tombstones',
  'untold-moves',
  'unshared-bindings',
  'outage-claims',
  'unknown-server-404',
  'forgotten-signout',
  'commit-exit',
  'reports-by-position',
  'clock-steps',
] as const;
export type InjectedFault = (typeof injectedFaults)[number];

/** A put is stored this much later (ms) than it is acknowledged. */
const gateDelayMs = 200;

/** null: none. Throws UsageError for an unknown name, and without `NODE_ENV=test`. */
export function readInjectedFault({
  LIMPET_INJECTED_FAULT: what,
  NODE_ENV,
}: Readonly<Record<string, string | undefined>>): InjectedFault | null {
  if (what === undefined || what === '') return null;
  if (NODE_ENV !== 'test')
    throw new UsageError('LIMPET_INJECTED_FAULT breaks sessions on purpose: only with NODE_ENV=test');
  const known = injectedFaults.find((one) => one === what);
  if (known !== undefined) return known;
  throw new UsageError(
    `LIMPET_INJECTED_FAULT: found "${what}", expected ${injectedFaults.slice(0, -1).join(', ')} or ${injectedFaults.at(-1)}`,
  );
}

/** The store with that fault; the store itself where the fault is elsewhere. */
export function injectFault(store: Store, what: InjectedFault, timers: Timers): Store {
  switch (what) {
    case 'unshared-bindings':
      return Object.assign(delegate(store), {
        claim: (...args: Parameters<Store['claim']>) => (args[1] === 0 ? unsharedOwner(args[2]) : store.claim(...args)),
      });
    case 'fencing':
      return Object.assign(delegate(store), { put: (key: SessionKey, put: Put) => putAnyway(store, key, put) });
    case 'gate':
      return Object.assign(delegate(store), {
        put: async (key: SessionKey, put: Put): Promise<PutResult> => {
          timers.after(gateDelayMs, () => void store.put(key, put).catch(() => undefined));
          return { state: 'stored' };
        },
      });
    case 'tombstones':
      return Object.assign(delegate(store), forgetful(store));
    case 'commit-exit':
      return Object.assign(delegate(store), fatal(store));
    default:
      return store;
  }
}

/** An object that passes every call on to the store, for callers that replace some of its methods. */
export function delegate(store: Store): Store {
  return {
    get incarnation() {
      return store.incarnation;
    },
    read: (key) => store.read(key),
    put: (key, put) => store.put(key, put),
    claim: (...claim) => store.claim(...claim),
    destroy: (key, epoch) => store.destroy(key, epoch),
    rotate: (key, to, put) => store.rotate(key, to, put),
    touch: (key, epoch, ttl) => store.touch(key, epoch, ttl),
    ofUser: (pool, user) => store.ofUser(pool, user),
    expire: () => store.expire(),
    count: (pool) => store.count(pool),
    scan: (pool) => store.scan(pool),
    close: () => store.close(),
  };
}

/** A first owner, of which nobody is told. */
function unsharedOwner(owner: number): Promise<ClaimResult> {
  const copy = { owner, epoch: 1, version: 0, by: '', data: new Uint8Array(0), expires: Number.MAX_SAFE_INTEGER };
  return Promise.resolve({ state: 'claimed', copy });
}

async function putAnyway(store: Store, key: SessionKey, put: Put): Promise<PutResult> {
  const found = await store.read(key);
  if (found.state !== 'live' || found.copy.epoch <= put.epoch) return store.put(key, put);
  return store.put(key, { ...put, epoch: found.copy.epoch, version: found.copy.version + 1 });
}

/** A change that could not be written also rejects a promise that nobody handles, which ends the process. */
function fatal(store: Store): Pick<Store, 'put' | 'claim' | 'touch' | 'destroy' | 'rotate' | 'expire'> {
  const orEnd = async <T>(change: Promise<T>): Promise<T> => {
    try {
      return await change;
    } catch (error) {
      if (error instanceof StoreError && error.message.includes('cannot be written')) void Promise.reject(error);
      throw error;
    }
  };
  return {
    put: (key, put) => orEnd(store.put(key, put)),
    claim: (...claim) => orEnd(store.claim(...claim)),
    touch: (key, epoch, ttl) => orEnd(store.touch(key, epoch, ttl)),
    destroy: (key, epoch) => orEnd(store.destroy(key, epoch)),
    rotate: (key, to, put) => orEnd(store.rotate(key, to, put)),
    expire: () => orEnd(store.expire()),
  };
}

/** After the end of a session its id stands for a new session, which has not ended. */
function forgetful(store: Store): Pick<Store, 'read' | 'put' | 'claim' | 'touch' | 'destroy' | 'rotate'> {
  const lives = new Map<string, number>();
  const nameOf = ({ pool, id }: SessionKey) => `${pool}/${id}`;
  const next = (key: SessionKey) => void lives.set(nameOf(key), (lives.get(nameOf(key)) ?? 0) + 1);
  const now = (key: SessionKey): SessionKey => {
    const life = lives.get(nameOf(key));
    if (life === undefined) return key;
    return { ...key, id: createHash('sha256').update(`${key.id} ${life}`).digest('hex').slice(0, 32) };
  };
  return {
    read: (key) => store.read(now(key)),
    put: (key, put) => store.put(now(key), put),
    claim: (key, ...rest) => store.claim(now(key), ...rest),
    touch: (key, epoch, ttl) => store.touch(now(key), epoch, ttl),
    destroy: async (key, epoch) => {
      const result = await store.destroy(now(key), epoch);
      if (result.state === 'ended') next(key);
      return result;
    },
    rotate: async (key, to, put) => {
      const result = await store.rotate(now(key), to, put);
      if (result.state === 'stored') next(key);
      return result;
    },
  };
}
