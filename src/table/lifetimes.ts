/**
 * The numbers by which the table names lifetimes: one for each affinity whose sessions it keeps. A name keeps its number through
 * reloads, because its sessions contain it. The number of a name that is no longer configured goes to another name only when all
 * numbers are used and its sessions have expired. Number 0 has no limit, and is for sessions without a configured lifetime. Only
 * the supervisor gives numbers out.
 */
import { UsageError } from '../errors.ts';
import type { Lifetime, SessionTable } from './table.ts';

/** Seconds for which a worker may still bind sessions by the former config. */
const grace = 60;

interface GivenBack {
  readonly number: number;
  /** Unix seconds from which no session with this number is live. */
  readonly free: number;
}

export class Lifetimes {
  private readonly table: SessionTable;
  private readonly known: string[] = [''];
  private readonly times = new Map<string, Lifetime>();
  /** Names that are no longer configured. */
  private readonly givenBack = new Map<string, GivenBack>();

  /** Of a table that was made without a list of its own. */
  constructor(table: SessionTable) {
    this.table = table;
  }

  /**
   * The number of that name, 1 to 255. Its sessions have this lifetime from now on, also those that exist already. `name` is unique in
   * the process (pool and affinity), and not empty; `now` is Unix seconds. Throws UsageError when all numbers are used.
   */
  numberOf(name: string, { idle, absolute }: Lifetime, now = 0): number {
    let number = this.known.indexOf(name, 1);
    if (number < 0) {
      number = this.free(now);
      if (number < 0) {
        throw new UsageError(
          `no number is free for the sessions of ${name}: all ${this.table.lifetimes - 1} are in use, or named by sessions that ` +
            'may live; restart, or let fewer affinities keep sessions',
        );
      }
      this.known[number] = name;
    }
    this.givenBack.delete(name);
    this.times.set(name, { idle, absolute });
    this.table.setLifetime(number, { idle, absolute });
    return number;
  }

  /** These names are configured, and no others. */
  keep(names: ReadonlyMap<string, unknown>, now: number): void {
    for (const [number, name] of this.known.entries()) {
      if (number === 0 || names.has(name) || this.givenBack.has(name)) continue;
      const { idle, absolute } = this.times.get(name)!;
      const longest = Math.min(idle || Number.POSITIVE_INFINITY, absolute || Number.POSITIVE_INFINITY);
      this.givenBack.set(name, { number, free: now + grace + longest });
    }
  }

  /** The names in the order of their numbers; '' stands for number 0. */
  names(): readonly string[] {
    return this.known;
  }

  /** A number that was never used, else one that no live session has; -1: there is none. */
  private free(now: number): number {
    if (this.known.length < this.table.lifetimes) return this.known.length;
    for (const [name, { number, free }] of this.givenBack) {
      if (now < free) continue;
      this.givenBack.delete(name);
      this.times.delete(name);
      return number;
    }
    return -1;
  }
}
