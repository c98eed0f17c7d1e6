/** Reads fields of Traefik: names are case-insensitive, and a list may be one value with commas. */
import type { Part } from '../yaml/part.ts';

/** The part at this path. */
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

/** The names in a list, or in one value with commas. */
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

/** `app@file` and `app@docker` are `app`: a file has one namespace here. */
export function localName(name: string): string {
  return name.replace(/@(?:file|docker|swarm|kubernetescrd)$/, '');
}

/** The value holds a variable or a template expression. */
export function isTemplate(text: string): boolean {
  return /\$\{|\{\{|%\{/.test(text);
}
