import { describe, expect, test } from 'vitest';
import { parseCoreList } from './machine.ts';
import { parseOptions } from './options.ts';
import { hasSticky } from './rivals/nginx.ts';

const rivals = { all: ['relay', 'haproxy', 'nginx'], short: ['relay', 'haproxy'], full: ['nginx'], smoke: ['relay'] };
const workloads = { all: ['get', 'post', 'memory'], short: ['get'], full: ['get', 'post'], smoke: ['post'] };
const parse = (...args: string[]) => parseOptions(args, rivals, workloads);

describe('parseOptions', () => {
  test('defaults', () => {
    expect(parse()).toEqual({
      rounds: 5,
      seconds: 0.4,
      warming: 1,
      connections: 64,
      only: ['relay', 'haproxy'],
      workloads: ['get'],
      against: null,
      full: false,
      smoke: false,
      write: false,
    });
  });

  test('--full has more of everything, --smoke a moment of little', () => {
    expect(parse('--full')).toMatchObject({ seconds: 2, warming: 2, only: ['nginx'], workloads: ['get', 'post'] });
    expect(parse('--smoke')).toMatchObject({
      rounds: 1,
      seconds: 0.2,
      warming: 0,
      only: ['relay'],
      workloads: ['post'],
    });
  });

  test('--only and --workloads keep the order of the report', () => {
    expect(parse('--only', 'nginx,relay').only).toEqual(['relay', 'nginx']);
    expect(parse('--workloads', 'memory,get').workloads).toEqual(['get', 'memory']);
  });

  test.each([
    [['--only', 'apache'], 'the rivals are relay, haproxy, nginx'],
    [['--workloads', 'put'], 'the workloads are get, post, memory'],
    [['--rounds', '0'], 'whole number from 1'],
    [['--rounds', '1.5'], 'whole number'],
    [['--seconds', '0.01'], 'number from 0.1'],
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
