/**
 * The pools of a worker. A reload keeps a pool of which both configs have the same settings, with its connections, queue and load,
 * and changes its servers only; any other pool is made anew.
 */
import { isDeepStrictEqual } from 'node:util';
import type { LimpetOptions, PoolOptions } from '../config/options.ts';
import type { MembershipChange } from '../fleet/fleet.ts';
import { changesNothing, differOnlyInServers } from '../fleet/membership.ts';
import type { Pool } from '../proxy/pool.ts';
import type { Numbers } from '../shared/slots.ts';
import { type IdKeys, idKeysOf } from './fleets.ts';
import { createPool, type PoolDependencies, planMembership } from './pools.ts';

/** What a pool needs beside its own options and those of the whole config. */
export type PoolEnvironment = Omit<
  PoolDependencies,
  'context' | 'numbers' | 'keys' | 'idKeys' | 'identify' | 'skew'
> & {
  readonly contextFor: (pool: PoolOptions) => PoolDependencies['context'];
};

export interface PoolPlan {
  readonly options: LimpetOptions;
  readonly pools: ReadonlyMap<string, Pool>;
  /** Of the pools that go on. */
  readonly changes: ReadonlyMap<Pool, MembershipChange>;
}

export class PoolSet {
  private readonly environment: PoolEnvironment;
  /** null: there are no pools yet. */
  private options: LimpetOptions | null = null;
  private pools: ReadonlyMap<string, Pool> = new Map();
  /** Replaced, with streams or tunnels that are to leave. */
  private readonly leaving = new Set<Pool>();

  constructor(environment: PoolEnvironment) {
    this.environment = environment;
  }

  get all(): Iterable<Pool> {
    return this.pools.values();
  }

  get(name: string): Pool | undefined {
    return this.pools.get(name);
  }

  /** The pools of this config, for `use`. Changes nothing yet. Throws UsageError when two servers of a pool have the same id. */
  plan(options: LimpetOptions, numbers: Numbers): PoolPlan {
    const pools = new Map<string, Pool>();
    const changes = new Map<Pool, MembershipChange>();
    const { environment } = this;
    const idKeys = idKeysOf(options, environment.secret);
    for (const pool of options.pools) {
      const running = this.runningLike(pool, options);
      if (running === undefined) {
        pools.set(pool.name, this.create(pool, options, numbers, idKeys));
        continue;
      }
      pools.set(pool.name, running);
      const change = planMembership(running, pool, { ...environment, numbers, idKeys });
      if (!changesNothing(change)) changes.set(running, change);
    }
    return { options, pools, changes };
  }

  /** These are the pools from now on. Those that are not among them end with their exchanges. `apply` is called in between. */
  use({ options, pools, changes }: PoolPlan, now: number, apply: () => void = () => {}): void {
    const before = this.pools;
    this.options = options;
    this.pools = pools;
    apply();
    for (const [name, pool] of before) if (pools.get(name) !== pool) pool.replace(() => this.leaving.add(pool));
    for (const [pool, change] of changes) pool.applyMembership(change, now);
  }

  /** To be called about once a second. */
  tick(now: number): void {
    for (const pool of this.all) pool.tick(now);
    for (const pool of this.leaving) {
      pool.longLived.tick([], now);
      if (pool.longLived.isEmpty) this.leaving.delete(pool);
    }
  }

  /** The pool that goes on as a pool with these options; undefined: there is none, or more than its servers would change. */
  private runningLike(pool: PoolOptions, { keys, identify, clock }: LimpetOptions): Pool | undefined {
    const { options } = this;
    if (options === null || options.identify !== identify || options.clock.skew !== clock.skew) return undefined;
    const before = options.pools.find(({ name }) => name === pool.name);
    if (before === undefined || !differOnlyInServers(before, pool) || !isDeepStrictEqual(options.keys, keys)) {
      return undefined;
    }
    return this.pools.get(pool.name);
  }

  private create(pool: PoolOptions, { keys, identify, clock }: LimpetOptions, numbers: Numbers, idKeys: IdKeys): Pool {
    const { environment } = this;
    const context = environment.contextFor(pool);
    return createPool(pool, { ...environment, context, numbers, keys, idKeys, identify, skew: clock.skew });
  }
}
