/**
 * Old faults, put back for the tests that must find them (test/chaos, issue 12). Each function wraps a part that is right, and
 * gives it the fault of that name. With no injected fault (`readInjectedFault`), or another one, it returns the part unchanged.
 */
import { answer, type Handler } from '../admin/listen.ts';
import type { PoolOptions } from '../config/options.ts';
import { identityOf } from '../fleet/server.ts';
import { tableKeyOf } from '../ownership/session-id.ts';
import { delegate, type InjectedFault } from '../store/injected-fault.ts';
import type { Store } from '../store/store.ts';
import { type Entry, SessionTable } from '../table/table.ts';
import type { Clock } from '../time/clock.ts';

/** clock-steps: decisions use the machine's clock, which steps. */
export function clockFor(clock: Clock, fault: InjectedFault | null): Clock {
  if (fault !== 'clock-steps') return clock;
  return {
    now: () => Math.floor(clock.wall()),
    wall: () => clock.wall(),
    monotonic: () => clock.monotonic(),
  };
}

/** outage-claims: after an exchange the session stays with the server that claimed it last, even if no server took the request. */
export function keepUnansweredClaims(table: SessionTable, fault: InjectedFault | null): void {
  if (fault !== 'outage-claims') return;
  const { leave } = SessionTable.prototype;
  table.leave = (key, now, out: Entry, announced) => {
    if (table.find(key, now, out) === 'live' && out.former !== 0) {
      table.accept(key, out.epoch, out.server, now, out, false);
    }
    return leave.call(table, key, now, out, announced);
  };
}

/**
 * reports-by-position: workers name a server by its position, as if they all still had the config before. Returns a function that
 * gives the identity of the server that has this position now.
 */
export function identityInReports(fault: InjectedFault | null): (pools: Pools, pool: string, server: string) => string {
  if (fault !== 'reports-by-position') return (_, _pool, server) => server;
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

/** unknown-server-404: the store interface answers a server that is not in the config that there is no copy. */
export function answer404IfUnconfigured(
  handle: Handler,
  isConfigured: (pool: string, slot: number) => boolean,
  fault: InjectedFault | null,
): Handler {
  if (fault !== 'unknown-server-404') return handle;
  return async (request, response) => {
    const [, , slot = '', pool = ''] = (request.url ?? '').split('/');
    if (isConfigured(decodeURIComponent(pool), Number(slot))) return handle(request, response);
    request.resume();
    answer(response, 404, { 'limpet-store': 'none' });
  };
}

/** forgotten-signout: when the store cannot take the end of a session, only the table has it, and the store is not asked again. */
export function forgetFailedEnds(store: Store, table: SessionTable, seconds: () => number): Store {
  const destroy: Store['destroy'] = (key, epoch) =>
    store.destroy(key, epoch).catch((error: unknown) => {
      table.bury(tableKeyOf(key.id), seconds());
      throw error;
    });
  return Object.assign(delegate(store), { destroy });
}
