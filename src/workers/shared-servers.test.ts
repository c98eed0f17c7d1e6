import { expect, test } from 'vitest';
import { findShared } from './shared-servers.ts';

const own = { shop: { a: '10.0.0.1:1', b: '10.0.0.2:1', c: '10.0.0.3:1' } };
const node = (name: string, shop: Record<string, string>) => ({ name, digest: { parts: {}, servers: { shop } } });

test('alone, or with nodes that have the same, all are shared', () => {
  expect(findShared(own, [])).toEqual({ missing: new Map(), ruledOut: [] });
  expect(findShared(own, [node('n', own.shop), { name: 'm', digest: null }])).toEqual({
    missing: new Map(),
    ruledOut: [],
  });
});

test('one that another node does not have, or has at another address, is missing', () => {
  const { missing } = findShared(own, [
    node('n', { a: '10.0.0.1:1', b: '10.0.0.9:1', c: '10.0.0.3:1' }),
    node('m', { a: '10.0.0.1:1', b: '10.0.0.2:1', d: '10.0.0.4:1' }),
  ]);
  expect(missing).toEqual(
    new Map([
      [
        'shop',
        new Map([
          ['b', 'n'],
          ['c', 'm'],
        ]),
      ],
    ]),
  );
});

test('where no server would be left, the rule does not hold', () => {
  expect(findShared(own, [node('n', { d: '10.0.0.4:1' })])).toEqual({ missing: new Map(), ruledOut: ['shop'] });
  expect(findShared(own, [{ name: 'n', digest: { parts: {}, servers: {} } }]).ruledOut).toEqual(['shop']);
});
