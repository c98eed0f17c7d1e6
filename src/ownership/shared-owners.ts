/**
 * The owners of the sessions of one pool, in the store that several balancers share, where the servers do not speak the session protocol:
 * sessions have no copies, but every balancer has to find the same owner.
 */
import type { SessionEvents } from '../events/session-events.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Counters } from '../metrics/counters.ts';
import type { Store } from '../store/store.ts';
import type { SessionTable } from '../table/table.ts';
import type { KeyRate } from './key-rate.ts';
import { OwnerQueries } from './owner-queries.ts';
import { StoreAccess } from './store-access.ts';
import { TableUpdates } from './table-updates.ts';

export interface SharedOwnersSettings {
  /** Name of the pool. */
  readonly pool: string;
  /** While the store does not answer: another server stands in for an owner that fails (true), or the client gets 503. */
  readonly degrade: boolean;
  /** How long a request or a response waits for the store. */
  readonly timeoutMs: number;
  /** Milliseconds for which the store records an owner. */
  readonly claimTtlMs: number;
}

export interface SharedOwnersDependencies {
  readonly store: Store;
  readonly table: SessionTable;
  readonly fleet: Pick<Fleet, 'at' | 'find' | 'slot'>;
  readonly counters: Counters;
  readonly events: SessionEvents;
  /** As for `OwnerQueries`. */
  readonly newKeys: KeyRate;
  /** Unix seconds. */
  readonly now: () => number;
}

export class SharedOwners {
  readonly settings: SharedOwnersSettings;
  readonly queries: OwnerQueries;
  readonly keepsCopies = false;

  constructor(settings: SharedOwnersSettings, deps: SharedOwnersDependencies) {
    this.settings = settings;
    const updates = new TableUpdates(deps);
    const access = new StoreAccess(deps.store);
    const { counters, newKeys, now } = deps;
    const parts = { access, updates, counters, now, newKeys };
    this.queries = new OwnerQueries({ ...settings, keepsCopies: false }, parts);
  }
}
