import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { flawOf, PathPattern } from './pattern.ts';

/** Patterns for which JavaScript's own engine is asked, and others that look like them. */
const plain = [
  '^/rooms/([^/]+)',
  '^/rooms/([^/]+)/chat$',
  '^(/.*)$',
  '^/(?<room>\\w{1,8})\\.html',
  '^(.{1,12})',
  '^/a([bc]?)c',
];
const others = [
  '/rooms/([^/]+)',
  '^/(?:a|b)/([^/]+)',
  '^/(\\w+)+$',
  '^/([^/]+|x)',
  '^/[^/]+/([^/]+)',
  '^((?:/[^/]*){1,3})',
  '^/(?P<room>[^/]+)',
  '(?i)^/ROOMS/(.)',
  '^/a+/(b+)',
  '^/([^/]+)(?:/|$)',
];

test('finds what JavaScript finds', () => {
  const path = fc.array(fc.constantFrom('/', 'a', 'b', 'c', 'rooms', 'chat', '.html', '7', '%2f', '-'), {
    maxLength: 8,
  });
  for (const source of [...plain, ...others]) {
    expect([source, flawOf(source)]).toEqual([source, null]);
    const pattern = new PathPattern(source);
    const own = new RegExp(source.replace('?P<', '?<').replace('(?i)', ''), source.startsWith('(?i)') ? 'i' : '');
    fc.assert(
      fc.property(path, (parts) => {
        const text = `/${parts.join('')}`;
        expect([source, text, pattern.find(text)]).toEqual([source, text, own.exec(text)?.[1] ?? null]);
      }),
    );
  }
});

test('the engine that goes back is asked for plain patterns alone', () => {
  for (const source of plain)
    expect([source, new PathPattern(source).longest]).toEqual([source, Number.POSITIVE_INFINITY]);
  for (const source of others) expect([source, new PathPattern(source).longest < 2 ** 20]).toEqual([source, true]);
});

// Each of these keeps JavaScript's own engine busy for longer than anyone waits.
test.each([
  '^/((?:\\w+\\s?)+)$',
  '^/((?:a+)+)$',
  '^/((?:a|aa)+)$',
  '^/()(?:.*a){20}$',
  '(x+x+)+y',
  '^/((?:[a-z]+.)+)[A-Z]',
])('%s finds nothing, and says so', (source) => {
  expect(flawOf(source)).toBe(null);
  const pattern = new PathPattern(source);
  for (const text of [`/${'a'.repeat(66)}!`, `/${'x'.repeat(1000)}!`, `/${'ab'.repeat(4000)}!`])
    expect(pattern.find(text)).toBe(null);
});

describe('what cannot be searched in linear time is named', () => {
  test.each([
    ['^/(?=a)(b)', 'a lookahead (?=...)'],
    ['^/(?!a)(b)', 'a negative lookahead (?!...)'],
    ['^/(?<=a)(b)', 'a lookbehind (?<=...)'],
    ['^/(?<!a)(b)', 'a negative lookbehind (?<!...)'],
    ['^/(a)\\1', 'a backreference'],
    ['^/(?<n>a)\\k<n>', 'a backreference'],
    ['^/(a++)', 'a possessive quantifier'],
    ['^/(?>a)(b)', 'an atomic group (?>...)'],
    ['^/(a)(?(1)b|c)', 'a conditional (?(...)'],
  ])('%s: %s', (source, construct) => expect(flawOf(source)).toContain(`it has ${construct}, which cannot be`));

  test.each([
    ['(a', 'this one does not compile: missing closing )'],
    ['(a)\\', 'this one does not compile: trailing backslash'],
    ['(a{1001})', 'this one does not compile: invalid repeat count: {1001}'],
    ['(\\u0041)', 'this one does not compile: invalid escape sequence: \\u'],
    ['^/x', 'this one has none'],
    ['(a)(b)', 'this one has 2'],
    ['((?:ab){999}c{900})', 'steps, and may have 2048'],
    [`(${'a'.repeat(1024)})`, 'this one is longer than 1024 characters'],
  ])('%s', (source, flaw) => expect(flawOf(source)).toContain(flaw));
});
