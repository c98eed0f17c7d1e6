import { describe, expect, test } from 'vitest';
import { parseNginx } from './syntax.ts';

test('directives, blocks and the lines of each', () => {
  const text =
    'user www; # who\nhttp {\n  log_format main "a b"\n    \'c{d}\';\n  if ($a ~* "b;") { return 403; }\n}\n';
  expect(parseNginx(text, 'x')).toEqual([
    { name: 'user', args: ['www'], block: null, line: 1, lines: [1] },
    {
      name: 'http',
      args: [],
      line: 2,
      lines: [2, 6],
      block: [
        { name: 'log_format', args: ['main', 'a b', 'c{d}'], block: null, line: 3, lines: [3, 4] },
        {
          name: 'if',
          args: ['($a', '~*', 'b;', ')'],
          line: 5,
          lines: [5],
          block: [{ name: 'return', args: ['403'], block: null, line: 5, lines: [5] }],
        },
      ],
    },
  ]);
});

test.each([
  ['a "x\\"y"', ['x"y']],
  ['a ~ \\.(css|js)$', ['~', '\\.(css|js)$']],
  [`a $\{b}c#d`, [`$\{b}c#d`]],
  ["a ''", ['']],
  ['a x\\ y', ['x y']],
  ["a it's", ["it's"]],
])('%s', (text, args) => expect(parseNginx(`${text};`, 'x')[0]?.args).toEqual(args));

describe('is refused with its line', () => {
  test.each([
    ['a;\nb', 'x:2: the file ends, expected ";" after "b" of line 2'],
    ['http {\n a;\n', 'x:3: the file ends, expected "}" for the "{" of line 1'],
    ['a;\n}', 'x:2: found "}" without its "{"'],
    ['a {\n b }', 'x:2: found "}", expected ";" after "b" of line 2'],
    ['\n;', 'x:2: found ";", expected a directive'],
    ['a\n"b', 'x:2: the quote " is not closed'],
    ['a "b"c;', 'x:1: found "c" right after a quote'],
    ['a\n\0;', 'x:2: found a NUL byte'],
    ['a{'.repeat(80), 'x:1: found more than 64 blocks'],
  ])('%j', (text, message) => expect(() => parseNginx(text, 'x')).toThrow(message));
});
