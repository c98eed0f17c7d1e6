/** Whole files: the fixtures, what holds for each of their lines, and files that somebody has damaged. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { importFixtures } from '../../../test/support/import-fixtures.ts';
import { readConfig } from '../../config/read.ts';
import { UsageError } from '../../errors.ts';
import { importHaproxy } from './importer.ts';

const fixtures = importFixtures('haproxy');

function check(config: unknown) {
  return readConfig(config, { source: { name: 'config', locate: () => null }, env: {}, variables: true });
}

const isComment = (line: string) => /^\s*(?:#|$)/.test(line);
/** Of a section: taking it out gives its lines to the one before. */
const isHeader = (line: string) =>
  /^\s*(?:global|defaults|frontend|backend|listen|peers|resolvers|\.if|\.endif)\b/.test(line);

/** Lines that say what holds here anyway, so that nothing changes without them; each with its reason. */
const always = [
  /^mode\s+http$/, // nothing else is balanced
  /^option\s+(?:forwardfor|http-keep-alive|abortonclose)$/, // we do
  /^balance\s+roundrobin$/, // the default of HAProxy
  /^option\s+redispatch/, // rebind is the default
  /^option\s+(?:tcp-check|persist)$/,
  /^hash-type\s+consistent/,
  /^http-check\s+expect\s+status\s+200-399$/,
  /^stick\s+match\s+req\.(?:cook|hdr)/, // learned names are followed in the same place
  /^default-server\s+inter 2s fall 3 rise 2$/, // and these are the default here too
  /^timeout\s+connect\s+2s$/,
];

test('there are enough of them', () => {
  expect(fixtures.length).toBeGreaterThanOrEqual(4);
  for (const fixture of fixtures) expect(() => fixture.checks()).not.toThrow();
});

describe.each(fixtures)('$name', ({ text, file }) => {
  const lines = text.split('\n');
  const { config, notes } = importHaproxy(text, file);
  const json = JSON.stringify(config);
  const told = new Set(notes.map(({ line }) => line));
  const without = (index: number) => {
    const others = lines.filter((_, at) => at !== index).join('\n');
    try {
      return JSON.stringify(importHaproxy(others, file).config);
    } catch (error) {
      return String(error);
    }
  };

  test('its config is accepted', () => {
    // Of `verify none` a warning is due.
    const warnings = check(config).warnings.filter(({ path }) => path.slice(-2).join('.') !== 'tls.verify');
    expect(warnings.filter((warning) => !/no route leads to this pool/.test(warning.text))).toEqual([]);
  });

  test('notes have the line as it stands, in the order of the file, and a reason', () => {
    expect(notes.map(({ line }) => line)).toEqual(notes.map(({ line }) => line).sort((a, b) => a - b));
    for (const note of notes) {
      expect(note.text).toBe(lines[note.line - 1]?.trim());
      expect(note.why).toMatch(/^\S.*\S$/);
      expect(note.why).not.toMatch(/undefined|NaN|not known to this importer/);
    }
  });

  test('a line is either left out or changed', () => {
    for (const line of told) {
      const kinds = new Set(notes.filter((note) => note.line === line).map(({ kind }) => kind));
      expect([line, kinds.size]).toEqual([line, 1]);
    }
  });

  test('a line without a note makes a difference, or says what holds anyway', () => {
    const idle = lines.flatMap((line, index) => {
      const quiet = isComment(line) || isHeader(line) || told.has(index + 1);
      return quiet || always.some((pattern) => pattern.test(line.trim())) || without(index) !== json
        ? []
        : [line.trim()];
    });
    expect(idle).toEqual([]);
  });

  test('a line that is left out makes no difference', () => {
    const busy = notes
      .filter(({ kind, line }) => kind === 'left-out' && !isHeader(lines[line - 1] ?? ''))
      // A section is of HTTP or not by this line alone, and what keeps a server out of the pool keeps it whole.
      .filter(({ text }) => !/^mode\s/.test(text))
      .filter(({ line }) => without(line - 1) !== json);
    expect(busy.map(({ text }) => text)).toEqual([]);
  });
});

