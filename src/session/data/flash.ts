/**
 * Values that are read once: `session.flash('info', 'Saved')` before a redirect, `await session.flash('info')` after it. They are a
 * list under one name of the session's data, so that they are stored, moved, fenced and undone with all the rest.
 */
import { isDeepStrictEqual } from 'node:util';
import type { SessionData } from './codec.ts';

/** The name of the list in the data. */
export const flashName = 'limpet.flash';
/** Values that wait to be read; above it the oldest are dropped: an app that never reads them must not fill its sessions. */
export const maxFlashes = 64;

type Flash = readonly [type: string, value: unknown];

function flashesIn(data: SessionData): readonly Flash[] {
  return Object.hasOwn(data, flashName) ? listOf(data[flashName]) : [];
}

export function hasFlash(data: SessionData, type: string): boolean {
  return flashesIn(data).some(([itsType]) => itsType === type);
}

export function addFlash(data: SessionData, type: string, value: unknown): void {
  write(data, [...flashesIn(data), [type, value]]);
}

/** Removes the values of that type, and returns them. */
export function takeFlashes(data: SessionData, type: string): unknown[] {
  const all = flashesIn(data);
  const taken = all.filter(([itsType]) => itsType === type);
  if (taken.length > 0)
    write(
      data,
      all.filter(([itsType]) => itsType !== type),
    );
  return taken.map(([, value]) => value);
}

/** Two requests have added and taken values: what either has taken is gone, what either has added is there. */
export function mergeFlashes(before: unknown, mine: unknown, theirs: unknown): readonly Flash[] | undefined {
  const [was, now, stored] = [listOf(before), listOf(mine), listOf(theirs)];
  const all = [...without(stored, without(was, now)), ...without(now, was)].slice(-maxFlashes);
  return all.length === 0 ? undefined : all;
}

function write(data: SessionData, all: readonly Flash[]): void {
  if (all.length === 0) delete data[flashName];
  else data[flashName] = all.slice(-maxFlashes);
}

/** Each of `others` takes one equal value from `all`. */
function without(all: readonly Flash[], others: readonly Flash[]): readonly Flash[] {
  const left = [...others];
  return all.filter((one) => {
    const index = left.findIndex((other) => isDeepStrictEqual(one, other));
    if (index >= 0) left.splice(index, 1);
    return index < 0;
  });
}

/** Anything that is no such value is ignored: the app can write to that name too. */
function listOf(value: unknown): readonly Flash[] {
  return Array.isArray(value) ? value.filter(isFlash) : [];
}

function isFlash(value: unknown): value is Flash {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === 'string';
}
