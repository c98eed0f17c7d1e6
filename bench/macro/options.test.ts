import { describe, expect, test } from 'vitest';
import { parseCoreList } from './machine.ts';
import { parseOptions } from './options.ts';
import { hasSticky } from './rivals/nginx.ts';

const parse = (...args: string[]) => parseOptions(args, ['relay', 'haproxy', 'nginx']);

describe('parseOptions', () => {
  test('defaults', () => {
    expect(parse()).toEqual({
      rounds: 5,
      seconds: 3,
      warmup: 2,
      connections: 64,
      only: ['relay', 'haproxy', 'nginx'],
      smoke: false,
      write: false,
    });
  });

  test('--smoke is one round of a second', () => {
    expect(parse('--smoke')).toMatchObject({ rounds: 1, seconds: 1, warmup: 1, smoke: true });
  });

  test('--only keeps the order of the report', () => {
    expect(parse('--only', 'nginx,relay').only).toEqual(['relay', 'nginx']);
  });

  test.each([
    [['--only', 'apache'], 'the rivals are relay, haproxy, nginx'],
    [['--rounds', '0'], 'whole number from 1'],
    [['--seconds', '1.5'], 'whole number'],
    [['--connections', '64x'], 'whole number'],
    [['--smoke', '--write'], 'says nothing about speed'],
    [['--fast'], '--fast'],
  ])('%j is refused', (args, message) => {
    expect(() => parse(...args)).toThrow(message);
  });
});

test('core lists of Linux', () => {
  expect(parseCoreList('0-2,5')).toEqual([0, 1, 2, 5]);
  expect(parseCoreList('3')).toEqual([3]);
});

test('sticky cookies came to the free nginx with 1.29.6', () => {
  expect(['1.22.1', '1.29.5', '1.29.6', '1.29.10', '1.31.0', '2.0.0'].map(hasSticky)).toEqual([
    false,
    false,
    true,
    true,
    true,
    true,
  ]);
});
