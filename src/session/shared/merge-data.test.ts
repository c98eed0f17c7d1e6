import { expect, test } from 'vitest';
import { jsonCodec, type SessionData } from '../data/codec.ts';
import { cookieOf, setCookieOf } from '../data/cookie-settings.ts';
import type { Merge } from '../exchange.ts';
import { mergeData, replaceData } from './merge-data.ts';

function merged(before: SessionData, mine: SessionData, theirs: SessionData, merges: [string, Merge][] = []) {
  return mergeData({ before, mine, theirs, merges: new Map(merges), codec: jsonCodec });
}

test.each<[string, SessionData, SessionData, SessionData, SessionData]>([
  ['different names: both changes stay', { a: 1, b: 1 }, { a: 2, b: 1 }, { a: 1, b: 2 }, { a: 2, b: 2 }],
  ['the same name: the later change wins', { a: 1 }, { a: 2 }, { a: 3 }, { a: 2 }],
  ['a name that only the other one has changed stays as it is stored', { a: 1 }, { a: 1 }, { a: 3 }, { a: 3 }],
  ['a name that was removed is gone', { a: 1, b: 1 }, { b: 1 }, { a: 1, b: 2 }, { b: 2 }],
  ['a name that the other one has removed, and this one changed, is there', { a: 1 }, { a: 2 }, {}, { a: 2 }],
  ['new names of both', {}, { a: 1 }, { b: 1 }, { a: 1, b: 1 }],
])('%s', (_what, before, mine, theirs, expected) => {
  expect(merged(before, mine, theirs)).toEqual(expected);
});

test('a name with a merge of its own gets all three values, and is removed by undefined', () => {
  const sum: Merge = (before, mine, theirs) => Number(theirs) + Number(mine) - Number(before);
  expect(merged({ n: 1 }, { n: 3 }, { n: 11 }, [['n', sum]])).toEqual({ n: 13 });
  expect(merged({ n: 1 }, { n: 3 }, { n: 11 }, [['n', () => undefined]])).toEqual({});
});

test('cookie settings are those of whoever changed them last', () => {
  const [before, mine, theirs] = [{}, {}, {}];
  setCookieOf(theirs, { maxAge: 60 });
  expect(cookieOf(merged(before, mine, theirs))).toEqual({ maxAge: 60 });
  setCookieOf(mine, { maxAge: 120 });
  expect(cookieOf(merged(before, mine, theirs))).toEqual({ maxAge: 120 });
});

test('replacing keeps the object', () => {
  const data: SessionData = { a: 1, b: 1 };
  replaceData(data, { b: 2, c: 3 });
  expect(data).toEqual({ b: 2, c: 3 });
});
