/** Reads a Caddyfile into directives: blocks, quotes, heredocs, comments, and the defaults of `{$VARIABLE:default}`. */
import { UsageError } from '../../errors.ts';
import type { Directive } from '../directive.ts';

export interface Caddyfile {
  /** Global options have no name; the name of a snippet is `(name)`; that of a site is its first address, `args` are the others. */
  readonly directives: readonly Directive[];
  /** Lines on which the default of a variable was used. */
  readonly defaults: ReadonlySet<number>;
}

interface Token {
  readonly text: string;
  readonly quoted: boolean;
  readonly line: number;
  /** It is the first token of its line. */
  readonly first: boolean;
}

const maxDepth = 64;

/** Throws UsageError, with the line, for a text that Caddy refuses too. */
export function parseCaddyfile(text: string, file: string): Caddyfile {
  const refuse = (line: number, what: string) => new UsageError(`${file}:${line}: ${what}`);
  const { tokens, defaults } = tokensOf(text, refuse);
  let at = 0;

  /** The words of one statement. The addresses of a site may continue on the next line after a comma. */
  const words = (depth: number): Token[] => {
    const found = [tokens[at++] as Token];
    for (let next = tokens[at]; next !== undefined; next = tokens[at]) {
      const last = found.at(-1);
      const goesOn = depth === 0 && last?.text.endsWith(',') === true && !last.quoted;
      if ((next.first && !goesOn) || isBrace(last, '{')) break;
      found.push(next);
      at++;
    }
    return found;
  };

  const statements = (depth: number, opened: number): Directive[] => {
    if (depth > maxDepth) throw refuse(opened, `found blocks nested more than ${maxDepth} deep, expected fewer`);
    const list: Directive[] = [];
    for (let next = tokens[at]; next !== undefined; next = tokens[at]) {
      if (isBrace(next, '}')) {
        if (depth === 0) throw refuse(next.line, 'found "}", expected a site or a snippet');
        return list;
      }
      const found = words(depth);
      const lines = new Set(found.map(({ line }) => line));
      const opens = isBrace(found.at(-1), '{');
      if (opens) found.pop();
      let block: Directive[] | null = null;
      if (opens) {
        block = statements(depth + 1, next.line);
        const close = tokens[at++];
        if (close === undefined) throw refuse(next.line, 'the file ends, expected "}" for the "{" of this line');
        lines.add(close.line);
        const following = tokens[at];
        if (following !== undefined && !following.first && !isBrace(following, '}')) {
          throw refuse(following.line, `found "${following.text.slice(0, 40)}" after "}", expected a new line`);
        }
      }
      const texts = found.map((token) => (depth === 0 ? token.text.replace(/,$/, '') : token.text));
      const [name = '', ...args] =
        depth === 0 ? texts.flatMap((one) => one.split(',')).filter((one) => one !== '') : texts;
      list.push({ name, args, block, line: next.line, lines: [...lines] });
    }
    return list;
  };

  const list = statements(0, 1);
  return { directives: wrapSingleSite(list), defaults };
}

/** A file with one site needs no braces. */
function wrapSingleSite(list: readonly Directive[]): Directive[] {
  const at = list.findIndex(({ name }) => name !== '' && !/^[&]?\(/.test(name));
  const site = list[at];
  if (site === undefined || site.block !== null) return [...list];
  return [...list.slice(0, at), { ...site, block: list.slice(at + 1) }];
}

function isBrace(token: Token | undefined, brace: string): boolean {
  return token !== undefined && token.text === brace && !token.quoted;
}

function tokensOf(text: string, refuse: (line: number, what: string) => UsageError) {
  const tokens: Token[] = [];
  const defaults = new Set<number>();
  let line = 1;
  let first = true;
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  const push = (raw: string, quoted: boolean, started: number): void => {
    const filled = raw.replace(/\{\$[A-Za-z_]\w*:([^{}]*)\}/g, (_, fallback: string) => {
      defaults.add(started);
      return fallback;
    });
    tokens.push({ text: filled, quoted, line: started, first });
    first = false;
  };
  while (at < text.length) {
    const char = text[at] ?? '';
    if (char === '\n') {
      line++;
      first = true;
      at++;
    } else if (/\s/.test(char)) at++;
    else if (char === '\\' && /^\\\r?\n/.test(text.slice(at, at + 3))) {
      at = text.indexOf('\n', at) + 1;
      line++;
    } else if (char === '#') {
      const end = text.indexOf('\n', at);
      at = end < 0 ? text.length : end;
    } else if (char === '"' || char === '`') {
      let end = at + 1;
      while (end < text.length && text[end] !== char) end += char === '"' && text[end] === '\\' ? 2 : 1;
      if (end >= text.length) throw refuse(line, `found ${char} without its end, expected another ${char}`);
      const raw = text.slice(at + 1, end);
      push(char === '"' ? raw.replaceAll('\\"', '"') : raw, true, line);
      line += raw.split('\n').length - 1;
      at = end + 1;
    } else if (/^<<\w+\r?\n/.test(text.slice(at, at + 80))) {
      const marker = /^<<(\w+)/.exec(text.slice(at, at + 80))?.[1] ?? '';
      const from = text.indexOf('\n', at) + 1;
      const close = new RegExp(`^[ \\t]*${marker}(?=\\s|$)`, 'm').exec(text.slice(from));
      if (close === null)
        throw refuse(line, `found <<${marker} without its end, expected ${marker} on a line of its own`);
      const body = text.slice(from, from + close.index);
      push(body, true, line);
      line += body.split('\n').length;
      at = from + close.index + close[0].length;
    } else {
      let end = at;
      while (end < text.length && !/\s/.test(text[end] ?? '')) end++;
      push(text.slice(at, end), false, line);
      at = end;
    }
  }
  return { tokens, defaults };
}
