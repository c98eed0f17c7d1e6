/**
 * The numbers by which the table names servers. A name keeps its number for the life of the process, through reloads;
 * a number that was given back goes to another name only when no session can name it any more, and no exchange runs there. One thread gives
 * numbers (the supervisor); the workers get them with the fleet.
 */
import { UsageError } from '../errors.ts';
import type { SessionTable } from './table.ts';

/** Seconds for which a worker may still bind by an old picture of the fleet. */
const grace = 60;

export class ServerNumbers {
  private readonly table: SessionTable;
  private readonly isBusy: (number: number) => boolean;
  private readonly numbers = new Map<string, number>();
  private readonly names: (string | undefined)[] = [];
  /** When the number was given back, oldest first. */
  private readonly givenBack = new Map<number, number>();

  /** `isBusy`: something still runs under that number, such as an exchange or a tunnel of a former config. Default: never. */
  constructor(table: SessionTable, isBusy: (number: number) => boolean = () => false) {
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

  /** The server is no longer configured. Its sessions still name it, and should it come back it has its number again. */
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

  /** A number never used before, else the one given back longest ago that no session names. */
  private free(now: number): number | undefined {
    if (this.numbers.size < this.table.servers) return this.numbers.size + 1;
    for (const [number, since] of this.givenBack) {
      if (now - since < grace) return undefined;
      // An exchange that began before still speaks to the server of that number, and to the store in its name.
      if (this.table.count(number) !== 0 || this.isBusy(number)) continue;
      this.givenBack.delete(number);
      this.numbers.delete(this.names[number]!);
      return number;
    }
    return undefined;
  }
}
