import { expect, test } from 'vitest';
import type { Config } from './config.ts';
import { diffOptions } from './diff.ts';
import { effectiveConfig } from './effective.ts';
import { readConfig } from './read.ts';

function optionsOf(config: Partial<Config>) {
  const whole = { listeners: [{ address: ':8080' }], pools: { shop: { servers: ['a:1', 'b:1'] } }, ...config };
  return readConfig(whole, { source: { name: 'x', locate: () => null }, env: {}, variables: false }).options;
}

const secret = (digit: string) => digit.repeat(64);

test('the same config has no difference, in whichever order its pools stand', () => {
  const [a, b] = [{ servers: ['a:1'] }, { servers: ['b:1'] }];
  const routes = [{ match: { path: '/' }, pool: 'x' }];
  expect(diffOptions(optionsOf({}), optionsOf({}))).toEqual([]);
  expect(
    diffOptions(optionsOf({ pools: { x: a, y: b }, routes }), optionsOf({ pools: { y: b, x: a }, routes })),
  ).toEqual([]);
});

test('a line for each field that is added, removed or changed', () => {
  const after = optionsOf({
    listeners: [{ address: ':8080' }, { address: ':8081' }],
    pools: { shop: { servers: ['b:1', { name: 'c', address: 'c:1', weight: 3 }], balance: 'random' } },
  });
  expect(diffOptions(optionsOf({}), after)).toEqual([
    '+ listeners.:8081: :8081',
    '- pools.shop.servers.a:1: a:1',
    '+ pools.shop.servers.c: c:1',
    '~ pools.shop.balance: least-requests -> random',
  ]);
});

test('secrets are compared and never shown', () => {
  const with_ = (digit: string) =>
    optionsOf({
      keys: [secret(digit)],
      sessions: { store: `redis://:${digit}pass@127.0.0.1:1`, secret: secret(digit) },
      admin: { token: secret(digit), readToken: `${secret(digit)}r` },
    });
  const lines = diffOptions(with_('1'), with_('2'));
  expect(lines.filter((line) => /: another secret$/.test(line))).toHaveLength(5);
  expect(lines).toHaveLength(5);
  const shown = JSON.stringify([effectiveConfig(with_('1')), lines, diffOptions(optionsOf({}), with_('1'))]);
  expect(shown).not.toContain('1111');
  expect(shown).not.toContain('1pass');
});
