import fc from 'fast-check';
import { expect, test } from 'vitest';
import { responseWith } from '../../test/support/heads.ts';
import { cookieDate, SetCookie } from './set-cookie.ts';

const now = 1_800_000_000;
const day = 86_400;
const name = Buffer.from('SID');

function read(line: string): [string, number] | null {
  const head = responseWith(200, `Set-Cookie: ${line}`);
  const setCookie = new SetCookie();
  if (!setCookie.read(head.headers, 0, name)) return null;
  return [head.bytes.toString('latin1', setCookie.valueStart, setCookie.valueEnd), setCookie.expiry(now)];
}

test.each<[string, [string, number] | null]>([
  ['SID=abc', ['abc', 0]],
  ['SID = abc ; Path=/', ['abc', 0]],
  ['SID="abc"; Path=/', ['abc', 0]],
  ['SID = "abc" ; Version=1; Max-Age=60', ['abc', now + 60]],
  ['SID="abc', ['"abc', 0]],
  ['SID="', ['"', 0]],
  ['SID=""; Path=/', ['', -1]],
  ['SID=a=b', ['a=b', 0]],
  ['SID=abc; Max-Age=60', ['abc', now + 60]],
  ['SID=abc; MAX-AGE = 60 ;x', ['abc', now + 60]],
  ['SID=abc; Max-Age=60; Max-Age=70', ['abc', now + 70]],
  ['SID=abc; Max-Age=0', ['abc', -1]],
  ['SID=abc; Max-Age=-1', ['abc', -1]],
  ['SID=abc; Max-Age=6x', ['abc', 0]],
  ['SID=abc; Max-Age="60"', ['abc', 0]],
  ['SID=abc; Max-Age', ['abc', 0]],
  ['SID=abc; Max-Age=99999999999999999999', ['abc', now + 400 * day]],
  ['SID=abc; Expires=Thu, 01 Jan 1970 00:00:00 GMT', ['abc', -1]],
  ['SID=abc; expires=Fri, 15-Jan-2027 09:00:00 GMT', ['abc', 1_800_003_600]],
  ['SID=abc; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60', ['abc', now + 60]],
  ['SID=abc; Max-Age=0; Expires=Fri, 15 Jan 2027 09:00:00 GMT', ['abc', -1]],
  ['SID=abc; Expires=soon', ['abc', 0]],
  ['SID=; Path=/', ['', -1]],
  ['SID', null],
  ['sid=abc', null],
  ['x=1; SID=abc', null],
])('%s', (line, expected) => expect(read(line)).toEqual(expected));

test.each<[string, number | null]>([
  ['Sun, 06 Nov 1994 08:49:37 GMT', 784_111_777],
  ['Sunday, 06-Nov-94 08:49:37 GMT', 784_111_777],
  ['Sun Nov  6 08:49:37 1994', 784_111_777],
  ['08:49:37 6 november 94', 784_111_777],
  ['1 jan 69 0:0:0', 3_124_224_000],
  ['31 Feb 2027 00:00:00', null],
  ['0 Jan 2027 00:00:00', null],
  ['1 Jan 2027 24:00:00', null],
  ['1 Jan 1600 00:00:00', null],
  ['1 Jan 2027', null],
  ['', null],
])('date %j', (text, expected) => expect(cookieDate(text)).toBe(expected));

test('every date that JavaScript writes is read, and nothing throws', () => {
  const seconds = fc.integer({ min: 0, max: 4_000_000_000 });
  fc.assert(fc.property(seconds, (at) => cookieDate(new Date(at * 1000).toUTCString()) === at));
  const text = fc.stringMatching(/^[\x20-\x7e\x80-\xff]{0,60}$/);
  fc.assert(fc.property(text, (any) => read(`SID=a;${any};Expires=${any}`)?.[0] === 'a'));
});
