/** Reads a YAML config and remembers where each field stands. JSON is YAML too. */
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Path, Position, Problem } from './problem.ts';

export interface YamlConfig {
  readonly value: unknown;
  /** Of the field, or of the nearest thing around it that stands in the file. */
  readonly locate: (path: Path, part: 'name' | 'value') => Position | null;
  /** With syntax errors there is no value worth checking. */
  readonly problems: readonly Problem[];
}

/** Syntax errors, repeated keys and aliases that would grow without end (yaml's own limit) are problems. */
export function readYaml(text: string): YamlConfig {
  const lineCounter = new LineCounter();
  // Pretty errors quote the lines around the mistake, which may hold a secret.
  const document = parseDocument(text, { lineCounter, prettyErrors: false, stringKeys: true });
  const positionOf = (offset: number): Position => {
    const { line, col } = lineCounter.linePos(offset);
    return { line, column: col };
  };
  const locate: YamlConfig['locate'] = (path, part) => positionOf(offsetOf(document, path, part));
  const problems = document.errors.map((error) => ({
    level: 'error' as const,
    path: [],
    text: `not valid YAML: ${plain(error.message, text, error.code)}${hintFor(text, error.pos[0])}`,
    at: positionOf(error.pos[0]),
  }));
  if (problems.length > 0) return { value: undefined, locate, problems };
  try {
    return { value: document.toJS(), locate, problems };
  } catch (error) {
    // ReferenceError: an alias without its anchor, or a bomb of aliases.
    const what = error instanceof Error ? error.message : String(error);
    const told = `not valid YAML: ${plain(what, text)}`;
    return { value: undefined, locate, problems: [{ level: 'error', path: [], text: told }] };
  }
}

/** Without what it quotes of the file, behind a colon: to YAML a password may be a tag, an alias, or no token at all. */
function plain(message: string, text: string, code = ''): string {
  if (code === 'TAG_RESOLVE_FAILED') return 'a tag that is not known; quote a text that begins with !';
  if (code === 'BAD_DQ_ESCAPE') return 'Invalid escape sequence';
  const at = [...message.matchAll(/: /g)].find(({ index }) => isQuoted(message.slice(index + 2), text))?.index;
  return message.slice(0, at).replace(/\.?$/, '');
}

/** Whether that begins with something that stands in the file, as it is or as JSON writes it. */
function isQuoted(part: string, text: string): boolean {
  return part.startsWith('"') || text.includes(part.split(': ', 1)[0]!.trim());
}

/** Between [ ] and { } YAML takes the brace of `${NAME}` for a map of its own. */
function hintFor(text: string, offset: number): string {
  const from = text.lastIndexOf('\n', offset - 1) + 1;
  const line = text.slice(from, text.indexOf('\n', offset) + 1 || undefined);
  return /[[{,]\s*\$\{/.test(line) ? `; quote "\${NAME}" between [ ] or { }` : '';
}

function offsetOf(document: Document.Parsed, path: Path, wanted: 'name' | 'value'): number {
  let offset = 0;
  let node: unknown = document.contents;
  for (let depth = 0; ; depth++) {
    if (isAlias(node)) node = node.resolve(document);
    offset = startOf(node) ?? offset;
    const part = path[depth];
    if (part === undefined) return offset;
    if (isSeq(node) && typeof part === 'number') node = node.items[part];
    else if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
      if (pair === undefined) return offset;
      // The key until the value is known to stand somewhere: an empty value has no place of its own.
      offset = startOf(pair.key) ?? offset;
      if (wanted === 'name' && depth === path.length - 1) return offset;
      node = pair.value;
    } else return offset;
    if (node === undefined || node === null) return offset;
  }
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
