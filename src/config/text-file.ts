/** Reads a config file as text, and refuses what is no text file before it can hang, fill the memory, or be read as something else. */
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { codeOf, UsageError } from '../errors.ts';
import type { Position } from './problem.ts';

/** Longest file (bytes); a config of 10,000 servers has one. */
const mostBytes = 16 * 1024 ** 2;

export interface TextFile {
  readonly text: string;
  /** The first place that is no UTF-8 text, and what is wrong there. */
  readonly flaw: { readonly at: Position; readonly text: string } | null;
}

/** Throws UsageError when it cannot be read. `name` is what a person called it. */
export function readTextFile(name: string, path: string): TextFile {
  return decode(readBytes(name, path));
}

/** Throws UsageError for what is no file, such as a module that is a folder. */
export function checkFile(name: string, path: string): void {
  closeSync(openFile(name, path));
}

function readBytes(name: string, path: string): Buffer {
  const file = openFile(name, path);
  try {
    return readFileSync(file);
  } catch (error) {
    throw cannotRead(name, whyNot(error), error);
  } finally {
    closeSync(file);
  }
}

function openFile(name: string, path: string): number {
  let file: number;
  try {
    // Not waiting: to open a FIFO would last until somebody writes to it.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw cannotRead(name, whyNot(error), error);
  }
  const stats = fstatSync(file);
  const why = unfit(stats);
  if (why === null) return file;
  closeSync(file);
  throw cannotRead(name, why);
}

function unfit(stats: Stats): string | null {
  if (stats.isDirectory()) return 'it is a folder, expected a file';
  if (stats.isFIFO()) return 'it is a pipe (FIFO), expected a file: it is read again at each reload';
  if (!stats.isFile()) return 'it is a device, expected a file';
  if (stats.size <= mostBytes) return null;
  return `it has ${stats.size} bytes, expected at most ${mostBytes}`;
}

function cannotRead(name: string, why: string, cause?: unknown): UsageError {
  return new UsageError(`cannot read the config ${shorten(name)}: ${why}`, { cause });
}

function shorten(name: string): string {
  return name.length > 120 ? `${name.slice(0, 117)}...` : name;
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

function decode(bytes: Buffer): TextFile {
  const utf16 = bytes.length > 1 && (bytes[0] === 0 || bytes[1] === 0 || (bytes[0]! ^ bytes[1]!) === (0xff ^ 0xfe));
  const text = bytes.toString('utf8');
  if (utf16 && bytes[0]! !== 0x1f) {
    return {
      text,
      flaw: { at: { line: 1, column: 1 }, text: 'found UTF-16, expected UTF-8: save it with that encoding' },
    };
  }
  const wrong = firstWrong(bytes, text);
  return { text, flaw: wrong };
}

function firstWrong(bytes: Buffer, text: string): TextFile['flaw'] {
  // Control characters but tab and line ends; the sign that a decoder puts for what it cannot read.
  for (const { index, 0: char } of text.matchAll(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|\ufffd/g)) {
    const before = text.slice(0, index);
    const offset = Buffer.byteLength(before);
    // Somebody may have written that very sign.
    if (char === '\ufffd' && bytes.subarray(offset, offset + 3).toString('hex') === 'efbfbd') continue;
    const line = before.split('\n').length;
    const at = { line, column: index - before.lastIndexOf('\n') };
    const byte = `0x${bytes[offset]!.toString(16).padStart(2, '0')}`;
    if (char === '\ufffd') {
      return { at, text: `found the byte ${byte}, which is not UTF-8: expected a text file in UTF-8` };
    }
    if (char === '\r') return { at, text: 'found a carriage return alone, expected a line feed at the end of a line' };
    return { at, text: `found the control character ${byte}, expected a text file` };
  }
  return null;
}
