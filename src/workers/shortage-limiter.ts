/**
 * Limits how often a shortage of this machine (no descriptors, no ports, no memory) is reported: each kind at once, and then
 * at most every ten seconds. Counters count all of them.
 */
import type { Clock } from '../time/clock.ts';

/** What could not be done: connect to a server, or accept a client. */
export type ShortageKind = 'connect' | 'accept';

export type ReportShortage = (what: ShortageKind, reason: string, at: string) => void;

/** Between two reports of the same kind (ms). */
const pauseMs = 10_000;

export class ShortageLimiter {
  private readonly clock: Clock;
  private readonly pass: ReportShortage;
  /** Time of the last report that was passed on, by kind and reason. */
  private readonly lastAt = new Map<string, number>();

  /** `pass` gets the reports that are not held back. */
  constructor(clock: Clock, pass: ReportShortage) {
    this.clock = clock;
    this.pass = pass;
  }

  report(what: ShortageKind, reason: string, at: string): void {
    const key = `${what} ${reason}`;
    const now = this.clock.monotonic();
    const last = this.lastAt.get(key);
    if (last !== undefined && now - last < pauseMs) return;
    this.lastAt.set(key, now);
    this.pass(what, reason, at);
  }
}

const phrases: Readonly<Record<ShortageKind, string>> = {
  connect: 'no connection to',
  accept: 'no connection accepted on',
};

/** The line of the log. */
export function formatShortage(what: ShortageKind, reason: string, at: string): string {
  return `${phrases[what]} ${at}: ${reason}. No server is to blame; counted in shortages_${what}`;
}
