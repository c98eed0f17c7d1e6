import { describe, expect, test } from 'vitest';
import { holdsHost, hostBreadth, hostsMeet, narrowerHost } from './host-pattern.ts';

describe('of two patterns', () => {
  test.each([
    ['', '', true, true],
    ['', 'a.org', true, false],
    ['a.org', 'a.org', true, true],
    ['*.a.org', 'x.a.org', true, false],
    ['*.a.org', 'x.y.a.org', true, false],
    ['*.a.org', '*.x.a.org', true, false],
    ['*.a.org', 'a.org', false, false],
    ['*.a.org', 'xa.org', false, false],
    ['a.org', 'b.org', false, false],
  ])('%o holds %o: %o, and the other way round: %o', (wide, narrow, holds, held) => {
    expect([holdsHost(wide, narrow), holdsHost(narrow, wide)]).toEqual([holds, held]);
    const both = holds ? narrow : null;
    expect([narrowerHost(wide, narrow), narrowerHost(narrow, wide)]).toEqual([both, both]);
    expect([hostsMeet(wide, narrow), hostsMeet(narrow, wide)]).toEqual([holds, holds]);
  });
});

test('one host is narrower than a pattern, a longer pattern than a shorter one, and all are wider than any', () => {
  const hosts = ['', '*.org', 'a.org', '*.a.org'];
  expect(hosts.toSorted((a, b) => hostBreadth(a) - hostBreadth(b))).toEqual(['a.org', '*.a.org', '*.org', '']);
});
