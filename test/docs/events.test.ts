/** docs/reference/events.md against the table of events: each name has its entry, with its level and its fields. */
import { expect, test } from 'vitest';
import { eventTable } from '../../src/events/event.ts';
import { codesIn, read, rowsBelow } from './tables.ts';

const page = read('docs/reference/events.md');
const headings = Array.from(page.matchAll(/^### `([a-z.-]+)`\n\nLevel `([a-z]+)`\. /gm), ([, name, level]) => [
  name,
  level,
]);

test('names and levels, in the order of the table', () => {
  expect(headings).toEqual(Object.entries(eventTable).map(([name, { level }]) => [name, level]));
});

test.each(Object.entries(eventTable))('the fields of %s', (name, { fields }) => {
  const rows = rowsBelow(page, `\`${name}\``);
  expect(rows.flatMap(([field = '']) => codesIn(field))).toEqual(Object.keys(fields));
});
