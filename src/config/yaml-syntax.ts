/**
 * What is wrong with a text that is no YAML, in words for a person. Of what the text says nothing is told: to YAML a password
 * may be a tag, an alias, or no token at all.
 */
import { CST, Lexer, type YAMLError } from 'yaml';

export interface Mistake {
  /** Where it stands in the text. */
  readonly offset: number;
  readonly text: string;
}

/** `lineOf`: of an offset, from 1. Never empty when `errors` is not. One mistake makes many errors: the first one counts. */
export function syntaxMistakes(
  text: string,
  errors: readonly YAMLError[],
  lineOf: (offset: number) => number,
): Mistake[] {
  const mark = /^(?:<{7} |={7}$|>{7} )/m.exec(text);
  if (errors.length > 0 && mark !== null) {
    return [{ offset: mark.index, text: 'a merge of versions left this line behind: keep one of the two parts' }];
  }
  const [first] = errors.toSorted((a, b) => a.pos[0] - b.pos[0]);
  if (first === undefined) return [];
  const tokens = tokensOf(text);
  const bare = bareVariables(tokens);
  return bare.length > 0 ? bare : [mistakeOf(first, text, tokens, lineOf)];
}

interface Token {
  readonly type: string | null;
  readonly source: string;
  readonly offset: number;
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let offset = 0;
  for (const source of new Lexer().lex(text)) {
    const type = CST.tokenType(source);
    // What a lexer puts in to tell of itself stands nowhere in the text.
    if (type === 'byte-order-mark' || !/^[\x02\x18\x1f]$/.test(source)) {
      tokens.push({ type, source, offset });
      offset += source.length;
    }
  }
  return tokens;
}

/** Between [ ] and { } YAML takes the brace of `${NAME}` for a map of its own. */
function bareVariables(tokens: readonly Token[]): Mistake[] {
  return tokens.flatMap(({ source, offset, type }, i) => {
    const next = tokens[i + 1];
    const then = tokens[i + 2];
    if (type !== null || !source.endsWith('$') || next?.type !== 'flow-map-start') return [];
    const name = /^[A-Za-z_]\w*/.exec(then?.source ?? '')?.[0];
    // Only what looks like the name of a variable: the rest of a broken text may be anything.
    const written = `\${${name ?? 'NAME'}}`;
    return [
      {
        offset: offset + source.length - 1,
        text: `${written} stands without quotes between [ ] or { }, where YAML takes its brace for a map: expected quotes around the whole text, such as "${written}"`,
      },
    ];
  });
}

function mistakeOf(
  error: YAMLError,
  text: string,
  tokens: readonly Token[],
  lineOf: (offset: number) => number,
): Mistake {
  const [offset] = error.pos;
  const { code, message } = error;
  if (/closing ["']?quote|closing ["']quote/.test(message)) {
    const quote = tokens.findLast((token) => token.offset < offset && /quoted-scalar$/.test(token.type ?? ''));
    return {
      offset: quote?.offset ?? offset,
      text: 'this quote is never closed: expected another one behind its text',
    };
  }
  if (/must be sufficiently indented and end with a/.test(message)) {
    const open = message.at(-1) === ']' ? 'flow-seq-start' : 'flow-map-start';
    const from = opened(tokens, offset, open);
    if (from !== undefined) {
      const [begin, end] = open === 'flow-seq-start' ? ['[', ']'] : ['{', '}'];
      return { offset: from, text: `this ${begin} is not closed before line ${lineOf(offset)}: expected ${end}` };
    }
  }
  if (text.startsWith('{{', offset - 1)) {
    return { offset: offset - 1, text: 'found {{, a template that nobody has filled in: expected a value' };
  }
  return { offset, text: wordsFor(code, message, text[offset] ?? '') };
}

/** The last bracket of that kind that is open at `until`. */
function opened(tokens: readonly Token[], until: number, kind: string): number | undefined {
  const open: Token[] = [];
  for (const token of tokens) {
    if (token.offset >= until) break;
    if (token.type === 'flow-seq-start' || token.type === 'flow-map-start') open.push(token);
    else if (token.type === 'flow-seq-end' || token.type === 'flow-map-end') open.pop();
  }
  return open.findLast(({ type }) => type === kind)?.offset;
}

const missing: readonly (readonly [RegExp, string])[] = [
  [/^Missing ,/, 'expected a comma between two items of [ ] or { }'],
  [/^Missing space after :/, 'expected a space behind the colon'],
  [/followed by map values/, 'expected a colon and a value behind this name'],
  [/^Sequence item without/, 'expected a dash and a space before an item of the list'],
  [/^Comments must be separated/, 'expected a space before the # of a comment'],
  [/^Missing directives-end/, 'expected a line with --- behind those that begin with %'],
];

/** `char`: what stands there. */
function wordsFor(code: YAMLError['code'], message: string, char: string): string {
  switch (code) {
    case 'TAB_AS_INDENT':
      return 'a tab indents this line, expected spaces';
    case 'BAD_INDENT':
      return 'this line is indented otherwise than those beside it: expected as many spaces as there';
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'a second colon in one line, expected one: quote a text that has a colon and a space in it';
    case 'MULTILINE_IMPLICIT_KEY':
      return 'a name, its colon and the beginning of its value stand in one line, expected NAME: here';
    case 'KEY_OVER_1024_CHARS':
      return 'a name of more than 1024 characters, expected a colon earlier';
    case 'BAD_SCALAR_START':
      return `found ${char} before a text, expected quotes around a text that begins with it`;
    case 'BAD_DQ_ESCAPE':
      return 'found a backslash and no escape of YAML: expected \\\\ for a backslash, or single quotes';
    case 'TAG_RESOLVE_FAILED':
    case 'BAD_COLLECTION_TYPE':
    case 'MULTIPLE_TAGS':
      return 'found a tag that is not known: expected none, and quotes around a text that begins with !';
    case 'BAD_DIRECTIVE':
      return 'found a directive that is not known: expected %YAML 1.2 or none, and quotes around a text that begins with %';
    case 'BAD_ALIAS':
    case 'ALIAS_PROPS':
    case 'MULTIPLE_ANCHORS':
    case 'BAD_PROP_ORDER':
      return 'found & or * where none can be: expected quotes around a text that begins with it';
    case 'NON_STRING_KEY':
      return 'found a list or a map as a name, expected a text: quote a text that begins with [ or {';
    case 'MULTIPLE_DOCS':
      return 'a second YAML document begins here, expected one in a file';
    case 'RESOURCE_EXHAUSTION':
      return 'too many lists and maps within each other';
    default: {
      const known = missing.find(([pattern]) => pattern.test(message))?.[1];
      if (known !== undefined) return known;
      if (message.startsWith('Block scalar header'))
        return 'found a text behind | or >, expected it in the next line: quote a text that begins with | or >';
      if (char === ']' || char === '}')
        return `this ${char} closes nothing: is a colon, a space behind one, or a bracket missing before it?`;
      return 'this is not expected here: is a quote, a colon or a bracket missing before it?';
    }
  }
}
