/**
 * The numbers by which the table names servers. A name keeps its number for the life of the process, through reloads. A number that
 * was given back goes to another name only when no session has it any more, and no exchange of it is open. Only the supervisor
 * gives numbers out; the workers get them with the config.
 */
import { UsageError } from '../errors.ts';
import type { SessionTable } from './table.ts';

/** Seconds for which a worker may still bind sessions by the former config. */
const grace = 60;

export class ServerNumbers {
  private readonly table: SessionTable;
  private readonly isBusy: (number: number) => boolean;
  private readonly onReuse: (number: number) => void;
  private readonly numbers = new Map<string, number>();
  private readonly names: (string | undefined)[] = [];
  /** The time at which each number was given back, oldest first. */
  private readonly givenBack = new Map<number, number>();

  /**
   * `isBusy`: that number is still in use, by an exchange or a tunnel of a former config for example. Default: never. `onReuse` is
   * called when a number that another name had is given out again.
   */
  constructor(
    table: SessionTable,
    isBusy: (number: number) => boolean = () => false,
    onReuse: (number: number) => void = () => {},
  ) {
    this.onReuse = onReuse;
    this.table = table;
    this.isBusy = isBusy;
  }

  /** The server's number, 1 or more. `name` is unique in the process (pool and server). Throws UsageError when none is free. */
  numberOf(name: string, now: number): number {
    const known = this.numbers.get(name);
    if (known !== undefined) {
      this.givenBack.delete(known);
      return known;
    }
    const number = this.free(now);
    if (number === undefined) {
      throw new UsageError(
        `no server number is free: all ${this.table.servers} are in use or named by sessions. Servers, pools and listeners have one each: configure fewer`,
      );
    }
    this.numbers.set(name, number);
    this.names[number] = name;
    return number;
  }

  nameOf(number: number): string | undefined {
    return this.names[number];
  }

  /** The server is no longer configured. Its sessions still have its number, and it gets the same number when it comes back. */
  giveBack(name: string, now: number): void {
    const number = this.numbers.get(name);
    if (number !== undefined && !this.givenBack.has(number)) this.givenBack.set(number, now);
  }

  has(name: string): boolean {
    return this.numbers.has(name);
  }

  entries(): readonly (readonly [name: string, number: number])[] {
    return [...this.numbers];
  }

  /** A number that was never used, else the one that was given back longest ago and that no session has. */
  private free(now: number): number | undefined {
    if (this.numbers.size < this.table.servers) return this.numbers.size + 1;
    for (const [number, since] of this.givenBack) {
      if (now - since < grace) return undefined;
      // An exchange that began before still uses this number, for its server and for the store interface.
      if (this.table.count(number) !== 0 || this.isBusy(number)) continue;
      this.givenBack.delete(number);
      this.numbers.delete(this.names[number]!);
      this.onReuse(number);
      return number;
    }
    return undefined;
  }
}
