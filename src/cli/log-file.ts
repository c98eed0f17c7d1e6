/**
 * Writes a log to a file of its own: appends, opens the file again when a tool has moved it (SIGUSR1), and starts a new one when it has
 * its size. What cannot be written is for `Output` to count.
 *
 *      access.log ── full ──> access.log.1 ── full ──> access.log.2 ... access.log.<keep>, then it is deleted
 */
import { close, fstat, type NoParamCallback, open, rename, write as writeFile } from 'node:fs';
import type { LogFileOptions } from '../config/options.ts';
import { codeOf } from '../errors.ts';
import type { WriteBytes } from './output.ts';

/** Others may not read it: addresses of clients are in it. The group may, which is that of log tools as a rule. */
export const logFileMode = 0o640;

type Done = Parameters<WriteBytes>[1];

export class LogFile {
  private readonly options: LogFileOptions;
  /** -1: not open. */
  private descriptor = -1;
  private size = 0;
  private mustReopen = false;

  constructor(options: LogFileOptions) {
    this.options = options;
  }

  get path(): string {
    return this.options.path;
  }

  /** The next lines go to the file that has the path then. */
  reopen(): void {
    this.mustReopen = true;
  }

  /** For `Output`, which calls it once at a time. */
  readonly write: WriteBytes = (bytes, done) => {
    const fail = (error: Error) => done(error, 0);
    const append = () => this.append(bytes, done);
    const opened = (): void => {
      if (this.isFull(bytes.length)) this.rotate(() => this.openFile(append, fail), fail);
      else append();
    };
    if (this.mustReopen || this.descriptor < 0) this.openFile(opened, fail);
    else opened();
  };

  private isFull(more: number): boolean {
    const { size } = this.options;
    return size > 0 && this.size > 0 && this.size + more > size;
  }

  private append(bytes: Uint8Array, done: Done): void {
    writeFile(this.descriptor, bytes, 0, bytes.length, null, (error, written) => {
      if (error === null) this.size += written;
      done(error, written ?? 0);
    });
  }

  private openFile(then: () => void, fail: (error: Error) => void): void {
    const { path } = this.options;
    open(path, 'a', logFileMode, (error, descriptor) => {
      if (error !== null) {
        fail(error);
        return;
      }
      fstat(descriptor, (_, stat) => {
        const former = this.descriptor;
        this.descriptor = descriptor;
        this.size = stat?.size ?? 0;
        this.mustReopen = false;
        if (former >= 0) close(former, () => {});
        then();
      });
    });
  }

  /** The file of number `keep` is overwritten. A file that is not there yet leaves its place empty. */
  private rotate(then: () => void, fail: (error: Error) => void): void {
    const { path, keep } = this.options;
    const nameOf = (number: number): string => (number === 0 ? path : `${path}.${number}`);
    const move = (number: number): void => {
      if (number < 0) {
        then();
        return;
      }
      const moved: NoParamCallback = (error) => {
        if (error !== null && codeOf(error) !== 'ENOENT') fail(error);
        else move(number - 1);
      };
      rename(nameOf(number), nameOf(number + 1), moved);
    };
    move(keep - 1);
  }
}
