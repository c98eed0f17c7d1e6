/** Stores against a model: whatever is asked in whatever order, a store answers as this one Map does. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Copy, Put, SessionKey, Store } from '../../src/store/store.ts';
import { caseOptions, type Stage, shown, shownCopy } from './store-contract.ts';

type Kept = Copy | { readonly endedUntil: number };

type Step =
  | { readonly what: 'put'; readonly who: number; readonly put: Put }
  | { readonly what: 'rotate'; readonly who: number; readonly to: number; readonly put: Put }
  | { readonly what: 'claim' | 'touch'; readonly who: number; readonly epoch: number; readonly ttl: number }
  | { readonly what: 'destroy' | 'read'; readonly who: number; readonly epoch: number }
  | { readonly what: 'age'; readonly ms: number }
  | { readonly what: 'ofUser'; readonly user: string }
  | { readonly what: 'expire' | 'count' };

const minute = 60_000;
const sessions = 4;
const users = ['ad'.repeat(16), 'b0'.repeat(16)];

/** Written down once more, in the order of the sentences of store.ts and with nothing shared. */
class Model {
  private readonly kept = new Map<number, Kept>();
  private time = 0;

  get(who: number): Kept | undefined {
    const kept = this.kept.get(who);
    if (kept === undefined) return undefined;
    const end = 'endedUntil' in kept ? kept.endedUntil : kept.expires;
    return end > this.time ? kept : undefined;
  }

  private refuse(who: number, { epoch, version, by }: Put): object | null {
    const kept = this.get(who);
    if (kept === undefined) return null;
    if ('endedUntil' in kept) return { state: 'ended' };
    const fenced = { state: 'fenced', epoch: kept.epoch, owner: kept.owner };
    if (epoch < kept.epoch) return fenced;
    if (epoch > kept.epoch || version > kept.version) return null;
    return by === kept.by ? { state: 'superseded' } : fenced;
  }

  private write(who: number, { ttl, ...put }: Put): void {
    this.kept.set(who, { ...put, expires: this.time + ttl });
  }

  private end(who: number): void {
    this.kept.set(who, { endedUntil: this.time + caseOptions.tombstoneTime });
  }

  run(step: Step): unknown {
    switch (step.what) {
      case 'put': {
        const refused = this.refuse(step.who, step.put);
        if (refused === null) this.write(step.who, step.put);
        return refused ?? { state: 'stored' };
      }
      case 'rotate': {
        if (this.get(step.to) !== undefined) return { state: 'taken' };
        const kept = this.get(step.who);
        const refused = this.refuse(step.who, step.put);
        if (refused !== null && 'state' in refused && refused.state !== 'superseded') return refused;
        const later = refused !== null && kept !== undefined && 'data' in kept && kept.version > step.put.version;
        const { user: _, ...put } = step.put;
        const whose = later && kept.user !== undefined ? { user: kept.user } : {};
        this.write(step.to, later ? { ...put, version: kept.version, data: kept.data, ...whose } : step.put);
        this.end(step.who);
        return { state: 'stored' };
      }
      case 'claim': {
        const kept = this.get(step.who);
        if (kept !== undefined && 'endedUntil' in kept) return { state: 'ended' };
        if (kept !== undefined && kept.epoch > step.epoch)
          return { state: 'lost', epoch: kept.epoch, owner: kept.owner };
        const before = kept ?? { version: 0, by: '', data: new Uint8Array(0), expires: this.time + step.ttl };
        const copy = { ...before, owner: 9, epoch: step.epoch + 1 };
        this.kept.set(step.who, copy);
        return { state: 'claimed', ...shownCopy(copy) };
      }
      case 'destroy': {
        const kept = this.get(step.who);
        if (kept !== undefined && 'epoch' in kept && kept.epoch > step.epoch) {
          return { state: 'fenced', epoch: kept.epoch, owner: kept.owner };
        }
        this.end(step.who);
        return { state: 'ended' };
      }
      case 'touch': {
        const kept = this.get(step.who);
        if (kept === undefined || 'endedUntil' in kept || kept.epoch > step.epoch) return false;
        this.kept.set(step.who, { ...kept, expires: this.time + step.ttl });
        return true;
      }
      case 'read': {
        const kept = this.get(step.who);
        if (kept === undefined) return { state: 'none' };
        return 'endedUntil' in kept ? { state: 'ended' } : shown({ state: 'live', copy: kept });
      }
      case 'ofUser':
        return Array.from({ length: sessions }, (_, who) => who).filter((who) => {
          const kept = this.get(who);
          return kept !== undefined && 'data' in kept && kept.user === step.user;
        });
      case 'count':
        return Array.from({ length: sessions }, (_, who) => this.get(who)).filter((kept) => kept && 'data' in kept)
          .length;
      case 'age':
        this.time += step.ms;
        return null;
      case 'expire':
        return null;
    }
  }
}

