/** What this machine lacked, told with a limit: once and then at most every ten seconds each, while counters count them all. */
import type { Clock } from '../time/clock.ts';

export type Lacking = 'connect' | 'accept';

/** Between two lines of the same kind (ms). */
const pause = 10_000;

export class Shortages {
  private readonly clock: Clock;
  private readonly pass: (what: Lacking, reason: string, at: string) => void;
  /** When the last line of each kind was written. */
  private readonly toldAt = new Map<string, number>();

  /** `pass` gets those that are told. */
  constructor(clock: Clock, pass: (what: Lacking, reason: string, at: string) => void) {
    this.clock = clock;
    this.pass = pass;
  }

  tell(what: Lacking, reason: string, at: string): void {
    const kind = `${what} ${reason}`;
    const now = this.clock.monotonic();
    const last = this.toldAt.get(kind);
    if (last !== undefined && now - last < pause) return;
    this.toldAt.set(kind, now);
    this.pass(what, reason, at);
  }
}

const words: Readonly<Record<Lacking, string>> = {
  connect: 'no connection to',
  accept: 'no connection accepted on',
};

/** The line of the log. */
export function sayShortage(what: Lacking, reason: string, at: string): string {
  return `${words[what]} ${at}: ${reason}. No server is to blame; counted in shortages_${what}`;
}
