/**
 * What Limpet says to wrong configs and wrong command lines, and its exit code: the transcripts *.txt of this folder, on both
 * runtimes. To a person who reads them they are the messages; to this test they are what each has to be, to the letter.
 */
import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { programOf } from '../support/command.ts';
import { runtimes } from '../support/runtimes.ts';
import { type Case, parseTranscript } from './transcript.ts';

interface Played {
  readonly title: string;
  readonly says: string;
  readonly code: number;
}

const transcripts = globSync('*.txt', { cwd: import.meta.dirname })
  .sort()
  .map((file) => ({
    name: basename(file, '.txt'),
    cases: parseTranscript(readFileSync(join(import.meta.dirname, file), 'utf8')),
  }));
const all = transcripts.flatMap(({ cases }) => cases);
const wrong = all.filter(({ code }) => code !== 0);

describe.each(runtimes)('on %s', (runtime) => {
  let played: readonly Played[] = [];

  beforeAll(async () => {
    const { stdout } = await promisify(execFile)(programOf(runtime), [join(import.meta.dirname, 'program.ts')], {
      env: { ...process.env, NO_COLOR: '1' },
      maxBuffer: 2 ** 24,
    });
    played = stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Played);
  });

  describe.each(transcripts)('$name', ({ cases }) => {
    test.each(cases)('$title', ({ title, says, code }) => {
      const found = played.find((one) => one.title === title);
      expect(found).toEqual({ title, says, code });
    });
  });
});

describe('every message', () => {
  test('there are many, and each has a title of its own', () => {
    expect(wrong.length).toBeGreaterThanOrEqual(150);
    expect(new Set(all.map(({ title }) => title)).size).toBe(all.length);
  });

  const library = [
    /zod|commander|yaml(?:parse)?error/i,
    /Invalid (?:input|key|option|type)|Too (?:small|big)|Unrecognized|received|No matching/,
    /Map keys|flow[- ](?:map|seq|collection)|block (?:scalar|collection|mapping)|implicit key|token in|node end|stringKeys/i,
    /missing required argument|too many arguments|argument missing|Did you mean/,
    /\bE[A-Z]{4,}\b|no such file or directory|permission denied|syscall|errno/,
    /\b(?:undefined|null|NaN|\[object)\b|Error:|Exception/,
  ];

  test.each(wrong)('$title: no stack, and no word of a library', ({ says, line }: Case) => {
    expect(says).not.toMatch(/^\s+at /m);
    // What a person has written may be quoted.
    const own = says.replaceAll(line, '').replace(/"(?:[^"\\]|\\.)*"/g, '""');
    for (const words of library) expect(own).not.toMatch(words);
  });

  test.each(wrong)('$title: names the place', ({ says, line }: Case) => {
    const places = [
      // A file with line and column; the values of a module and of a command line have none.
      /^ {4}[EW]: \S+:\d+:\d+ {2}/m,
      /^ {4}[EW]: (?:command line|\S+\.mjs) {2}/m,
      /cannot (?:read|load|write) .+: |the config \S+ has no|there is no limpet\.yaml/,
      // An option or a command, or what stands in the place of one.
      /^limpet(?: [a-z]+)*:? (?:has no (?:option|command) )?(?:--?[a-z-]+|"[^"]*"|found |server ")/m,
      /there is no (?:server|listener) "|no balancer answers at|LIMPET_CONFIG_TIMEOUT: /,
    ];
    expect(
      places.some((place) => place.test(says)),
      `${line}: ${says}`,
    ).toBe(true);
  });
});
