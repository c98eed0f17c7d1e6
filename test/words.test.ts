/** Names of old do not come back: neither in src, nor in the docs, the counters and the log. */
import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { counterRows } from '../src/metrics/counters.ts';
import { documents } from './docs/blocks.ts';
import { findDoubles, findInCode, findInName, findInProse } from './support/old-words.ts';

const root = resolve(import.meta.dirname, '..');

const sources = globSync('src/**/*.ts', { cwd: root }).sort();
/** Dated pages and the changelog say what was. */
const pages = documents().filter((path) => !path.startsWith('docs/design/') && path !== 'CHANGELOG.md');

function read(path: string): string {
  return readFileSync(resolve(root, path), 'utf8');
}

describe('old words', () => {
  const found = [
    ...sources.flatMap((path) => [
      ...findInName(path),
      ...findInCode(path, read(path)),
      ...findInProse(path, read(path)),
    ]),
    ...pages.flatMap((path) => findInProse(path, read(path))),
    ...findInProse('the counters', counterRows.map(({ name }) => name).join('\n')),
  ];

  test('stand nowhere', () => {
    expect(found.map(({ path, line, name, instead }) => `${path}:${line} ${name}: say ${instead}`)).toEqual([]);
  });

  test('of types: one name, one meaning', () => {
    const files = new Map(sources.filter((path) => !path.endsWith('.test.ts')).map((path) => [path, read(path)]));
    expect(findDoubles(files)).toEqual([]);
    const planted = { 'src/a.ts': 'export type Verdict = 1; class Record {}', 'src/b.ts': 'interface Verdict {}' };
    expect(findDoubles(new Map(Object.entries(planted)))).toEqual(['Verdict: src/a.ts, src/b.ts', 'Record: src/a.ts']);
  });

  test('would be seen', () => {
    const source = [
      '/** Hears the news. */',
      'export class Upstream { #late = 1; onNews() { return this.tellAll({ place: 1, latest: 2, asked: 3 }); } }',
      "const text = 'the roster'; type Record = typeof newsstand;",
    ].join('\n');
    expect(findInCode('src/a.ts', source).map(({ line, name }) => [line, name])).toEqual([
      [2, 'Upstream'],
      [2, 'late'],
      [2, 'onNews'],
      [2, 'tellAll'],
      [2, 'place'],
    ]);
    expect(findInProse('src/a.ts', source).map(({ line, name }) => [line, name])).toEqual([
      [1, 'hears'],
      [1, 'news'],
      [2, 'news'],
      [3, 'roster'],
    ]);
    expect(findInName('src/shared/roster.ts')).toHaveLength(1);
    expect(findInName('src/session/by-id.test.ts')).toHaveLength(1);
    expect(findInName('src/net/listener.ts')).toEqual([]);
  });
});
