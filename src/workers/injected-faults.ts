/**
 * For the tests that look for old faults (test/chaos): each function puts one back that there once was (issue 12), around a
 * part that is right. Where nobody tests (`readInjectedFault`) each of them answers the part as it is.
 */
import { answer, type Handler } from '../admin/listen.ts';
import type { PoolOptions } from '../config/options.ts';
import { identityOf } from '../fleet/server.ts';
import { keyOf } from '../ownership/replicator.ts';
import { honest, type InjectedFault } from '../store/injected-fault.ts';
import type { Store } from '../store/store.ts';
import { type Entry, SessionTable } from '../table/table.ts';
import type { Clock } from '../time/clock.ts';

/** clock-steps: what decides is the machine's clock, with its steps. */
export function deciding(clock: Clock, injectedFault: InjectedFault | null): Clock {
  if (injectedFault !== 'clock-steps') return clock;
  return {
    now: () => Math.floor(clock.wall()),
    wall: () => clock.wall(),
    monotonic: () => clock.monotonic(),
  };
}

/** outage-claims: an exchange that is over leaves the session with whoever was claimed last, also if nobody took its request. */
export function keepClaims(table: SessionTable, injectedFault: InjectedFault | null): void {
  if (injectedFault !== 'outage-claims') return;
  const { leave } = SessionTable.prototype;
  table.leave = (key, now, out: Entry, announced) => {
    if (table.find(key, now, out) === 'live' && out.former !== 0) {
      table.accept(key, out.epoch, out.server, now, out, false);
    }
    return leave.call(table, key, now, out, announced);
  };
}

/**
 * reports-by-position: workers report a server by its position, as if they all had the config before still, and the answer is the
 * server that has that position now.
 */
export function namedInReports(
  injectedFault: InjectedFault | null,
): (pools: Pools, pool: string, server: string) => string {
  if (injectedFault !== 'reports-by-position') return (_, _pool, server) => server;
  let now: Pools = [];
  let before: Pools = [];
  return (pools, pool, server) => {
    if (pools !== now) [before, now] = [now, pools];
    const position = serversOf(before, pool).findIndex((one) => identityOf(one) === server);
    const there = serversOf(now, pool)[position];
    return there === undefined ? server : identityOf(there);
  };
}

type Pools = readonly PoolOptions[];

function serversOf(pools: Pools, pool: string): PoolOptions['servers'] {
  return pools.find(({ name }) => name === pool)?.servers ?? [];
}

/** unknown-server-404: the store interface tells a server that is not in the config that nothing is kept. */
export function onlyConfigured(
  handle: Handler,
  isConfigured: (pool: string, slot: number) => boolean,
  injectedFault: InjectedFault | null,
): Handler {
  if (injectedFault !== 'unknown-server-404') return handle;
  return async (request, response) => {
    const [, , slot = '', pool = ''] = (request.url ?? '').split('/');
    if (isConfigured(decodeURIComponent(pool), Number(slot))) return handle(request, response);
    request.resume();
    answer(response, 404, { 'limpet-store': 'none' });
  };
}

/** forgotten-signout: an end that the store could not take is known to the table alone, and the store is not told again. */
export function forgettingEnds(store: Store, table: SessionTable, seconds: () => number): Store {
  const destroy: Store['destroy'] = (key, epoch) =>
    store.destroy(key, epoch).catch((error: unknown) => {
      table.bury(keyOf(key.id), seconds());
      throw error;
    });
  return Object.assign(honest(store), { destroy });
}
