/**
 * Where the lines of a log leave the process. Whoever writes never waits, and a line that cannot be written (a full disk, a pipe that
 * nobody reads any more) is lost and counted. Each further one is tried, so that the log goes on as soon as it can.
 *
 *      write ──> queue ──> one system call at a time ──> file, pipe, terminal
 *                  └ beyond the bound: lost
 */
import { closeSync, constants, fstatSync, openSync, write as writeFile } from 'node:fs';
import type { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import { codeOf } from '../errors.ts';
import type { Clock, Timers } from '../time/clock.ts';

/** Writes what it can of these bytes, and tells how much that was. Nothing is written meanwhile. */
export type WriteBytes = (bytes: Uint8Array, done: (error: Error | null, written: number) => void) => void;

export interface OutputSettings {
  readonly write: WriteBytes;
  /** Bytes that may wait to be written; more are lost. */
  readonly most: number;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly timers: Timers;
}

interface Batch {
  readonly bytes: Buffer;
  /** Of them, those written. */
  at: number;
  readonly done: () => void;
}

/** A pipe that is full is tried again after this long (ms). */
const retryTime = 20;
/** An output that fails again within this time (ms) of its last failure is not told of again. */
const quietTime = 10_000;
/** One whose reader has taken nothing for so long (ms) is told of, too; it is waited for. */
const hangTime = 10_000;
const lineFeed = 10;

export class Output {
  /** Told of lines that were lost. */
  onLost: (lines: number) => void = () => {};
  /** It cannot be written, and why. Once, until it works again. */
  onFailed: (reason: string) => void = () => {};
  /** It works again: so many lines were lost meanwhile. */
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

  /** Takes whole lines. `done`: they have been written, or are lost. */
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

  /** Resolves when nothing waits any more, after `limit` ms at the latest. */
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
    this.cancelHang ??= this.settings.timers.after(hangTime, () =>
      this.fail(`nobody has read it for ${hangTime / 1000} s`),
    );
    const bytes = batch.bytes.subarray(batch.at);
    // What comes behind half a line begins a new one.
    const whole = this.isCut ? Buffer.concat([Buffer.of(lineFeed), bytes]) : bytes;
    this.settings.write(whole, (error, written) => {
      if (error === null) this.wrote(batch, written);
      else if (isBusy(error)) {
        this.settings.timers.after(retryTime, () => this.goOn());
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
    this.isQuiet = now - this.failedAt < quietTime;
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

  /** From `at` on. */
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
 * The way to stdout or stderr. A file is written as it is; a system call on a full disk fails, and the next one may not. A pipe or a
 * terminal is opened once more without waiting (O_NONBLOCK), which leaves the other programs that have it as they were: a reader that
 * hangs would stop a thread else, and the end of the process with it. What is neither, or cannot be opened so, is written by its stream.
 */
export function writeTo(descriptor: 1 | 2, stream: Writable): WriteBytes {
  const own = ownDescriptor(descriptor);
  if (own !== null) return (bytes, done) => writeFile(own, bytes, 0, bytes.length, null, done);
  return (bytes, done) => {
    if (stream.destroyed) done(new Error('it is closed'), 0);
    else stream.write(bytes, (error) => done(error ?? null, error == null ? bytes.length : 0));
  };
}

/** null: only its stream can write to it. */
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
