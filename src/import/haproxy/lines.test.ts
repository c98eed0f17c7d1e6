/** Words of a line: quotes, escapes, comments and variables; sample expressions. */
import { describe, expect, test } from 'vitest';
import { readLines } from './lines.ts';
import { parseSample } from './sample.ts';

describe('words', () => {
  test.each([
    ['  server  s1\t10.0.0.1:80  ', ['server', 's1', '10.0.0.1:80']],
    ['a # b', ['a']],
    ['a#b c', ['a']],
    ['a \\# b', ['a', '#', 'b']],
    ['a\\ b c', ['a b', 'c']],
    ['"a b"c \'d # "e"\' ""', ['a bc', 'd # "e"', '']],
    ['"say \\"hi\\"" \'a\\b\'', ['say "hi"', 'a\\b']],
    ['x\\r\\nHost:\\ a\\x41', ['x\r\nHost: aA']],
    ['\\.(css|js)$ \\1 \\\\', ['\\.(css|js)$', '\\1', '\\']],
    ['end\\', ['end\\']],
  ])('%j', (text, words) => expect(readLines(text, 'f').map((line) => line.words)).toEqual([words]));

  test('lines are counted from 1 and trimmed, without those that say nothing', () => {
    expect(readLines('\uFEFFa\r\n\r\n  # b\n\tc d \r\n', 'f').map(({ number, text }) => [number, text])).toEqual([
      [1, 'a'],
      [4, 'c d'],
    ]);
  });

  test('variables are those between double quotes', () => {
    const names = readLines('"\u0024{A}:80"\n"$B"\n$C \'$D\' "\\$E"', 'f').map(({ variable }) => variable);
    expect(names).toEqual(['A', 'B', '']);
  });

  test.each(["a 'b", 'a "b', 'a\n"b\''])('%j: a quote stays open', (text) => {
    expect(() => readLines(text, 'h.cfg')).toThrow(/^h\.cfg:[12]: the quote ["'] is not closed$/);
  });
});

describe('sample expressions', () => {
  test.each([
    ['src', { fetch: 'src', args: [], converters: [] }],
    ['req.hdr(X-A,-1),lower', { fetch: 'req.hdr', args: ['X-A', '-1'], converters: ['lower'] }],
    ['path,word(1,/),map(/etc/a.map)', { fetch: 'path', args: [], converters: ['word(1,/)', 'map(/etc/a.map)'] }],
    ['url_param(a,;)', { fetch: 'url_param', args: ['a', ';'], converters: [] }],
    ['', null],
    ['hdr(', null],
    ['hdr(a)b', null],
    ['src,', null],
    ['a b', null],
  ])('%j', (word, expected) => expect(parseSample(word)).toEqual(expected));
});
