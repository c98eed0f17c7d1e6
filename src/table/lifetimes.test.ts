import { describe, expect, test } from 'vitest';
import { UsageError } from '../errors.ts';
import { Lifetimes } from './lifetimes.ts';
import { Entry, SessionTable } from './table.ts';

const key = { hi: 1, lo: 1 };
const out = new Entry();

test('a name keeps its number, and its new times count for the sessions that are there', () => {
  const table = SessionTable.create({ capacity: 80 });
  const lifetimes = new Lifetimes(table);
  const learn = lifetimes.numberOf('shop learn', { idle: 100, absolute: 0 });
  expect(lifetimes.numberOf('shop address', { idle: 5, absolute: 5 })).not.toBe(learn);
  table.bind(key, 1, 1000, out, learn);
  expect(table.find(key, 1099, out)).toBe('live');
  expect(lifetimes.numberOf('shop learn', { idle: 50, absolute: 0 })).toBe(learn);
  expect(table.find(key, 1049, out)).toBe('live');
  expect(table.find(key, 1050, out)).toBe('idle');
  expect(lifetimes.names()).toEqual(['', 'shop learn', 'shop address']);
  expect(lifetimes.names().indexOf('shop learn')).toBe(learn);
});

test('number 0 is nobody’s and has no limit', () => {
  const table = SessionTable.create({ capacity: 80 });
  expect(new Lifetimes(table).numberOf('shop learn', { idle: 1, absolute: 1 })).toBe(1);
  table.bind(key, 1, 1000, out);
  expect(table.find(key, 0xffff_ffff, out)).toBe('live');
});

test('the 256th name is refused, and the others stay', () => {
  const lifetimes = new Lifetimes(SessionTable.create({ capacity: 80 }));
  for (let n = 1; n <= 255; n++) expect(lifetimes.numberOf(`pool ${n}`, { idle: n, absolute: 0 })).toBe(n);
  const refused = () => lifetimes.numberOf('one more', { idle: 1, absolute: 0 });
  expect(refused).toThrow(UsageError);
  expect(refused).toThrow('no number is free for the sessions of one more: all 255 are in use');
  expect(lifetimes.numberOf('pool 255', { idle: 1, absolute: 0 })).toBe(255);
  expect(lifetimes.names()).toHaveLength(256);
});

describe('when all numbers were given, one of a name that is configured no more is given again', () => {
  const configured = (...names: readonly string[]) => new Map(names.map((name) => [name, 0]));
  const full = (first: { readonly idle: number; readonly absolute: number }) => {
    const table = SessionTable.create({ capacity: 80 });
    const lifetimes = new Lifetimes(table);
    const names = Array.from({ length: 255 }, (_, n) => `pool ${n + 1}`);
    for (const name of names) lifetimes.numberOf(name, name === 'pool 1' ? first : { idle: 0, absolute: 0 });
    lifetimes.keep(configured(...names.slice(1)), 1000);
    return lifetimes;
  };
  const other = { idle: 1, absolute: 0 };

  test.each([
    [{ idle: 600, absolute: 0 }, 600],
    [{ idle: 0, absolute: 300 }, 300],
    [{ idle: 600, absolute: 300 }, 300],
  ])('when its sessions are beyond their time: %o', (times, longest) => {
    const lifetimes = full(times);
    expect(() => lifetimes.numberOf('other', other, 1000 + longest + 59)).toThrow('no number is free');
    expect(lifetimes.numberOf('other', other, 1000 + longest + 60)).toBe(1);
    expect(lifetimes.names()[1]).toBe('other');
    expect(() => lifetimes.numberOf('pool 1', times, 1_000_000)).toThrow('no number is free');
  });

  test('and never one whose sessions have no limit, or that is configured again', () => {
    expect(() => full({ idle: 0, absolute: 0 }).numberOf('other', other, 1e9)).toThrow('no number is free');
    const lifetimes = full({ idle: 10, absolute: 0 });
    expect(lifetimes.numberOf('pool 1', { idle: 10, absolute: 0 }, 1100)).toBe(1);
    expect(() => lifetimes.numberOf('other', other, 1e9)).toThrow('no number is free');
  });
});