async function ask(stage: Stage, keyOf: (who: number) => SessionKey, step: Step): Promise<unknown> {
  const { store } = stage;
  switch (step.what) {
    case 'put':
      return store.put(keyOf(step.who), step.put);
    case 'rotate':
      return store.rotate(keyOf(step.who), keyOf(step.to).id, step.put);
    case 'claim': {
      const result = await store.claim(keyOf(step.who), step.epoch, 9, step.ttl);
      return result.state === 'claimed' ? { state: 'claimed', ...shownCopy(result.copy) } : result;
    }
    case 'destroy':
      return store.destroy(keyOf(step.who), step.epoch);
    case 'touch':
      return store.touch(keyOf(step.who), step.epoch, step.ttl);
    case 'read':
      return shown(await store.read(keyOf(step.who)));
    case 'ofUser': {
      const ids = await store.ofUser(keyOf(0).pool, step.user);
      const all = Array.from({ length: sessions }, (_, who) => who);
      assert.ok(ids.every((id) => all.some((who) => keyOf(who).id === id)));
      return all.filter((who) => ids.includes(keyOf(who).id));
    }
    case 'count':
      return countOf(store, keyOf(0).pool);
    case 'age':
      await stage.age(step.ms);
      return null;
    case 'expire':
      await store.expire();
      return null;
  }
}

async function countOf(store: Store, pool: string): Promise<number> {
  let scanned = 0;
  for await (const { copy } of store.scan(pool)) scanned += copy.epoch > 0 ? 1 : 0;
  assert.equal(scanned, await store.count(pool));
  return scanned;
}

function steps(): fc.Arbitrary<Step[]> {
  const who = fc.nat(sessions - 1);
  const epoch = fc.integer({ min: 1, max: 4 });
  // Never due at the very moment of a look: a store with a clock of its own is a little ahead.
  const ttl = fc.constantFrom(5, 25, 90).map((minutes) => (minutes + 0.5) * minute);
  const put = fc.record(
    {
      owner: fc.integer({ min: 1, max: 3 }),
      epoch,
      version: fc.integer({ min: 1, max: 4 }),
      by: fc.constantFrom('p1', 'p2'),
      data: fc.uint8Array({ maxLength: 40 }),
      user: fc.constantFrom(...users),
      ttl,
    },
    { requiredKeys: ['owner', 'epoch', 'version', 'by', 'data', 'ttl'] },
  );
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 6, arbitrary: fc.record({ what: fc.constant('put'), who, put }) },
    { weight: 3, arbitrary: fc.record({ what: fc.constant('rotate'), who, to: who, put }) },
    { weight: 3, arbitrary: fc.record({ what: fc.constantFrom('claim', 'touch'), who, epoch, ttl }) },
    { weight: 3, arbitrary: fc.record({ what: fc.constantFrom('destroy', 'read'), who, epoch }) },
    {
      weight: 2,
      arbitrary: fc.record({ what: fc.constant('age'), ms: fc.constantFrom(4, 10, 40).map((n) => n * minute) }),
    },
    { weight: 3, arbitrary: fc.record({ what: fc.constant('ofUser'), user: fc.constantFrom(...users) }) },
    { weight: 1, arbitrary: fc.record({ what: fc.constantFrom('expire', 'count') }) },
  );
  return fc
    .array(step, { maxLength: 40 })
    .map((all) => all.filter((one) => one.what !== 'rotate' || one.who !== one.to));
}

let pools = 0;

/** Throws with the shortest run of steps at which the store answers other than the model. */
export async function checkAgainstModel(stage: Stage, runs: number, seed?: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(steps(), fc.boolean(), async (all, together) => {
      // A pool for each run, so that all can go into one store.
      const pool = `model ${++pools}`;
      const keyOf = (who: number) => ({ pool, id: who.toString(16).padStart(32, 'a') });
      const model = new Model();
      // Asked all at once they are done in the order in which they were asked, as far as they are of one session.
      const batches = together ? batchesOf(all) : all.map((one) => [one]);
      for (const batch of batches) {
        const answers = await Promise.all(batch.map((step) => ask(stage, keyOf, step)));
        assert.deepEqual(
          answers,
          batch.map((step) => model.run(step)),
          JSON.stringify(batch),
        );
      }
    }),
    { numRuns: runs, ...(seed === undefined ? {} : { seed }) },
  );
}

/** Runs of steps that may be under way at once: of different sessions, and none that looks at all of them. */
function batchesOf(all: readonly Step[]): Step[][] {
  const batches: Step[][] = [];
  let busy = new Set<number>();
  for (const step of all) {
    const whom = 'to' in step ? [step.who, step.to] : 'who' in step ? [step.who] : null;
    const last = batches.at(-1);
    if (last !== undefined && whom !== null && busy.size > 0 && !whom.some((one) => busy.has(one))) {
      last.push(step);
      for (const one of whom) busy.add(one);
    } else {
      batches.push([step]);
      busy = new Set(whom ?? []);
    }
  }
  return batches;
}
