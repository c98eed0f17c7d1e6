/** Names that come from somebody's file, where JavaScript may have something else under them. */
import { reservedName } from '../config/problem.ts';

/** A config may use it neither for a pool nor for a server. */
export function isReservedName(name: string): boolean {
  return reservedName(name) !== null;
}

/** What the table says of that name, and never what every object has. */
export function entryOf<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** A name for a pool or a server that no other has: `base`, `base-2` and so on. */
export function freeName(wanted: string, taken: ReadonlySet<string>, longest = 64): string {
  const cleaned = wanted.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
  const base = cleaned.slice(0, longest - 8).replace(/[^A-Za-z0-9]+$/, '') || 'pool';
  for (let n = 1; ; n++) {
    const name = n === 1 ? base : `${base}-${n}`;
    if (!taken.has(name) && !isReservedName(name)) return name;
  }
}
