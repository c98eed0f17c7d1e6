/** Parses an nginx.conf into directives with their lines. */
import { UsageError } from '../../errors.ts';
import type { Directive } from '../directive.ts';

interface Token {
  /** `word`: text, quoted or not. */
  readonly kind: 'word' | '{' | '}' | ';' | 'end';
  readonly text: string;
  readonly line: number;
  readonly lastLine: number;
}

const maxDepth = 64;

/** Throws UsageError, with the line, for a text that nginx refuses too. */
export function parseNginx(text: string, file: string): Directive[] {
  const refuse = (line: number, what: string) => new UsageError(`${file}:${line}: ${what}`);
  const tokens = tokensOf(text, refuse);
  let at = 0;
  const next = (): Token => tokens[at++] ?? { kind: 'end', text: '', line: 1, lastLine: 1 };

  const directives = (depth: number, opened: number): { list: Directive[]; closed: number } => {
    const list: Directive[] = [];
    for (;;) {
      const first = next();
      if (first.kind === 'end') {
        if (depth > 0) throw refuse(first.line, `the file ends, expected "}" for the "{" of line ${opened}`);
        return { list, closed: first.line };
      }
      if (first.kind === '}') {
        if (depth === 0) throw refuse(first.line, 'found "}" without its "{"');
        return { list, closed: first.line };
      }
      if (first.kind !== 'word') throw refuse(first.line, `found "${first.kind}", expected a directive`);
      list.push(directive(first, depth));
    }
  };

  const directive = (first: Token, depth: number): Directive => {
    const words = [first];
    for (;;) {
      const token = next();
      if (token.kind === 'word') {
        words.push(token);
        continue;
      }
      const lines = words.flatMap(({ line, lastLine }) => [line, lastLine]);
      const { line } = first;
      const head = { name: first.text, args: words.slice(1).map(({ text }) => text), line };
      if (token.kind === ';') return { ...head, block: null, lines: sortedOnce([...lines, token.line]) };
      if (token.kind !== '{') {
        const found = token.kind === 'end' ? 'the file ends' : 'found "}"';
        throw refuse(token.line, `${found}, expected ";" after "${first.text}" of line ${line}`);
      }
      if (depth === maxDepth) throw refuse(token.line, `found more than ${maxDepth} blocks within each other`);
      const { list, closed } = directives(depth + 1, token.line);
      return { ...head, block: list, lines: sortedOnce([...lines, token.line, closed]) };
    }
  };

  return directives(0, 1).list;
}

function sortedOnce(lines: readonly number[]): number[] {
  return Array.from(new Set(lines)).sort((a, b) => a - b);
}

/** Like nginx: a quote or a `#` has its meaning only at the beginning of a word, and `${` does not begin a block. */
function tokensOf(text: string, refuse: (line: number, what: string) => UsageError): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  while (at < text.length) {
    const char = text.charAt(at);
    if (char === '\0') throw refuse(line, 'found a NUL byte, expected text');
    if (char === '\n') line++;
    if (/\s/.test(char)) at++;
    else if (char === '#') {
      while (at < text.length && text.charAt(at) !== '\n') at++;
    } else if (char === '{' || char === '}' || char === ';') {
      tokens.push({ kind: char, text: char, line, lastLine: line });
      at++;
    } else {
      const from = line;
      const quote = char === '"' || char === "'" ? char : '';
      let word = '';
      if (quote !== '') at++;
      for (; ; at++) {
        if (at >= text.length) {
          if (quote !== '') throw refuse(from, `the quote ${quote} is not closed`);
          break;
        }
        const one = text.charAt(at);
        if (one === '\0') throw refuse(line, 'found a NUL byte, expected text');
        if (quote !== '' ? one === quote : /[\s;]/.test(one) || (one === '{' && !word.endsWith('$'))) break;
        if (one === '\n') line++;
        if (one !== '\\') word += one;
        else {
          const escaped = text.charAt(++at);
          if (escaped === '\n') line++;
          // nginx removes a backslash only before these characters, so that regular expressions keep theirs.
          word +=
            `"'\\ \t`.includes(escaped) && escaped !== '' ? (escaped === '\\' ? '\\\\' : escaped) : `\\${escaped}`;
        }
      }
      if (quote !== '') at++;
      if (quote !== '' && /[^\s;{)]/.test(text.charAt(at) || ' ')) {
        throw refuse(
          line,
          `found ${JSON.stringify(text.charAt(at))} right after a quote, expected a space, ";" or "{"`,
        );
      }
      tokens.push({ kind: 'word', text: word, line: from, lastLine: line });
    }
  }
  tokens.push({ kind: 'end', text: '', line, lastLine: line });
  return tokens;
}
