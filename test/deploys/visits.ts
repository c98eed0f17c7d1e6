/**
 * What the servers and the clients of `npm run deploy:proof` write down of each request. A server writes a line before it answers,
 * so what it has served is known even when it is killed. The balancer is asked about none of this.
 */
import { openSync, writeSync } from 'node:fs';

/** A request has reached a server. */
export interface Arrival {
  /** Milliseconds of the machine's monotonic clock, which all processes share. */
  readonly at: number;
  /** Number of the request: greater than that of each one that was sent before it. */
  readonly request: number;
  readonly client: number;
  readonly server: string;
  /** How often this session was counted, this request included: 1 is a session that begins. */
  readonly count: number;
}

/** How a request ended for its client. */
export interface Outcome extends Omit<Arrival, 'server'> {
  /** '' when it failed. */
  readonly server: string;
  /** Why it failed; '' for an answer with status 200. */
  readonly failure: string;
}

export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

/** The log of a server at `<place>.log`. One that is started again goes on where the one before it was killed. */
export function visitLog(place: string): (arrival: Omit<Arrival, 'server' | 'at'>) => void {
  const log = openSync(`${place}.log`, 'a');
  return ({ request, client, count }) => writeSync(log, `${monotonicMs()} ${request} ${client} ${count}\n`);
}

/** A line that was cut when its writer was killed is left out. */
export function readVisits(server: string, text: string): Arrival[] {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return whole
    .filter((line) => line !== '')
    .map((line) => {
      const [at = Number.NaN, request = Number.NaN, client = Number.NaN, count = Number.NaN] = line
        .split(' ')
        .map(Number);
      if ([at, request, client, count].some(Number.isNaN)) throw new Error(`${server}: not a visit: ${line}`);
      return { at, request, client, server, count };
    });
}
