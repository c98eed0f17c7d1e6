import { expect, test } from 'vitest';
import { ServerNames } from './server-names.ts';

const names = new ServerNames<string>();
names.add(['a.example', '*.a.example'], 'first');
names.add(['x.a.example', 'a.example', '*.a.example', '*.b.example'], 'second');

test.each([
  ['a.example', 'first'],
  ['A.Example', 'first'],
  ['y.a.example', 'first'],
  ['Y.A.EXAMPLE', 'first'],
  ['x.a.example', 'second'],
  ['y.b.example', 'second'],
  ['b.example', undefined],
  ['z.y.b.example', undefined],
  ['.b.example', undefined],
  ['*.b.example', 'second'],
  ['example', undefined],
  ['', undefined],
])('%j is shown %s', (name, expected) => {
  expect(names.find(name)).toBe(expected);
});
