/** Fixtures of the families with an expected result beside them: NAME.expected.yaml, reviewed by hand. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { families, importFixtures } from '../../test/support/import-fixtures.ts';
import { importText } from './import.ts';

/** `concerns`: line, and what a person has to know first; `config`: the limpet.yaml. */
interface Expected {
  readonly concerns: readonly string[];
  readonly config: unknown;
}

test('there are a hundred files in seven families', () => {
  expect(families.length).toBeGreaterThanOrEqual(7);
  expect(families.flatMap(importFixtures).length).toBeGreaterThanOrEqual(100);
});

describe.each(families)('%s', (family) => {
  const fixtures = importFixtures(family);

  test.each(fixtures.map((fixture) => [fixture.name, fixture] as const))('%s becomes what is expected', (_, one) => {
    const beside = one.file.replace(/\.[^.]*$/, '.expected.yaml');
    expect(existsSync(beside), beside).toBe(true);
    const expected = parse(readFileSync(beside, 'utf8')) as Expected;
    const { config, notes } = importText(one.text, one.name);
    const concerns = notes.flatMap(({ line, concern }) => (concern === undefined ? [] : [`${line} ${concern}`]));
    expect({ concerns: [...new Set(concerns)], config }).toEqual(expected);
  });
});
