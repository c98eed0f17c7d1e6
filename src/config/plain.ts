/** What a module may give as a config: what YAML could say too. */
import { type Path, reservedName } from './problem.ts';

export interface PlainFlaw {
  readonly path: Path;
  readonly text: string;
}

/** Nothing: text, numbers, true, false, lists and maps, at any depth, and none that leads into itself. */
export function plainFlaws(value: unknown): PlainFlaw[] {
  const found: PlainFlaw[] = [];
  const walk = (node: unknown, path: Path, within: readonly unknown[]): void => {
    const kind = strangeKind(node);
    if (kind !== null) {
      found.push({ path, text: kind });
      return;
    }
    if (typeof node !== 'object' || node === null) return;
    if (within.includes(node)) {
      found.push({ path, text: 'found a value that stands within itself, expected one that ends' });
      return;
    }
    const inner = [...within, node];
    if (Array.isArray(node)) {
      for (const [index, item] of node.entries()) walk(item, [...path, index], inner);
      return;
    }
    for (const [name, item] of Object.entries(node)) {
      const reserved = reservedName(name);
      if (reserved !== null) found.push({ path: [...path, name], text: reserved });
      else walk(item, [...path, name], inner);
    }
  };
  walk(value, [], []);
  return found;
}

const plain = 'text, a number, true, false, a list or a map';

function strangeKind(node: unknown): string | null {
  if (typeof node === 'function') return 'found a function, expected what it gives: call it';
  if (typeof node === 'symbol' || typeof node === 'bigint') return `found a ${typeof node}, expected ${plain}`;
  if (typeof node !== 'object' || node === null || Array.isArray(node)) return null;
  if ('then' in node && typeof node.then === 'function') return 'found a promise, expected await before it';
  const prototype: unknown = Object.getPrototypeOf(node);
  // Another realm has another Object.
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return null;
  return `found a value of the class ${node.constructor.name}, expected ${plain}`;
}
