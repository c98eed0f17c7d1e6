import { expect, test } from 'vitest';
import { type Figures, missesOf, rowOf } from './verdict.ts';

const good: Figures = { errors: {}, quiet: 1, attacked: 3, memory: 38, answersAgain: true, failures: null };
const haproxy: Figures = { ...good, memory: 19 };
const missed = (figures: Partial<Figures>, beside: Figures | null = haproxy) =>
  missesOf({ ...good, ...figures }, beside);

test('the goals as they stand are met', () => {
  expect(missed({})).toEqual([]);
});

test.each<[Partial<Figures>, string]>([
  [{ errors: { '503 no-server': 2 } }, 'errors: 2 503 no-server'],
  [{ attacked: 3.1 }, 'p99 3.1 times the quiet one'],
  [{ attacked: Number.NaN }, 'p99 NaN times the quiet one'],
  [{ memory: 39 }, '39 KB an attacker, at most 38'],
  [{ answersAgain: false }, 'not all are answered after it'],
  [{ failures: { count: 1, what: 'lost' } }, '1 lost'],
])('%j is a miss', (figures, text) => {
  expect(missed(figures)).toEqual([{ text, shared: false }]);
  const beside = { ...haproxy, ...figures, ...(figures.memory === undefined ? {} : { memory: 19 }) };
  expect(missed(figures, beside)[0]!.shared).toBe(figures.memory === undefined);
});

test('memory is compared with HAProxy’s only, and below a few pages with nothing', () => {
  expect(missed({ memory: 500 }, null)).toEqual([]);
  expect(missed({ memory: 7.9 }, { ...haproxy, memory: 0.1 })).toEqual([]);
});

test('a row', () => {
  expect(rowOf('x', 'it is not here')).toEqual(['x', 'it is not here']);
  expect(rowOf('x', { ...good, errors: { a: 1, b: 2 } })).toEqual([
    'x',
    '3',
    '1.00',
    '3.00',
    '3.0',
    '38.0',
    'all answered after it',
  ]);
});
