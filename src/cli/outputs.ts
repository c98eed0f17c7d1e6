/** The two outputs of this process: stdout has the access log, stderr the program's log. */
import { systemClock, systemTimers } from '../time/clock.ts';
import { Output, writeTo } from './output.ts';

/** The most bytes of the program's log that may wait. For the access log, the workers have such a bound (metrics/access-log.ts). */
const mostOfLog = 1024 * 1024;

const shared = { clock: systemClock, timers: systemTimers };

export const accessOutput = new Output({
  ...shared,
  write: writeTo(1, process.stdout),
  most: Number.POSITIVE_INFINITY,
});

export const logOutput = new Output({ ...shared, write: writeTo(2, process.stderr), most: mostOfLog });

/** At the end of the process its logs are written, if that takes no longer than this (ms). */
const flushMs = 1000;

export async function flushOutputs(): Promise<void> {
  await Promise.all([accessOutput.flush(flushMs), logOutput.flush(flushMs)]);
}
