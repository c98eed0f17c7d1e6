/** Reads a YAML config and remembers where each field stands. JSON is YAML too. */
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Path, Position, Problem } from './problem.ts';
import { nodeMistakes } from './yaml-nodes.ts';
import { syntaxMistakes } from './yaml-syntax.ts';

export interface YamlConfig {
  readonly value: unknown;
  /** Of the field, or of the nearest thing around it that stands in the file. */
  readonly locate: (path: Path, part: 'name' | 'value') => Position | null;
  /** With errors of these kinds there is no value worth checking. */
  readonly problems: readonly Problem[];
}

/**
 * Syntax errors, fields that stand twice, tags, merge keys, names that JavaScript keeps for itself, and aliases that lead into
 * themselves or grow without end (yaml's own limit) are problems.
 */
export function readYaml(text: string): YamlConfig {
  const lineCounter = new LineCounter();
  // Pretty errors quote the lines around the mistake, which may hold a secret. What stands twice we tell ourselves, with both places.
  const document = parseDocument(text, { lineCounter, prettyErrors: false, stringKeys: true, uniqueKeys: false });
  const positionOf = (offset: number): Position => {
    const { line, col } = lineCounter.linePos(offset);
    return { line, column: col };
  };
  const locate: YamlConfig['locate'] = (path, part) => positionOf(offsetOf(document, path, part));
  const refuse = (problems: readonly Problem[]): YamlConfig => ({ value: undefined, locate, problems });
  // An unknown tag or directive is only a warning to yaml, and its value another one than was meant.
  const errors = [...document.errors, ...document.warnings];
  const syntax = syntaxMistakes(text, errors, (offset) => positionOf(offset).line);
  if (syntax.length > 0) {
    return refuse(syntax.map((one) => problem([], `not valid YAML: ${one.text}`, positionOf(one.offset))));
  }
  const nodes = nodeMistakes(document, positionOf);
  if (nodes.length > 0) return refuse(nodes.map((one) => problem(one.path, one.text, positionOf(one.offset))));
  try {
    return { value: document.toJS(), locate, problems: [] };
  } catch {
    // A ReferenceError: what is left is a bomb of aliases.
    return refuse([problem([], 'not valid YAML: its aliases stand for too much, expected fewer of them')]);
  }
}

function problem(path: Path, text: string, at?: Position): Problem {
  return { level: 'error', path, text, at };
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
