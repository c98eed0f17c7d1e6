import { describe, expect, test } from 'vitest';
import { ServerNumbers } from './numbers.ts';
import { Entry, SessionTable } from './table.ts';

function make(servers: number) {
  const table = SessionTable.create({ capacity: 80, lifetimes: [{ idle: 0, absolute: 0 }], servers });
  return { table, numbers: new ServerNumbers(table) };
}

const key = { hi: 1, lo: 1 };
const out = new Entry();

test('a name keeps its number, and a number tells its name', () => {
  const { numbers } = make(5);
  const first = numbers.numberOf('shop/a', 0);
  expect(numbers.numberOf('shop/b', 0)).not.toBe(first);
  expect(numbers.numberOf('shop/a', 0)).toBe(first);
  expect(numbers.nameOf(first)).toBe('shop/a');
  expect(numbers.nameOf(0)).toBeUndefined();
});

test('a server that comes back has its number again', () => {
  const { numbers } = make(5);
  const first = numbers.numberOf('shop/a', 0);
  numbers.giveBack('shop/a', 10);
  expect(numbers.numberOf('shop/b', 1000)).not.toBe(first);
  expect(numbers.numberOf('shop/a', 1000)).toBe(first);
});

describe('when all numbers were given', () => {
  test('one is given again only after the workers can no longer bind to it', () => {
    const { numbers } = make(2);
    const first = numbers.numberOf('shop/a', 0);
    numbers.numberOf('shop/b', 0);
    expect(() => numbers.numberOf('shop/c', 0)).toThrow('no server number is free');
    numbers.giveBack('shop/a', 100);
    expect(() => numbers.numberOf('shop/c', 159)).toThrow('no server number is free');
    expect(numbers.numberOf('shop/c', 160)).toBe(first);
    expect(numbers.nameOf(first)).toBe('shop/c');
    expect(numbers.has('shop/a')).toBe(false);
  });

  test('one under which something still runs is not given again', () => {
    const running = new Set<number>();
    const table = SessionTable.create({ capacity: 80, lifetimes: [{ idle: 0, absolute: 0 }], servers: 1 });
    const numbers = new ServerNumbers(table, (number) => running.has(number));
    running.add(numbers.numberOf('shop/a', 0));
    numbers.giveBack('shop/a', 0);
    expect(() => numbers.numberOf('shop/b', 100)).toThrow('no server number is free');
    running.clear();
    expect(numbers.numberOf('shop/b', 100)).toBe(1);
  });

  test('one that a session names is not given again, another one is', () => {
    const { table, numbers } = make(2);
    table.bind(key, numbers.numberOf('shop/a', 0), 0, out);
    const second = numbers.numberOf('shop/b', 0);
    numbers.giveBack('shop/a', 0);
    numbers.giveBack('shop/b', 0);
    expect(numbers.numberOf('shop/c', 60)).toBe(second);
    expect(() => numbers.numberOf('shop/d', 60)).toThrow('no server number is free');
    table.end(key, 60);
    expect(numbers.numberOf('shop/d', 60)).toBe(1);
  });

  test('one under which an exchange runs is not given again', () => {
    const busy = new Set([1]);
    const { table } = make(2);
    const numbers = new ServerNumbers(table, (number) => busy.has(number));
    for (const name of ['shop/a', 'shop/b']) numbers.numberOf(name, 0);
    numbers.giveBack('shop/a', 0);
    expect(() => numbers.numberOf('shop/c', 1000)).toThrow('no server number is free');
    busy.clear();
    expect(numbers.numberOf('shop/c', 1000)).toBe(1);
  });
});
