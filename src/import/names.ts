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
