import type { Part } from '../yaml/part.ts';

/** `get` below `get`. */
export function field(part: Part | null, ...path: readonly string[]): Part | null {
  let found = part;
  for (const key of path) {
    const lower = key.toLowerCase();
    found = found?.get(key) ?? found?.entries().find(([name]) => name.toLowerCase() === lower)?.[1] ?? null;
  }
  return found;
}

export function fieldText(part: Part | null, ...path: readonly string[]): string | null {
  return field(part, ...path)?.text() ?? null;
}

export interface Named {
  readonly name: string;
  readonly part: Part;
}

/** Of a list, or of one value with commas in it. */
export function namesIn(part: Part | null): Named[] {
  const items = part?.items() ?? [];
  const texts = items.length > 0 ? items : part === null ? [] : [part];
  return texts.flatMap((one) =>
    (one.text() ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '')
      .map((name) => ({ name, part: one })),
  );
}

/** `app@file`, `app@docker` are `app`: everything of one input is of one place. */
export function localName(name: string): string {
  return name.replace(/@(?:file|docker|swarm|kubernetescrd)$/, '');
}

/** A variable or a template, whose value is not in the file. */
export function isTemplate(text: string): boolean {
  return /\$\{|\{\{|%\{/.test(text);
}
