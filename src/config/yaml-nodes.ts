/** What YAML allows and a config does not: fields that stand twice, merge keys, aliases that lead nowhere or into themselves. */
import { type Alias, type Document, isAlias, isMap, isScalar, isSeq, type Pair } from 'yaml';
import { type Path, type Position, reservedName } from './problem.ts';

export interface NodeMistake {
  readonly path: Path;
  /** Where it stands in the text. */
  readonly offset: number;
  readonly text: string;
}

/** `positionOf`: of an offset in the text. */
export function nodeMistakes(document: Document.Parsed, positionOf: (offset: number) => Position): NodeMistake[] {
  const found: NodeMistake[] = [];

  const walkPair = (pair: Pair, path: Path, first: Map<string, number>, within: readonly unknown[]): void => {
    const { key, value } = pair;
    if (!isScalar(key)) return;
    const name = String(key.value);
    const offset = key.range?.[0] ?? 0;
    const own = [...path, name];
    const before = first.get(name);
    if (before !== undefined) {
      const { line, column } = positionOf(before);
      found.push({ path: own, offset, text: `stands twice, first in line ${line}, column ${column}: expected once` });
    } else first.set(name, offset);
    if (name === '<<' && key.type === 'PLAIN') {
      const text =
        'found a merge key, which is not known here: write the fields out, or name all of a value with an alias (NAME: *ANCHOR)';
      found.push({ path: own, offset, text });
      return;
    }
    if (name.startsWith('//')) {
      found.push({ path, offset, text: 'found //, expected # before a comment' });
      return;
    }
    const reserved = reservedName(name);
    if (reserved !== null) found.push({ path: own, offset, text: reserved });
    walk(value, own, within);
  };

  const walkAlias = (alias: Alias, path: Path, within: readonly unknown[]): void => {
    const target = alias.resolve(document);
    const offset = alias.range?.[0] ?? 0;
    if (target === undefined) {
      const text =
        'found *, which begins the name of an alias, and no & with this name before it: quote a text that begins with *';
      found.push({ path, offset, text });
    } else if (within.includes(target)) {
      found.push({
        path,
        offset,
        text: 'this alias stands within what it stands for, and would never end: write its value out',
      });
    }
    // What else it stands for is looked at where it is written.
  };

  const walk = (node: unknown, path: Path, within: readonly unknown[]): void => {
    if (isAlias(node)) walkAlias(node, path, within);
    else if (isMap(node)) {
      const first = new Map<string, number>();
      for (const pair of node.items) walkPair(pair, path, first, [...within, node]);
    } else if (isSeq(node)) {
      for (const [index, item] of node.items.entries()) walk(item, [...path, index], [...within, node]);
    }
  };

  walk(document.contents, [], []);
  return found;
}
