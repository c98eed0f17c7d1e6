import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { families, type ImportFixture, importFixtures } from '../../test/support/import-fixtures.ts';
import { UsageError } from '../errors.ts';
import { countLines, importText, writeImported } from '../import/import.ts';
import { checkWritten, importFile } from './import.ts';

function stage() {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-import-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const said = { out: '', err: '' };
  const around = {
    folder,
    write: (text: string) => void (said.out += text),
    writeError: (text: string) => void (said.err += text),
    readInput: async () => Buffer.from('listen l\n mode http\n bind :80\n server a 10.0.0.1:80\n'),
  };
  writeFileSync(
    join(folder, 'nginx.conf'),
    'upstream a { ip_hash; server 10.0.0.1; } server { location / { proxy_pass http://a; proxy_set_header Host $host; } }\ngzip on;\n',
  );
  return { folder, said, around };
}

test('goes to standard output, and the summary to standard error', async () => {
  const { said, around } = stage();
  await importFile('nginx.conf', {}, around);
  expect(said.out).toMatch(/^# Imported from nginx.conf\. Not carried over/);
  expect(said.out).toContain('# line 2, left out: gzip on;');
  expect(said.err).toBe('limpet: 0 lines carried over, 1 changed, 1 left out\n');
});

test('standard input is read for -', async () => {
  const { said, around } = stage();
  await importFile('-', { from: 'haproxy' }, around);
  expect(said.out).toContain('# Imported from standard input. All of it is carried over.\n');
  expect(said.err).toBe('limpet: 4 lines carried over, 0 changed, 0 left out\n');
  await expect(importFile('-', { from: 'nginx' }, around)).rejects.toThrow('standard input:');
});

test('goes to a file, but never over one', async () => {
  const { folder, said, around } = stage();
  await importFile('nginx.conf', { output: 'limpet.yaml' }, around);
  expect(said.out).toBe('');
  expect(readFileSync(join(folder, 'limpet.yaml'), 'utf8')).toContain('source-ip');
  writeFileSync(join(folder, 'limpet.yaml'), 'mine');
  await expect(importFile('nginx.conf', { output: 'limpet.yaml' }, around)).rejects.toThrow('it is there already');
  expect(readFileSync(join(folder, 'limpet.yaml'), 'utf8')).toBe('mine');
});

test('mistakes are told', async () => {
  const { around } = stage();
  await expect(importFile('none.conf', {}, around)).rejects.toThrow('cannot read none.conf: there is no such file');
  await expect(importFile('nginx.conf', { output: 'no/limpet.yaml' }, around)).rejects.toThrow(
    'cannot write no/limpet.yaml',
  );
  await expect(importFile('nginx.conf', { from: 'haproxy' }, around)).rejects.toThrow(UsageError);
});

/** What `limpet import` and then `limpet check` would make of it; false: refused with a line. Throws for all else. */
function importAndCheck(text: string, file: string): boolean {
  try {
    const imported = importText(text, file);
    expect(countLines(text, imported.notes).carriedOver).toBeGreaterThanOrEqual(0);
    checkWritten(writeImported(imported, file), file);
    return true;
  } catch (error) {
    // ConfigError is a UsageError too, but it would be our config that is wrong.
    if (!(error instanceof UsageError) || 'problems' in error) throw error;
    expect(error.message).toMatch(/:\d+: |cannot tell whose config/);
    return false;
  }
}

describe.each(families)('%s', (family) => {
  const fixtures = importFixtures(family);

  test('there are at least four fixtures', () => expect(fixtures.length).toBeGreaterThanOrEqual(4));

  test.each(fixtures.map((fixture) => [fixture.name, fixture] as const))('%s passes limpet check', (_, fixture) => {
    expect(importAndCheck(fixture.text, fixture.name)).toBe(true);
    const { notes } = importText(fixture.text, fixture.name);
    expect(notes.map(({ line }) => line)).toEqual(notes.map(({ line }) => line).toSorted((a, b) => a - b));
    const rows = fixture.text.split(/\r?\n/);
    for (const { line, text, why } of notes) {
      expect(rows[line - 1]?.trim()).toBe(text);
      expect(why).not.toBe('');
    }
  });

  test('however its lines are deleted, repeated, moved or garbled: a config that passes, or a mistake with its line', () => {
    let passed = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...fixtures),
        fc.array(mutation, { minLength: 1, maxLength: 6 }),
        (fixture, changes) => {
          if (importAndCheck(mutate(fixture, changes), fixture.name)) passed++;
        },
      ),
      { numRuns: 400 },
    );
    expect(passed).toBeGreaterThan(40);
  });
});

