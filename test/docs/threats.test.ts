/** docs/threat-model.md: each threat has a defence, and the fields, counters and tests that it names are there. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { counterRows } from '../../src/metrics/counters.ts';
import { root } from './blocks.ts';
import { codesIn, fieldPaths, read, rowsBelow } from './tables.ts';

const page = read('docs/threat-model.md');
const headings = Array.from(page.matchAll(/^## (.*)$/gm), ([, heading = '']) => heading);
const counters = new Set(counterRows.map(({ name }) => name));
const fields = new Set(fieldPaths());

test('there are five tables', () => {
  expect(headings.length).toBe(5);
});

/** Fields of the last table are those of pools. */
const placeOf = (heading: string) => (heading.startsWith('What servers') ? 'pools' : 'listeners');

describe.each(headings)('%s', (heading) => {
  test.each(rowsBelow(page, heading).map((cells) => ({ threat: cells[0] ?? '', cells })))('$threat', ({ cells }) => {
    const [threat = '', defence = '', limit = '', counter = '', tests = ''] = cells;
    expect(cells.length).toBe(5);
    expect([threat, defence]).not.toContain('');
    for (const field of codesIn(limit)) expect(fields, field).toContain(`${placeOf(heading)}.${field}`);
    for (const name of codesIn(counter)) expect(counters, name).toContain(name);
    const files = codesIn(tests);
    expect(files.length, 'a test').toBeGreaterThan(0);
    for (const file of files) expect(existsSync(resolve(root, file)), file).toBe(true);
  });
});