describe('damaged files', () => {
  const garbage = fc.oneof(
    fc.string({ maxLength: 30 }),
    fc.constantFrom(
      'backend',
      'listen x',
      'frontend y from z',
      'defaults d from d',
      'server',
      'server a',
      'bind',
      'cookie',
    ),
    fc.constantFrom(
      'stick on src',
      'stick-table',
      'acl',
      'use_backend',
      'use_backend a if',
      'balance',
      'mode tcp',
      '.if x',
    ),
    fc.constantFrom(
      'server s1 10.0.0.1:80 check',
      'cookie __Host-a insert domain b.org',
      'default_backend shop',
      'stats',
    ),
    fc.constantFrom(
      'cookie A prefix',
      'stick on path,word(9,/)',
      'balance uri len 0',
      'retries 99',
      'timeout connect 99999d',
    ),
  );
  const damage = fc.record({
    kind: fc.constantFrom('delete', 'repeat', 'replace', 'insert', 'cut', 'swap words', 'move'),
    at: fc.nat(200),
    other: fc.nat(200),
    text: garbage,
  });

  function apply(
    lines: string[],
    { kind, at, other, text }: { kind: string; at: number; other: number; text: string },
  ) {
    const index = at % Math.max(lines.length, 1);
    const line = lines[index] ?? '';
    const words = line.split(' ');
    if (kind === 'delete') lines.splice(index, 1);
    else if (kind === 'repeat') lines.splice(index, 0, line);
    else if (kind === 'replace') lines[index] = text;
    else if (kind === 'insert') lines.splice(index, 0, text);
    else if (kind === 'cut') lines[index] = line.slice(0, other % (line.length + 1));
    else if (kind === 'move') lines.splice(other % (lines.length + 1), 0, ...lines.splice(index, 1));
    else lines[index] = words.map((_, place) => words[(place + other) % words.length]).join(' ');
  }

  test('give a config that is accepted, or a UsageError with a line', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...fixtures),
        fc.array(damage, { minLength: 1, maxLength: 8 }),
        ({ text }, damages) => {
          const lines = text.split('\n');
          for (const one of damages) apply(lines, one);
          const damaged = lines.join('\n');
          try {
            const { config, notes } = importHaproxy(damaged, 'haproxy.cfg');
            check(config);
            const read = damaged.split(/\r?\n/);
            for (const note of notes) expect(note.text).toBe(read[note.line - 1]?.trim());
          } catch (error) {
            if (!(error instanceof UsageError)) throw error;
            // A config that our own reader refuses would be a ConfigError, whose name is another.
            expect(error.message).toMatch(/^haproxy\.cfg:[1-9][0-9]*: (?:found|the quote)/);
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  test.each([
    ['', 'haproxy.cfg:1: found no section of HAProxy'],
    ['upstream a {\n}\n', 'haproxy.cfg:1: found "upstream a {", expected a section of HAProxy'],
    ['# x\n\nserver a 1.2.3.4:80', 'haproxy.cfg:3: found "server a 1.2.3.4:80"'],
    ['backend a\n mode http\n acl x path "/a', 'haproxy.cfg:3: the quote " is not closed'],
    ['backend a\n\0', 'haproxy.cfg:2: found a NUL byte'],
    ['global\n daemon\nbackend a\n mode http\n', 'haproxy.cfg:3: found no server that can be carried over'],
    [
      'backend a\n mode http\n server s 1.2.3.4:443 ssl ca-file x',
      'haproxy.cfg:3: found no server that can be carried over: line 3: a file of its TLS (ca-file, crt) has no folder that is known',
    ],
  ])('%j is refused', (text, message) => {
    expect(() => importHaproxy(text, 'haproxy.cfg')).toThrow(UsageError);
    expect(() => importHaproxy(text, 'haproxy.cfg')).toThrow(message);
  });
});
