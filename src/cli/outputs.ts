/** The two outputs of this process: stdout has the access log, stderr the program's log. */
import { systemClock, systemTimers } from '../time/clock.ts';
import { Output, writeTo } from './output.ts';

/** Bytes of the program's log that may wait. What waits of the access log, its workers bound (metrics/access-log.ts). */
const mostOfLog = 1024 * 1024;

const shared = { clock: systemClock, timers: systemTimers };

export const accessOutput = new Output({
  ...shared,
  write: writeTo(1, process.stdout),
  most: Number.POSITIVE_INFINITY,
});

export const logOutput = new Output({ ...shared, write: writeTo(2, process.stderr), most: mostOfLog });

/** What the process has said leaves it before its end, if that takes no longer than this (ms). */
const flushTime = 1000;

export async function flushOutputs(): Promise<void> {
  await Promise.all([accessOutput.flush(flushTime), logOutput.flush(flushTime)]);
}
