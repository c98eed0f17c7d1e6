import { describe, expect, test } from 'vitest';
import { readRequest } from '../../test/support/heads.ts';
import { type ClientFacts, Recognition } from './affinity.ts';
import type { KeyOptions } from './key.ts';
import { RouteAffinity } from './route.ts';

const client: ClientFacts = { clientAddress: '1.2.3.4', clientSecure: false };
const ids: Readonly<Record<string, number>> = { s1: 11, s2: 22, s3: 2 ** 40 + 3 };

function ownerOf(key: KeyOptions, map: Record<string, string>, target: string, ...lines: string[]): number | null {
  const entries = Object.entries(map).map(([pattern, server]) => ({ pattern, server }));
  const affinity = new RouteAffinity({ type: 'route', key, map: entries }, (name) => ids[name]!);
  const recognition = new Recognition();
  const head = readRequest([`GET ${target} HTTP/1.1`, 'Host: a', ...lines, '', ''].join('\r\n'));
  const found = affinity.recognise(head, client, 1000, recognition);
  expect(recognition.recognised).toBe(found);
  if (!found) return null;
  // No session id and no epoch: there is nothing that could be moved to another owner.
  expect(recognition).toMatchObject({ affinity, proof: 'valid', sid0: 0, sid1: 0, epoch: 0, tokenDue: false });
  expect(recognition.key).toBe(recognition.owner % 2 ** 32);
  return recognition.owner;
}

const header: KeyOptions = { from: 'header', name: 'X-User' };

describe('the key', () => {
  const map = { 'a b': 's1', '*': 's2' };
  test.each<[string, KeyOptions, string, string[], number | null]>([
    ['a header, however it is spelled', header, '/', ['x-uSER: a b'], 11],
    ['no other header', header, '/', ['X-User-Id: a b', 'X-Use: a b'], null],
    ['the first of two', header, '/', ['X-User: a b', 'X-User: c'], 11],
    ['a cookie', { from: 'cookie', name: 'who' }, '/', ['Cookie: x=1; who=a b'], 11],
    ['no other cookie', { from: 'cookie', name: 'who' }, '/', ['Cookie: Who=1; xwho=2'], null],
    ['a parameter, decoded', { from: 'query', name: 'who' }, '/x?y=1&who=a%20b', [], 11],
    ['a parameter with plus', { from: 'query', name: 'who' }, '/?who=a+b', [], 11],
    ['no query', { from: 'query', name: 'who' }, '/who=1', [], null],
    ['an empty key is a key', { from: 'query', name: 'who' }, '/?who', [], 22],
  ])('%s', (_what, key, target, lines, expected) => {
    expect(ownerOf(key, map, target, ...lines)).toBe(expected);
  });
});

describe('the map', () => {
  test.each<[string, number | null]>([
    ['tester-7', 22],
    ['tester-', 22],
    ['tester', null],
    ['a-tester-', null],
    ['tester-42', 11],
    ['a1b2c', 2 ** 40 + 3],
    ['abc', 2 ** 40 + 3],
    ['abbc', 2 ** 40 + 3],
    ['ac', null],
    ['ab', null],
    ['TESTER-7', null],
    ['.', null],
    ['', null],
  ])('%j', (key, expected) => {
    const map = { 'tester-*': 's2', 'tester-42': 's1', 'a*b*c': 's3', 'tester-**7': 's1' };
    expect(ownerOf(header, map, '/', `X-User: ${key}`)).toBe(expected);
  });

  test('the parts around a star do not overlap, and many stars cost no more', () => {
    expect(ownerOf(header, { 'aa*aa': 's1' }, '/', 'X-User: aaa')).toBe(null);
    expect(ownerOf(header, { 'a*b*b': 's1' }, '/', 'X-User: ab')).toBe(null);
    expect(ownerOf(header, { [`${'*a'.repeat(30)}*x`]: 's1' }, '/', `X-User: ${'a'.repeat(20_000)}`)).toBe(null);
  });
});
