/** Figures as text, rows in view, and addresses after the #. */
import { expect, test } from 'vitest';
import { readRoute, serverLink } from '../state/route.ts';
import { millis, percent, rate, short, span, timeOf } from './format.ts';
import { rowsInView } from './window.ts';

test('figures are short', () => {
  expect([0, 999, 9_999, 12_345, 1_000_000].map(short)).toEqual(['0', '999', '9,999', '12.3K', '1M']);
  expect([0, 0.25, 9.94, 12.4, 45_678].map(rate)).toEqual(['0', '0.3', '9.9', '12', '45.7K']);
  expect([0.5, 2.34, 250.2, 12_345].map(millis)).toEqual(['0.50 ms', '2.3 ms', '250 ms', '12.3 s']);
  expect([percent(1, 3), percent(0, 0)]).toEqual(['33%', '–']);
  expect([4_000, 65_000, 3_600_000, 90_000_000].map(span)).toEqual(['4 s', '1 min 5 s', '1 h', '1 d 1 h']);
  expect([timeOf(5), timeOf('1970-01-01T00:00:01Z'), timeOf('soon'), timeOf(null)]).toEqual([5, 1_000, null, null]);
});

test('only rows near the view are rendered', () => {
  expect(rowsInView(0, 500, 50, 1_000_000)).toEqual({ from: 0, to: 18 });
  expect(rowsInView(50_000, 500, 50, 1_000_000)).toEqual({ from: 992, to: 1_018 });
  expect(rowsInView(0, 500, 50, 3)).toEqual({ from: 0, to: 3 });
  // The list has become shorter than it was scrolled.
  expect(rowsInView(9_000, 500, 50, 3)).toEqual({ from: 3, to: 3 });
});

test('an address after the # names a view, a server, and what is looked for', () => {
  expect(readRoute('')).toMatchObject({ view: 'overview', server: null });
  expect(readRoute('#/nowhere')).toMatchObject({ view: 'overview' });
  expect(readRoute(serverLink('a/b', 'ü 1'))).toMatchObject({ view: 'servers', server: { pool: 'a/b', name: 'ü 1' } });
  expect(readRoute('#/sessions?find=5d41402a').query.get('find')).toBe('5d41402a');
  expect(readRoute('#/servers/%E0%A4%A/x')).toMatchObject({ server: { pool: '%E0%A4%A', name: 'x' } });
});
