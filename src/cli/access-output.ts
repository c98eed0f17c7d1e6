/**
 * Where the access log goes: to stdout, to a file, to a syslog server, or to both of the latter. The first destination tells the workers
 * when it has taken their lines, and they bound what waits for it (metrics/access-log.ts); the second has a bound of its own, so that
 * it holds nobody up.
 */
import { closeSync, openSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { AccessLogOptions, LogFileOptions } from '../config/options.ts';
import { codeOf, UsageError } from '../errors.ts';
import type { Net } from '../net/socket.ts';
import { systemClock, systemTimers } from '../time/clock.ts';
import { LogFile, logFileMode } from './log-file.ts';
import { Output, type WriteBytes, writeTo } from './output.ts';

/** The most bytes that may wait for the second destination; more are lost. */
const mostOfSecond = 16 * 1024 * 1024;

/** A destination, and how messages name it: ' in FILE', ' to syslog', or '' for stdout. */
export interface AccessDestination {
  readonly name: string;
  readonly output: Output;
}

type Writer = readonly [name: string, write: WriteBytes];

export class AccessOutput {
  readonly destinations: readonly AccessDestination[];
  private readonly file: LogFile | null;

  private constructor(writers: readonly Writer[], file: LogFile | null) {
    this.file = file;
    this.destinations = writers.map(([name, write], index) => {
      const most = index === 0 ? Number.POSITIVE_INFINITY : mostOfSecond;
      return { name, output: new Output({ write, most, clock: systemClock, timers: systemTimers }) };
    });
  }

  /** Rejects with UsageError when the file cannot be opened. */
  static async open(options: AccessLogOptions | null, net: Net): Promise<AccessOutput> {
    const file = options === null || options.file === null ? null : openLogFile(options.file);
    const writers: Writer[] = [];
    if (file !== null) writers.push([` in ${file.path}`, file.write]);
    if (options !== null && options.syslog !== null) {
      // Loaded by those who need it: a start is to be quick.
      const { writeToSyslog } = await import('./syslog.ts');
      const deps = { net, clock: systemClock, timers: systemTimers, hostname: hostname(), pid: process.pid };
      writers.push([' to syslog', writeToSyslog(options.syslog, deps)]);
    }
    if (writers.length === 0) writers.push(['', writeTo(1, process.stdout)]);
    return new AccessOutput(writers, file);
  }

  /** Takes whole lines. `done` is called when the first destination has written them, or has lost them. */
  write(lines: string, done: () => void): void {
    const [first, second] = this.destinations;
    first?.output.write(lines, done);
    second?.output.write(lines);
  }

  /** A tool has moved the file: the next lines go to a new one. */
  reopen(): void {
    this.file?.reopen();
  }

  /** Resolves when all lines have been written, after `limit` ms at the latest. */
  async flush(limit: number): Promise<void> {
    await Promise.all(this.destinations.map(({ output }) => output.flush(limit)));
  }
}

function openLogFile(options: LogFileOptions): LogFile {
  const path = resolve(options.path);
  try {
    closeSync(openSync(path, 'a', logFileMode));
  } catch (error) {
    throw new UsageError(`log.access.file: ${path} cannot be opened: ${codeOf(error)}`, { cause: error });
  }
  return new LogFile({ ...options, path });
}
