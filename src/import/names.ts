/** Names from a file that is imported. They may be names of properties that every JavaScript object has. */
import { reservedName } from '../config/problem.ts';

/** Neither a pool nor a server of a config may have this name. */
export function isReservedName(name: string): boolean {
  return reservedName(name) !== null;
}

/** Looks up the name in the table, ignoring the properties that every object has. */
export function entryOf<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** A name for a pool or a server that is not taken: `wanted`, `wanted-2` and so on. */
export function freeName(wanted: string, taken: ReadonlySet<string>, longest = 64): string {
  const cleaned = wanted.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
  const base = cleaned.slice(0, longest - 8).replace(/[^A-Za-z0-9]+$/, '') || 'pool';
  for (let n = 1; ; n++) {
    const name = n === 1 ? base : `${base}-${n}`;
    if (!taken.has(name) && !isReservedName(name)) return name;
  }
}
