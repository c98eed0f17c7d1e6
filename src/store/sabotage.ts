/**
 * For the tests that look for broken promises: breaks one of them on purpose, so that they can show that they would see it.
 * `LIMPET_SABOTAGE=fencing|gate|tombstones`, refused unless `NODE_ENV=test`.
 */
import { createHash } from 'node:crypto';
import { UsageError } from '../errors.ts';
import type { Timers } from '../time/clock.ts';
import type { Put, PutResult, SessionKey, Store } from './store.ts';

/**
 * fencing: a put of an older epoch is kept. gate: a put is called kept before it is, and is a moment later. tombstones:
 * an ended session can be put again.
 */
export type Sabotage = 'fencing' | 'gate' | 'tombstones';

/** How much later (ms). */
const gateDelay = 200;

/** Throws UsageError for a word that is none, and where nobody tests. */
export function readSabotage({
  LIMPET_SABOTAGE: what,
  NODE_ENV,
}: Readonly<Record<string, string | undefined>>): Sabotage | null {
  if (what === undefined || what === '') return null;
  if (NODE_ENV !== 'test') throw new UsageError('LIMPET_SABOTAGE breaks sessions on purpose: only with NODE_ENV=test');
  if (what === 'fencing' || what === 'gate' || what === 'tombstones') return what;
  throw new UsageError(`LIMPET_SABOTAGE: found "${what}", expected fencing, gate or tombstones`);
}

/** The store with that promise broken. */
export function sabotage(store: Store, what: Sabotage, timers: Timers): Store {
  switch (what) {
    case 'fencing':
      return Object.assign(honest(store), { put: (key: SessionKey, put: Put) => putAnyway(store, key, put) });
    case 'gate':
      return Object.assign(honest(store), {
        put: async (key: SessionKey, put: Put): Promise<PutResult> => {
          timers.after(gateDelay, () => void store.put(key, put).catch(() => undefined));
          return { state: 'stored' };
        },
      });
    case 'tombstones':
      return Object.assign(honest(store), forgetful(store));
  }
}

function honest(store: Store): Store {
  return {
    get incarnation() {
      return store.incarnation;
    },
    read: (key) => store.read(key),
    put: (key, put) => store.put(key, put),
    claim: (key, epoch, owner, ttl) => store.claim(key, epoch, owner, ttl),
    destroy: (key, epoch) => store.destroy(key, epoch),
    rotate: (key, to, put) => store.rotate(key, to, put),
    touch: (key, epoch, ttl) => store.touch(key, epoch, ttl),
    expire: () => store.expire(),
    count: (pool) => store.count(pool),
    scan: (pool) => store.scan(pool),
    close: () => store.close(),
  };
}

async function putAnyway(store: Store, key: SessionKey, put: Put): Promise<PutResult> {
  const found = await store.read(key);
  if (found.state !== 'live' || found.copy.epoch <= put.epoch) return store.put(key, put);
  return store.put(key, { ...put, epoch: found.copy.epoch, version: found.copy.version + 1 });
}

/** After the end of a session its id stands for another one, which nobody has ended. */
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
    claim: (key, epoch, owner, ttl) => store.claim(now(key), epoch, owner, ttl),
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
