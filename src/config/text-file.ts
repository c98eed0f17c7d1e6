/** Reads a config file as text, and refuses what is no text file before it can hang, fill the memory, or be read as something else. */
import { UsageError } from '../errors.ts';
import { checkRegularFile, readRegularFile, UnreadableFile } from '../regular-file.ts';
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
  return decode(attempt(name, () => readRegularFile(path, mostBytes)).bytes);
}

/** Throws UsageError for what is no file, such as a module that is a folder. */
export function checkFile(name: string, path: string): void {
  attempt(name, () => checkRegularFile(path, mostBytes));
}

function attempt<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UnreadableFile)) throw error;
    throw new UsageError(`cannot read the config ${shorten(name)}: ${error.message}`, { cause: error });
  }
}

function shorten(name: string): string {
  return name.length > 120 ? `${name.slice(0, 117)}...` : name;
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
