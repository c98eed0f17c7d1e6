/** What a server of a test of the fleet writes down of each request, before it answers: what it has served is known even when it is killed. */
import { openSync, writeSync } from 'node:fs';
import { monotonicMs } from '../deploys/visits.ts';

/** A request has reached a server. */
export interface Visit {
  /** Milliseconds of the machine's monotonic clock, which all processes share. */
  readonly at: number;
  readonly request: number;
  /** As its client calls it. */
  readonly session: string;
  readonly server: string;
  /** What the balancer has told the server of the session; 0: nothing. */
  readonly epoch: number;
}

/** The log of a server at `<place>.log`. One that is started again continues it. */
export function openVisitLog(place: string): (visit: Pick<Visit, 'request' | 'session' | 'epoch'>) => void {
  const log = openSync(`${place}.log`, 'a');
  return ({ request, session, epoch }) => writeSync(log, `${monotonicMs()} ${request} ${session} ${epoch}\n`);
}

/** A line that was cut when its writer was killed is left out. */
export function readVisitLog(server: string, text: string): Visit[] {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return whole
    .filter((line) => line !== '')
    .map((line) => {
      const [at, request, session = '', epoch] = line.split(' ');
      const visit = { at: Number(at), request: Number(request), session, server, epoch: Number(epoch) };
      if (session === '' || [visit.at, visit.request, visit.epoch].some(Number.isNaN))
        throw new Error(`${server}: found "${line}", expected time, request, session and epoch`);
      return visit;
    });
}
