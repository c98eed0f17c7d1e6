/**
 * The disk under the LMDB store, which can be full: a tmpfs of its own where we may mount one, and else (not root, a
 * container) no byte more in any file of the balancer, by its limit of file sizes.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface Disk {
  readonly name: string;
  /** Of the process with that id. */
  fill(pid: number): void;
  free(pid: number): void;
  /** When nothing uses it any more. */
  close(): void;
}

const size = 96 * 1024 ** 2;

export function diskAt(folder: string): Disk {
  mkdirSync(folder, { mode: 0o700 });
  try {
    const options = `size=${size},mode=0700`;
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'limpet-chaos', folder], { stdio: 'ignore' });
  } catch {
    return limited;
  }
  return mounted(folder);
}

function mounted(folder: string): Disk {
  const filler = join(folder, 'filler');
  return {
    name: 'disk (tmpfs)',
    fill: () => {
      const file = openSync(filler, 'w');
      try {
        for (let piece = Buffer.alloc(1024 ** 2); piece.length > 0; ) {
          try {
            // The last piece may go in by half.
            if (writeSync(file, piece) < piece.length) piece = piece.subarray(0, 4096);
          } catch {
            piece = piece.subarray(0, piece.length > 4096 ? 4096 : 0);
          }
        }
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler, { force: true }),
    close: () => execFileSync('umount', ['-l', folder], { stdio: 'ignore' }),
  };
}

const limited: Disk = {
  name: 'disk (RLIMIT_FSIZE)',
  fill: (pid) => limit(pid, '0'),
  free: (pid) => limit(pid, 'unlimited'),
  close: () => {},
};

function limit(pid: number, bytes: string): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`], { stdio: 'ignore' });
}
