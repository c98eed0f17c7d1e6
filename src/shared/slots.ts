/**
 * Numbers for what is named by text in the config, the same on all threads and through reloads. Servers, pools and listeners have a
 * slot: their row of the shared load, and for a server its number in the session table. Kinds of sessions have a lifetime number in
 * the table. Only the supervisor gives numbers out.
 */
import type { SessionTimes } from '../affinity/descriptor.ts';
import { descriptorOf } from '../affinity/registry.ts';
import type { AffinityOptions, LimpetOptions } from '../config/options.ts';
import { formatAddress } from '../net/socket.ts';
import type { Lifetimes } from '../table/lifetimes.ts';
import type { ServerNumbers } from '../table/numbers.ts';

/** Plain data: the workers get it with the config. */
export interface Numbers {
  readonly slots: ReadonlyMap<string, number>;
  readonly lifetimes: ReadonlyMap<string, number>;
}

/** Keys of `Numbers.slots`. The name of a pool contains neither space nor slash, so no two keys are equal. */
export function serverName(pool: string, server: string): string {
  return `${pool}/${server}`;
}

export function poolName(pool: string): string {
  return `${pool}/`;
}

export function listenerName(address: LimpetOptions['listeners'][number]['address']): string {
  return `listener ${formatAddress(address)}`;
}

/** Gives a number to everything in the config, and takes back the numbers of what is no longer in it. `now` is Unix seconds. */
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

/** Key of `Numbers.lifetimes`: the sessions that this affinity recognises in this pool. */
export function kindName(pool: string, affinity: AffinityOptions): string {
  return `${pool} ${affinity.type} ${descriptorOf(affinity).tableNameOf(affinity)}`;
}

/** Seconds; null: the table keeps nothing of these sessions. */
function timesOf(affinity: AffinityOptions): SessionTimes | null {
  const times = descriptorOf(affinity).timesOf(affinity);
  return times === null ? null : { idle: seconds(times.idle), absolute: seconds(times.absolute) };
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
