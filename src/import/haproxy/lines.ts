/** Splits a haproxy.cfg into lines and words, with quotes, escapes, comments and variables (section 2.2 of its manual). */
import { UsageError } from '../../errors.ts';

export interface Line {
  /** Counted from 1. */
  readonly number: number;
  /** The text of the line, without white space around it. */
  readonly text: string;
  /** At least one: lines without words are skipped. */
  readonly words: readonly [string, ...string[]];
  /** The name of the first environment variable in it; '' for none. Words keep `${NAME}` unchanged. */
  readonly variable: string;
}

/** Throws UsageError, with the line, for a NUL byte and for a quote that is not closed: HAProxy refuses them too. */
export function readLines(text: string, file: string): Line[] {
  const lines: Line[] = [];
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const number = index + 1;
    if (raw.includes('\0')) throw new UsageError(`${file}:${number}: found a NUL byte, expected text`);
    const { words, variable, open } = split(raw);
    if (open !== '') throw new UsageError(`${file}:${number}: the quote ${open} is not closed`);
    const [first, ...rest] = words;
    if (first !== undefined) lines.push({ number, text: raw.trim(), words: [first, ...rest], variable });
  }
  return lines;
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  ...Object.fromEntries(Array.from(' \t\\#\'"$', (char) => [char, char])),
};

function split(raw: string): { words: string[]; variable: string; open: string } {
  const words: string[] = [];
  let word: string | null = null;
  let quote = '';
  let variable = '';
  for (let at = 0; at < raw.length; at++) {
    const char = raw.charAt(at);
    if (quote === "'") {
      if (char === "'") quote = '';
      else word += char;
    } else if (char === '\\' && at + 1 < raw.length) {
      const hex = /^x([0-9a-f]{2})/i.exec(raw.slice(at + 1, at + 4))?.[1];
      const next = raw.charAt(at + 1);
      // Before any other character the backslash is kept, because regular expressions need it, as in \. and \1.
      const meant = hex === undefined ? escapes[next] : String.fromCharCode(Number.parseInt(hex, 16));
      word = (word ?? '') + (meant ?? char);
      at += meant === undefined ? 0 : hex === undefined ? 1 : 3;
    } else if (char === '"') {
      quote = quote === '' ? '"' : '';
      word ??= '';
    } else if (quote === '"') {
      if (char === '$') variable ||= /^\{?([A-Za-z_][A-Za-z0-9_]*)/.exec(raw.slice(at + 1))?.[1] ?? '';
      word += char;
    } else if (char === "'") {
      quote = "'";
      word ??= '';
    } else if (char === '#') break;
    else if (char === ' ' || char === '\t' || char === '\r') {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + char;
  }
  if (word !== null) words.push(word);
  return { words, variable, open: quote };
}
