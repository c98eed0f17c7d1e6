/**
 * Writes the lines of a log to a file, pipe or terminal. The caller never waits. A line that cannot be written (a full disk, a pipe
 * without a reader) is lost and counted. Each further line is tried, so that the log goes on as soon as possible.
 *
 *      write ──> queue ──> one system call at a time ──> file, pipe, terminal
 *                  └ beyond the bound: lost
 */
import { closeSync, constants, fstatSync, openSync, write as writeFile } from 'node:fs';
import type { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import { codeOf } from '../errors.ts';
import type { Clock, Timers } from '../time/clock.ts';

/** Writes as many of these bytes as it can, and calls back with their number. Called once at a time. */
export type WriteBytes = (bytes: Uint8Array, done: (error: Error | null, written: number) => void) => void;

export interface OutputSettings {
  readonly write: WriteBytes;
  /** The most bytes that may wait to be written; more are lost. */
  readonly most: number;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly timers: Timers;
}

interface Batch {
  readonly bytes: Buffer;
  /** How many of them have been written. */
  at: number;
  readonly done: () => void;
}

/** A full pipe is tried again after this long (ms). */
const retryMs = 20;
/** A failure within this time (ms) after the last one is not reported again. */
const quietMs = 10_000;
/** A reader that has taken nothing for this long (ms) is reported, too; the output still waits for it. */
const hangMs = 10_000;
const lineFeed = 10;

export class Output {
  /** Called with the number of lines that were lost. */
  onLost: (lines: number) => void = () => {};
  /** It cannot be written. Called once with the reason, until it works again. */
  onFailed: (reason: string) => void = () => {};
  /** It works again; this many lines were lost meanwhile. */
  onRecovered: (lost: number) => void = () => {};
  private readonly settings: OutputSettings;
  private readonly queue: Batch[] = [];
  private waiting = 0;
  private writing = false;
  private failing = false;
  private isQuiet = false;
  private failedAt = Number.NEGATIVE_INFINITY;
  private lost = 0;
  /** A line has been written in part, and its rest is lost. */
  private isCut = false;
  private cancelHang: (() => void) | null = null;
  private whenEmpty: (() => void)[] = [];

  constructor(settings: OutputSettings) {
    this.settings = settings;
  }

  /** Takes whole lines. `done` is called when they have been written, or are lost. */
  write(lines: string, done: () => void = () => {}): void {
    const bytes = Buffer.from(lines);
    if (this.waiting + bytes.length > this.settings.most) {
      this.lose(bytes, 0);
      done();
      return;
    }
    this.waiting += bytes.length;
    this.queue.push({ bytes, at: 0, done });
    this.next();
  }

  /** Resolves when all lines have been written, after `limit` ms at the latest. */
  async flush(limit: number): Promise<void> {
    if (this.queue.length === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.settings.timers.after(limit, resolve);
      this.whenEmpty.push(() => {
        cancel();
        resolve();
      });
    });
  }

  private next(): void {
    const [batch] = this.queue;
    if (this.writing) return;
    if (batch === undefined) {
      for (const notify of this.whenEmpty.splice(0)) notify();
      return;
    }
    this.writing = true;
    this.cancelHang ??= this.settings.timers.after(hangMs, () =>
      this.fail(`nobody has read it for ${hangMs / 1000} s`),
    );
    const bytes = batch.bytes.subarray(batch.at);
    // The line before was cut: a line feed ends it.
    const whole = this.isCut ? Buffer.concat([Buffer.of(lineFeed), bytes]) : bytes;
    this.settings.write(whole, (error, written) => {
      if (error === null) this.wrote(batch, written);
      else if (isBusy(error)) {
        this.settings.timers.after(retryMs, () => this.goOn());
        return;
      } else this.failed(batch, error);
      this.goOn();
    });
  }

  private goOn(): void {
    this.writing = false;
    this.next();
  }

  private wrote(batch: Batch, written: number): void {
    let taken = written;
    if (written > 0) this.endHang();
    if (this.isCut && taken > 0) {
      this.isCut = false;
      taken--;
    }
    batch.at += taken;
    if (batch.at < batch.bytes.length) return;
    this.drop(batch);
    if (!this.failing) return;
    this.failing = false;
    const { lost } = this;
    this.lost = 0;
    if (!this.isQuiet) this.onRecovered(lost);
  }

  private failed(batch: Batch, error: Error): void {
    this.drop(batch);
    if (batch.at > 0 && batch.bytes[batch.at - 1] !== lineFeed) this.isCut = true;
    this.lose(batch.bytes, batch.at);
    this.fail(error.message);
  }

  private fail(reason: string): void {
    if (this.failing) return;
    const now = this.settings.clock.monotonic();
    this.failing = true;
    this.isQuiet = now - this.failedAt < quietMs;
    this.failedAt = now;
    if (!this.isQuiet) this.onFailed(reason);
  }

  private endHang(): void {
    this.cancelHang?.();
    this.cancelHang = null;
  }

  private drop(batch: Batch): void {
    this.endHang();
    this.queue.shift();
    this.waiting -= batch.bytes.length;
    batch.done();
  }

  /** The bytes from `at` on are lost. */
  private lose(bytes: Buffer, at: number): void {
    let lines = 0;
    for (let p = bytes.indexOf(lineFeed, at); p >= 0; p = bytes.indexOf(lineFeed, p + 1)) lines++;
    this.lost += lines;
    this.onLost(lines);
  }
}

function isBusy(error: Error): boolean {
  const code = codeOf(error);
  return code === 'EAGAIN' || code === 'EINTR';
}

/**
 * Writes to stdout or stderr. A file is written directly: a system call on a full disk fails, and the next one may succeed. A pipe or
 * a terminal is opened a second time in non-blocking mode (O_NONBLOCK), which does not change it for other programs that have it open:
 * otherwise a reader that hangs would block a thread, and the end of the process. Anything else is written by its stream.
 */
export function writeTo(descriptor: 1 | 2, stream: Writable): WriteBytes {
  const own = ownDescriptor(descriptor);
  if (own !== null) return (bytes, done) => writeFile(own, bytes, 0, bytes.length, null, done);
  return (bytes, done) => {
    if (stream.destroyed) done(new Error('it is closed'), 0);
    else stream.write(bytes, (error) => done(error ?? null, error == null ? bytes.length : 0));
  };
}

/** A descriptor for direct writes; null: only its stream can write to it. */
function ownDescriptor(descriptor: 1 | 2): number | null {
  try {
    const stat = fstatSync(descriptor);
    const isTerminal = isatty(descriptor);
    if (stat.isFile() || (stat.isCharacterDevice() && !isTerminal)) return descriptor;
    if (!stat.isFIFO() && !isTerminal) return null;
    const opened = openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK);
    if (opened > 2) return opened;
    closeSync(opened);
    return null;
  } catch {
    return null;
  }
}
