/** What is wrong with a config, in words by which a person can correct it: where it is, what was found, what is expected. */
import { UsageError } from '../errors.ts';

/** The way to a field from the top of the config: names of fields, and positions in lists from 0. */
export type Path = readonly (string | number)[];

/** One thing that is wrong with a config. */
export interface Problem {
  /** `error`: the config cannot be used. `warning`: it can, but is likely not what was meant. */
  readonly level: 'error' | 'warning';
  /** Of the field, from the top of the config: `['pools', 'shop', 'balance']`. Empty: the config as a whole. */
  readonly path: Path;
  /** What was found there and what is expected. It never holds a secret. */
  readonly text: string;
  /** Which part of the field is wrong. Default: its value. */
  readonly part?: 'name' | 'value';
  /** Where it is, when the path does not tell (YAML that cannot be read). */
  readonly at?: Position;
}

/** A place in a file. */
export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
}

/** Where a config came from. */
export interface Source {
  /** The file as the user named it. */
  readonly name: string;
  /** Where the field stands; null when the source has no lines (a module, a value). */
  readonly locate: (path: Path, part: 'name' | 'value') => Position | null;
  /** The field and what is wrong there, where it is not written as a file has it. */
  readonly words?: (path: Path, text: string) => string;
}

/**
 * A config that cannot be used. The message has a line for each problem.
 *
 * @example
 * ```ts
 * try {
 *   await startLimpet(config);
 * } catch (error) {
 *   if (!(error instanceof ConfigError)) throw error;
 *   for (const { path, text } of error.problems) console.error(path.join('.'), text);
 * }
 * ```
 */
export class ConfigError extends UsageError {
  /** All that is wrong, not only the first; warnings too. */
  readonly problems: readonly Problem[];

  /** `source`: where the config came from, for the message. @internal */
  constructor(source: Source, problems: readonly Problem[]) {
    super(formatProblems(source, problems));
    this.problems = problems;
  }
}

/** `pools.shop.servers[1].weight`; a key that is not plain is quoted. */
export function pathText(path: Path): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`;
      if (!/^[\w-]+$/.test(part)) return `[${JSON.stringify(part)}]`;
      return index === 0 ? part : `.${part}`;
    })
    .join('');
}

/** One line each, in the order of the file: `    E: limpet.yaml:7:14  pools.shop.balance: found ..., expected ...`. */
export function formatProblems(source: Source, problems: readonly Problem[]): string {
  return problems
    .map((problem) => ({ problem, at: problem.at ?? source.locate(problem.path, problem.part ?? 'value') }))
    .sort((a, b) => (a.at?.line ?? 0) - (b.at?.line ?? 0) || (a.at?.column ?? 0) - (b.at?.column ?? 0))
    .map(({ problem: { level, path, text }, at }) => {
      const where = at === null ? source.name : `${source.name}:${at.line}:${at.column}`;
      const field = path.length === 0 ? '' : `${pathText(path)}: `;
      return `    ${level === 'error' ? 'E' : 'W'}: ${where}  ${source.words?.(path, text) ?? `${field}${text}`}`;
    })
    .join('\n');
}

export function error(path: Path, text: string): Problem {
  return { level: 'error', path, text };
}

export function warning(path: Path, text: string): Problem {
  return { level: 'warning', path, text };
}

/** What JavaScript finds in every object: as the name of something it would be found where there is none. null: another name. */
export function reservedName(name: string): string | null {
  if (name !== '__proto__' && name !== 'constructor' && name !== 'prototype') return null;
  return `found the name ${name}, which JavaScript keeps for itself, expected another one`;
}

/** A name that should be one of `names`. */
export function unknownName(what: string, name: string, names: readonly string[]): string {
  const near = suggest(name, names);
  const hint = near === undefined ? `expected one of ${names.join(', ')}` : `did you mean "${near}"?`;
  return `there is no ${what} "${name}", ${hint}`;
}

/** The choice that was most likely meant, at most two edits (one in a short word) away; undefined when none is near. */
export function suggest(word: string, choices: readonly string[]): string | undefined {
  const near = choices
    .map((choice) => ({ choice, edits: editDistance(word.toLowerCase(), choice.toLowerCase()) }))
    .filter(({ choice, edits }) => edits <= (Math.min(word.length, choice.length) < 5 ? 1 : 2))
    .sort((a, b) => a.edits - b.edits);
  return near[0]?.choice;
}

/** Optimal string alignment: insert, delete, replace, and swap of two neighbours, each one edit. */
function editDistance(a: string, b: string): number {
  // Longer words are near nothing; this also bounds the work on a hostile key.
  if (Math.abs(a.length - b.length) > 2) return Number.POSITIVE_INFINITY;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let edits = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) edits = Math.min(edits, before[j - 2]! + 1);
      row.push(edits);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}
