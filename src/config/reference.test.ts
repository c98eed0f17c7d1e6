import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configPage, jsonSchema } from './reference.ts';

const read = (name: string) => readFileSync(new URL(`../../docs/reference/${name}`, import.meta.url), 'utf8');

test('the committed schema and page are those of the code (else: npm run schema)', () => {
  expect(read('limpet.schema.json')).toBe(jsonSchema());
  expect(read('config.md')).toBe(configPage());
});

test('every field has a meaning', () => {
  const rows = configPage().matchAll(/^\| `(\S+)` \|.*\| ([^|]*) \|$/gm);
  const silent = Array.from(rows, ([, name, meaning]) => ({ name, meaning })).filter(({ meaning }) => meaning === '');
  expect(silent).toEqual([]);
});
