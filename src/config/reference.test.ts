import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configTypes } from './declaration.ts';
import { jsonSchema } from './json-schema.ts';
import { configPage } from './reference.ts';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');

test('the committed schema, page and types are those of the code (else: npm run schema)', () => {
  expect(read('../../docs/reference/limpet.schema.json')).toBe(jsonSchema());
  expect(read('../../docs/reference/config.md')).toBe(configPage());
  expect(read('config.ts')).toBe(configTypes());
});

test('every field has a meaning', () => {
  const rows = configPage().matchAll(/^\| `(\S+)` \|.*\| ([^|]*) \|$/gm);
  const silent = Array.from(rows, ([, name, meaning]) => ({ name, meaning })).filter(({ meaning }) => meaning === '');
  expect(silent).toEqual([]);
});
