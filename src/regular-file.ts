/** Opens and reads a file that a person has named, and refuses what is no regular file before it can hang this process or fill its memory. */
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { codeOf } from './errors.ts';

/** The message says why the file cannot be read, without its name: `there is no such file`. */
export class UnreadableFile extends Error {}

/** Throws UnreadableFile. */
export function readRegularFile(path: string, mostBytes: number): { readonly bytes: Buffer; readonly stats: Stats } {
  const { file, stats } = openRegularFile(path, mostBytes);
  try {
    return { bytes: readFileSync(file), stats };
  } catch (error) {
    throw new UnreadableFile(whyNot(error), { cause: error });
  } finally {
    closeSync(file);
  }
}

/** Throws UnreadableFile for what is no file, such as a folder. */
export function checkRegularFile(path: string, mostBytes: number): void {
  closeSync(openRegularFile(path, mostBytes).file);
}

function openRegularFile(path: string, mostBytes: number): { readonly file: number; readonly stats: Stats } {
  let file: number;
  try {
    // Not waiting: to open a FIFO would last until somebody writes to it.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw new UnreadableFile(whyNot(error), { cause: error });
  }
  const stats = fstatSync(file);
  const why = unfit(stats, mostBytes);
  if (why === null) return { file, stats };
  closeSync(file);
  throw new UnreadableFile(why);
}

function unfit(stats: Stats, mostBytes: number): string | null {
  if (stats.isDirectory()) return 'it is a folder, expected a file';
  if (stats.isFIFO()) return 'it is a pipe (FIFO), expected a file: it is read again at each reload';
  if (!stats.isFile()) return 'it is a device, expected a file';
  if (stats.size <= mostBytes) return null;
  return `it has ${stats.size} bytes, expected at most ${mostBytes}`;
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'no permission to read it',
  EPERM: 'no permission to read it',
  EISDIR: 'it is a folder, expected a file',
  ENOTDIR: 'its path leads through a file, expected folders',
  ELOOP: 'its symbolic links lead in a circle',
  ENAMETOOLONG: 'its name is too long for this system',
  ENXIO: 'it is a socket, expected a file',
  EMFILE: 'this process has too many files open',
  ENFILE: 'this machine has too many files open',
  EIO: 'the disk failed',
  ERR_INVALID_ARG_VALUE: 'its name holds a NUL byte',
};

function whyNot(error: unknown): string {
  const code = codeOf(error);
  return reasons[code] ?? `the system refuses it (${code})`;
}
