/**
 * Values that are read once: `session.flash('info', 'Saved')` before a redirect, `await session.flash('info')` after it. They are a
 * list in one name of the session's data, so that they are kept, moved, fenced and undone as all of it is.
 */
import { isDeepStrictEqual } from 'node:util';
import type { SessionData } from './codec.ts';

export const flashName = 'limpet.flash';
/** Values that wait to be read; beyond it the oldest go: an app that nobody reads from must not fill its sessions. */
export const mostFlashes = 64;

type Flash = readonly [type: string, value: unknown];

function flashesIn(data: SessionData): readonly Flash[] {
  return Object.hasOwn(data, flashName) ? listOf(data[flashName]) : [];
}

export function hasFlash(data: SessionData, type: string): boolean {
  return flashesIn(data).some(([its]) => its === type);
}

export function addFlash(data: SessionData, type: string, value: unknown): void {
  keep(data, [...flashesIn(data), [type, value]]);
}

/** Those of that type, which are not there any more. */
export function takeFlashes(data: SessionData, type: string): unknown[] {
  const all = flashesIn(data);
  const taken = all.filter(([its]) => its === type);
  if (taken.length > 0)
    keep(
      data,
      all.filter(([its]) => its !== type),
    );
  return taken.map(([, value]) => value);
}

/** Two requests have added and read: what either has read is gone, what either has added is there. */
export function mergeFlashes(before: unknown, mine: unknown, theirs: unknown): readonly Flash[] | undefined {
  const [was, now, there] = [listOf(before), listOf(mine), listOf(theirs)];
  const all = [...without(there, without(was, now)), ...without(now, was)].slice(-mostFlashes);
  return all.length === 0 ? undefined : all;
}

function keep(data: SessionData, all: readonly Flash[]): void {
  if (all.length === 0) delete data[flashName];
  else data[flashName] = all.slice(-mostFlashes);
}

/** Each of `others` takes one that is equal from `all`. */
function without(all: readonly Flash[], others: readonly Flash[]): readonly Flash[] {
  const left = [...others];
  return all.filter((one) => {
    const at = left.findIndex((other) => isDeepStrictEqual(one, other));
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** Whatever else is found there counts as nothing. */
function listOf(value: unknown): readonly Flash[] {
  return Array.isArray(value) ? value.filter(isFlash) : [];
}

function isFlash(value: unknown): value is Flash {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === 'string';
}
