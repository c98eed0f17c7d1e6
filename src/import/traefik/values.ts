/** Settings of Traefik as they are found: names count however they are spelled, lists may be written with commas. */

import { formatDuration } from '../../config/units.ts';
import { longestTimer } from '../nginx/values.ts';
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

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of `1m30s`, `1.5s`, or of a number of seconds. null: no time. */
export function goDuration(text: string | null): number | null {
  if (text === null || !/^(?:\d{1,9}|(?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h))+)$/.test(text)) return null;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  let sum = 0;
  for (const [, count, unit = ''] of text.matchAll(/([0-9.]+)(ms|[smh])/g)) sum += Number(count) * (units[unit] ?? 0);
  return Math.round(sum);
}

/** As a timer of ours has it; 0 is `off`. */
export function timer(milliseconds: number): string {
  return milliseconds === 0 ? 'off' : formatDuration(Math.min(milliseconds, longestTimer));
}

/** A variable or a template, whose value is not in the file. */
export function isTemplate(text: string): boolean {
  return /\$\{|\{\{|%\{/.test(text);
}
