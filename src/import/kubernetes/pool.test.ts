import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { withoutVariables } from '../values.ts';
import { weigh } from '../weights.ts';
import { literalPrefix, pathOf } from './values.ts';

const servers = (...addresses: string[]) => addresses.map((address) => ({ name: undefined, address }));

describe('servers of several Services', () => {
  test('have together what their Service has', () => {
    const list = weigh([
      { servers: servers('a:1', 'b:1'), weight: 90 },
      { servers: servers('c:1', 'd:1', 'e:1'), weight: 10 },
    ]);
    expect(list.map(({ weight }) => weight)).toEqual([27, 27, 2, 2, 2]);
  });

  test('of one Service weigh the same, whatever it says', () => {
    expect(weigh([{ servers: servers('a:1', 'b:1'), weight: 0 }]).map(({ weight }) => weight)).toEqual([1, 1]);
  });

  test('keep a weight of 0', () => {
    const shares = [
      { servers: servers('a:1'), weight: 0 },
      { servers: servers('b:1'), weight: 7 },
    ];
    expect(weigh(shares).map(({ weight }) => weight)).toEqual([0, 1]);
  });

  test('are one where the address is one, and have one name each', () => {
    const shares = [
      { servers: [{ name: 'x', address: 'a:1' }], weight: 1 },
      { servers: [{ name: 'x', address: 'b:1' }, ...servers('a:1')], weight: 2 },
    ];
    expect(weigh(shares)).toEqual([
      { name: 'x', address: 'a:1', weight: 2 },
      { name: undefined, address: 'b:1', weight: 1 },
    ]);
  });

  test('keep their proportions, as whole numbers that a config may hold', () => {
    const share = fc.record({ count: fc.integer({ min: 1, max: 9 }), weight: fc.nat(1_000_000) });
    fc.assert(
      fc.property(fc.array(share, { minLength: 2, maxLength: 5 }), (shares) => {
        const list = weigh(
          shares.map(({ count, weight }, index) => ({
            servers: servers(...Array.from({ length: count }, (_, one) => `s${index}-${one}:1`)),
            weight,
          })),
        );
        const each = shares.flatMap(({ count, weight }) => Array.from({ length: count }, () => weight / count));
        const most = Math.max(...each);
        const top = Math.max(...list.map(({ weight }) => weight));
        for (const [index, { weight }] of list.entries()) {
          expect(Number.isInteger(weight) && weight <= 65_535).toBe(true);
          expect(weight === 0).toBe(each[index] === 0);
          if (most > 0) expect(Math.abs(weight / top - (each[index] ?? 0) / most)).toBeLessThan(0.002);
        }
      }),
    );
  });
});

test.each([
  ['/app(/|$)(.*)', '/app'],
  ['/app/?(.*)', '/app'],
  ['/apps?/x', '/'],
  ['/app/(.*)', '/app/'],
  ['/app/v[12]/x', '/app/'],
  ['/app.*', '/'],
  ['^/app/x$', '/app/x'],
  ['/app(v1|v2)', '/'],
  ['/', '/'],
  ['/plain/path', '/plain/path'],
  ['(?i)/x', ''],
])('the regular expression %s is taken for the prefix %s', (pattern, prefix) => {
  expect(literalPrefix(pattern)).toBe(prefix);
});

test('a path loses the slashes at its end, and one with a space or a question mark is none', () => {
  expect(['/', '/a/', '/a b', '/a?b', 'a'].map(pathOf)).toEqual(['/', '/a', null, null, null]);
});

test('no text of a file becomes a variable', () => {
  expect(withoutVariables({ a: ['$', '$$', `\${X}`, '/$1'] })).toEqual({ a: ['$', '$$$', `$\${X}`, '/$1'] });
});
