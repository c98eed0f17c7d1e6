import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { edited, requestWith } from '../../test/support/heads.ts';
import { CookieScan } from './cookie.ts';
import { Splice } from './splice.ts';

const name = Buffer.from('limpet');
const scan = new CookieScan();

function find(cut: boolean, ...cookieLines: string[]): { values: string[]; rest: string } {
  const head = requestWith(...cookieLines);
  const edit = new Splice();
  const values: string[] = [];
  scan.begin(head.headers, name, cut ? edit : null);
  while (scan.next()) values.push(head.bytes.toString('latin1', scan.valueStart, scan.valueEnd));
  return { values, rest: edited(head, edit).replace('Host: a\r\n', '') };
}

describe('CookieScan', () => {
  test.each([
    ['limpet=a', ['a'], ''],
    ['limpet=', [''], ''],
    ['limpet = a ', ['a'], ''],
    ['limpet=a;', ['a'], ''],
    ['limpet=a; limpet=b', ['a', 'b'], ''],
    ['x=1; limpet=a', ['a'], 'x=1'],
    ['limpet=a; x=1', ['a'], 'x=1'],
    ['x=1; limpet=a; y=2', ['a'], 'x=1; y=2'],
    ['x=1;limpet=a;y=2', ['a'], 'x=1;y=2'],
    ['x=1; limpet=a; limpet=b; y=2; limpet=c', ['a', 'b', 'c'], 'x=1; y=2'],
    ['x=1; limpet=a;', ['a'], 'x=1'],
    ['x="a b"; limpet=a; y=""', ['a'], 'x="a b"; y=""'],
    ['limpet="a"', ['a'], ''],
    ['limpet=""', [''], ''],
    ['limpet="', ['"'], ''],
    ['limpet="a', ['"a'], ''],
    ['limpet= "a" ;x="1"', ['a'], 'x="1"'],
    ['$Version="1"; limpet="a"; $Path="/"; $Domain="b"', ['a'], ''],
    ['$Version="1"; limpet="a";$Path="/";$Port="80"; x="1"; $Path="/"', ['a'], '$Version="1"; x="1"; $Path="/"'],
    ['$Version=1; x="1"; $Path="/"; limpet="a"; $path="/"; limpet="b"', ['a', 'b'], '$Version=1; x="1"; $Path="/"'],
    ['limpet=a; $Version=1; $Pathx=2', ['a'], '$Pathx=2'],
    ['$Version=1; $Path=limpet=a', [], '$Version=1; $Path=limpet=a'],
    ['limpet=a=b', ['a=b'], ''],
    ['limpet2=a; xlimpet=b; Limpet=c; limpe=d', [], 'limpet2=a; xlimpet=b; Limpet=c; limpe=d'],
    ['limpet', [], 'limpet'],
    ['x=limpet=a', [], 'x=limpet=a'],
    ['=limpet', [], '=limpet'],
    ['limpet;limpet=a', ['a'], 'limpet'],
    ['x=1,limpet=a', [], 'x=1,limpet=a'],
  ])('%s', (line, values, rest) => {
    expect(find(true, `Cookie: ${line}`)).toEqual({ values, rest: rest === '' ? '' : `Cookie: ${rest}\r\n` });
    expect(find(false, `Cookie: ${line}`)).toEqual({ values, rest: `Cookie: ${line}\r\n` });
  });

  test('walks through all Cookie headers and takes out only those that are left empty', () => {
    expect(find(true, 'Cookie: limpet=a', 'X: limpet=b', 'cookie: x=1; limpet=c', 'Cookie: y=2', 'Cookie:')).toEqual({
      values: ['a', 'c'],
      rest: 'X: limpet=b\r\ncookie: x=1\r\nCookie: y=2\r\nCookie:\r\n',
    });
  });

  test('finds nothing without a Cookie header', () => {
    expect(find(true, 'X-Cookie: limpet=a').values).toEqual([]);
  });

  test('does what a naive split does: the others keep order and spelling, and no separator is left over', () => {
    const pair = fc.oneof(
      fc.stringMatching(/^limpet=[a-z0-9"= ]{0,6}[a-z0-9"=]$/),
      fc.stringMatching(/^limpet="[a-z0-9= ]{0,3}"$/),
      fc.constantFrom('limpet=', 'limpet2=x', 'limpe=t', 'a', 'LIMPET=x', 'b=""', '=limpet=c', 'q="a b"'),
      fc.stringMatching(/^[a-z]{1,3}=[a-z0-9"]{0,5}$/),
    );
    const line = fc.tuple(fc.array(pair, { minLength: 1, maxLength: 7 }), fc.constantFrom('; ', ';', ';  ', ';\t'));
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 3 }), (lines) => {
        const bare = (text: string) => (text.length > 1 ? text.replace(/^"(.*)"$/, '$1') : text);
        const isOurs = (text: string) => text.startsWith('limpet=');
        const { values, rest } = find(true, ...lines.map(([pairs, separator]) => `Cookie: ${pairs.join(separator)}`));
        expect(values).toEqual(
          lines.flatMap(([pairs]) => pairs.filter(isOurs).map((text) => bare(text.slice(7).trim()))),
        );
        const kept = lines.map(([pairs, separator]) => ({ pairs: pairs.filter((text) => !isOurs(text)), separator }));
        const left = kept
          .filter(({ pairs }) => pairs.length > 0)
          .map(({ pairs, separator }) => `Cookie: ${pairs.join(separator)}\r\n`);
        expect(rest).toBe(left.join(''));
      }),
      { numRuns: 500 },
    );
  });
});
