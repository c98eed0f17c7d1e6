import { describe, expect, test } from 'vitest';
import { parseStat, treeOf } from './cpu.ts';

const stat = (pid: number, parent: number, name = 'nginx') =>
  parseStat(`${pid} (${name}) S ${parent} 1 1 0 -1 4194560 10 20 0 0 7 11 2 3 20 0 1 0 99 1000 200`);

describe('parseStat', () => {
  test('adds the time of ended children, in microseconds', () => {
    expect(stat(12, 3)).toEqual({ pid: 12, parent: 3, user: 90_000, system: 140_000 });
  });

  test('a name may hold spaces and brackets', () => {
    expect(stat(12, 3, 'a) S 99 (b')).toEqual(stat(12, 3));
  });
});

describe('treeOf', () => {
  test('follows descendants of any depth and nobody else', () => {
    const all = [stat(5, 4), stat(4, 2), stat(2, 1), stat(3, 2), stat(9, 8)];
    const pids = treeOf(2, all).map(({ pid }) => pid);
    expect(pids.sort()).toEqual([2, 3, 4, 5]);
  });

  test('is empty once the root is gone', () => {
    expect(treeOf(7, [stat(2, 1)])).toEqual([]);
  });
});