interface Mutation {
  readonly how: 'delete' | 'repeat' | 'swap' | 'cut' | 'insert' | 'number' | 'borrow' | 'reserved';
  readonly at: number;
  readonly other: number;
  readonly text: string;
}

const scraps = [
  '{',
  '}',
  ';',
  '"',
  "'",
  '0',
  '-1',
  '99999999999',
  '$x',
  '${x',
  '*',
  '~ (',
  ' ',
  ':',
  '\\',
  '#',
  '\u0000',
  'é',
  '__proto__',
  '%',
];

const mutation: fc.Arbitrary<Mutation> = fc.record({
  how: fc.constantFrom('delete', 'repeat', 'swap', 'cut', 'insert', 'number', 'borrow', 'reserved'),
  at: fc.nat(),
  other: fc.nat(),
  text: fc.oneof(fc.constantFrom(...scraps), fc.string({ maxLength: 8 })),
});

/** What JavaScript finds in every table. */
const inEveryObject = ['__proto__', 'constructor', 'toString'];

function mutate({ text }: ImportFixture, changes: readonly Mutation[]): string {
  const lines = text.split('\n');
  for (const { how, at, other, text: scrap } of changes) {
    const [i, j] = [at % lines.length, other % lines.length];
    const line = lines[i] ?? '';
    const column = other % (line.length + 1);
    if (how === 'delete') lines.splice(i, 1);
    else if (how === 'repeat') lines.splice(j, 0, line);
    else if (how === 'swap') [lines[i], lines[j]] = [lines[j] ?? '', line];
    else if (how === 'cut') lines[i] = line.slice(0, column);
    else if (how === 'insert') lines[i] = line.slice(0, column) + scrap + line.slice(column);
    else if (how === 'reserved') {
      const words = [...line.matchAll(/[A-Za-z_][\w-]*/g)];
      const word = words[other % Math.max(1, words.length)];
      const name = inEveryObject[other % inEveryObject.length]!;
      if (word) lines[i] = line.slice(0, word.index) + name + line.slice(word.index + word[0].length);
    } else if (how === 'number') lines[i] = line.replace(/\d+/, String(other % 100_000));
    else lines[i] = line.replace(/[\w.-]+$|[\w.-]+(?=;)/, /[\w.:/-]+(?=;?$)/.exec(lines[j] ?? '')?.[0] ?? scrap);
    if (lines.length === 0) lines.push('');
  }
  return lines.join('\n');
}

describe('every line of an nginx.conf is told or carried over', () => {
  const known = importFixtures('nginx');

  test('a directive that nobody knows is told with its line, wherever it stands', () => {
    fc.assert(
      fc.property(fc.constantFrom(...known), fc.nat(), ({ text, name }, at) => {
        const lines = text.split('\n');
        const row = at % (lines.length + 1);
        // Between the lines of one directive it would be a part of that.
        fc.pre(!/[^;{}\s]\s*$/.test(lines[row - 1]?.replace(/#.*/, '') ?? ''));
        lines.splice(row, 0, 'zorp_7 on;');
        const { notes } = importText(lines.join('\n'), name, 'nginx');
        expect(notes.filter(({ line }) => line === row + 1)).toHaveLength(1);
      }),
      { numRuns: 300 },
    );
  });

  test('no line is told twice', () => {
    for (const { text, name } of known) {
      const { notes } = importText(text, name);
      const told = notes.map(({ line, why, concern }) => `${line} ${concern === undefined ? '' : why}`);
      expect(told).toEqual([...new Set(told)]);
    }
  });
});
