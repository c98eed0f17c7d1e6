/**
 * The numbers that all threads know things by: servers, pools and listeners (their slot of the load; a server's is its
 * number in the session table), and kinds of sessions (their lifetime in the table). One thread gives them out; they stay
 * the same through reloads.
 */
import type { SessionTimes } from '../affinity/descriptor.ts';
import { descriptorOf } from '../affinity/registry.ts';
import type { AffinityOptions, LimpetOptions } from '../config/options.ts';
import { formatAddress } from '../net/socket.ts';
import type { Lifetimes } from '../table/lifetimes.ts';
import type { ServerNumbers } from '../table/numbers.ts';

/** Plain data, handed to the workers with the config. */
export interface Numbers {
  readonly slots: ReadonlyMap<string, number>;
  readonly lifetimes: ReadonlyMap<string, number>;
}

/** Names in `Numbers.slots`. A pool's name has neither space nor slash, so that no two of these are alike. */
export function serverName(pool: string, server: string): string {
  return `${pool}/${server}`;
}

export function poolName(pool: string): string {
  return `${pool}/`;
}

export function listenerName(address: LimpetOptions['listeners'][number]['address']): string {
  return `listener ${formatAddress(address)}`;
}

/** Gives everything in the config its number, and takes back those of what is in it no more. `now` is Unix seconds. */
export function numberAll(options: LimpetOptions, servers: ServerNumbers, lifetimes: Lifetimes, now: number): Numbers {
  const slots = new Map<string, number>();
  for (const { address } of options.listeners) {
    const name = listenerName(address);
    slots.set(name, servers.numberOf(name, now));
  }
  const kinds = new Map<string, number>();
  for (const pool of options.pools) {
    const names = [poolName(pool.name), ...pool.servers.map(({ name }) => serverName(pool.name, name))];
    for (const name of names) slots.set(name, servers.numberOf(name, now));
    for (const affinity of pool.affinity) {
      const times = timesOf(affinity);
      if (times === null) continue;
      const kind = kindName(pool.name, affinity);
      kinds.set(kind, lifetimes.numberOf(kind, times, now));
    }
  }
  for (const [name] of servers.entries()) if (!slots.has(name)) servers.giveBack(name, now);
  lifetimes.keep(kinds, now);
  return { slots, lifetimes: kinds };
}

/** Under which name the sessions that an affinity recognises are kept: the same in another pool are others. */
export function kindName(pool: string, affinity: AffinityOptions): string {
  return `${pool} ${affinity.type} ${descriptorOf(affinity).tableNameOf(affinity)}`;
}

/** Seconds; null: nothing of these sessions is kept. */
function timesOf(affinity: AffinityOptions): SessionTimes | null {
  const times = descriptorOf(affinity).timesOf(affinity);
  return times === null ? null : { idle: seconds(times.idle), absolute: seconds(times.absolute) };
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
