/** The two outputs of this process: the access log goes to stdout or where the config says, the program's log to stderr. */
import type { LogOptions } from '../config/options.ts';
import type { Net } from '../net/socket.ts';
import { systemClock, systemTimers } from '../time/clock.ts';
import { AccessOutput } from './access-output.ts';
import { Output, writeTo } from './output.ts';

/** The most bytes of the program's log that may wait. For the access log, the workers have such a bound (metrics/access-log.ts). */
const mostOfLog = 1024 * 1024;

export const logOutput = new Output({
  write: writeTo(2, process.stderr),
  most: mostOfLog,
  clock: systemClock,
  timers: systemTimers,
});

/** Those that are open: one for each balancer of this process. */
const accessOutputs = new Set<AccessOutput>();

/** Rejects with UsageError when the file of the access log cannot be opened. */
export async function openAccessOutput({ access }: LogOptions, net: Net): Promise<AccessOutput> {
  const output = await AccessOutput.open(access, net);
  accessOutputs.add(output);
  return output;
}

/** A tool has moved the files of logs: the next lines go to new ones. */
export function reopenOutputs(): void {
  for (const output of accessOutputs) output.reopen();
}

/** At the end of the process its logs are written, if that takes no longer than this (ms). */
const flushMs = 1000;

export async function flushOutputs(): Promise<void> {
  await Promise.all([logOutput, ...accessOutputs].map((output) => output.flush(flushMs)));
}
