/**
 * The numbers by which the table names lifetimes: one for each way to recognise sessions that it keeps. A name has its
 * number for the life of the process, through reloads, for its sessions have it. Number 0 has no limit and is for
 * sessions of which nobody has said how long they live. One thread gives numbers (the supervisor).
 */
import { UsageError } from '../errors.ts';
import type { Lifetime, SessionTable } from './table.ts';

export class Lifetimes {
  private readonly table: SessionTable;
  private readonly known: string[] = [''];

  /** Of a table that was made without a list of its own. */
  constructor(table: SessionTable) {
    this.table = table;
  }

  /**
   * The number of that name, 1 to 255; its sessions live that long from now on, those too that are there. `name` is
   * unique in the process (pool and affinity), and not empty. Throws UsageError when all numbers are used.
   */
  numberOf(name: string, { idle, absolute }: Lifetime): number {
    let number = this.known.indexOf(name, 1);
    if (number < 0) {
      number = this.known.length;
      if (number >= this.table.lifetimes) {
        throw new UsageError(
          `no number is free for the sessions of ${name}: all ${number - 1} were used since the start; restart, or ` +
            'let fewer affinities keep sessions',
        );
      }
      this.known.push(name);
    }
    this.table.setLifetime(number, { idle, absolute });
    return number;
  }

  /** In the order of their numbers; '' stands for number 0. */
  names(): readonly string[] {
    return this.known;
  }
}
