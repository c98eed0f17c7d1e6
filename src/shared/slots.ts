/**
 * The numbers that all threads know things by: servers, pools and listeners (their slot of the load; a server's is its
 * number in the session table), and kinds of sessions (their lifetime in the table). One thread gives them out; they stay
 * the same through reloads.
 */
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
  return `${pool} ${affinity.type} ${detailOf(affinity)}`;
}

function detailOf(affinity: AffinityOptions): string {
  switch (affinity.type) {
    case 'cookie':
    case 'header':
    case 'query':
      return affinity.name;
    case 'rewrite':
      return affinity.cookie;
    case 'learn':
      return [affinity.cookie, affinity.header.toLowerCase(), affinity.query, affinity.parameter.toLowerCase()].join(
        ' ',
      );
    case 'path':
      return affinity.pattern;
    case 'socket.io':
      return affinity.path;
    case 'source-ip':
      return `${affinity.ipv4Prefix} ${affinity.ipv6Prefix}`;
    default:
      return '';
  }
}

/** Seconds; null: nothing of these sessions is kept. */
function timesOf(affinity: AffinityOptions): { readonly idle: number; readonly absolute: number } | null {
  switch (affinity.type) {
    case 'route':
    case 'force':
      return null;
    case 'source-ip':
      return affinity.mode === 'hash' ? null : { idle: seconds(affinity.idle), absolute: 0 };
    case 'rewrite':
      return { idle: seconds(affinity.idle), absolute: 0 };
    default:
      return { idle: seconds(affinity.idle), absolute: seconds(affinity.absolute) };
  }
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
