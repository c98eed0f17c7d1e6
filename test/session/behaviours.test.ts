/**
 * What express-session and @fastify/session document, told of them and of ours with each strategy: what an app and a browser see is
 * the same, or it is a decision that stands in the guide. (The packages carry no tests; these are ours.)
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { long } from '../support/long.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { behaviours } from './support/behaviours/behaviours.ts';
import { differences } from './support/behaviours/differences.ts';
import { type SideName, sideNames } from './support/behaviours/sides.ts';

const root = join(import.meta.dirname, '../..');
const decided = differences.map(({ behaviours: of }) => of);
/** Sides on which it is to differ. */
const expectedOf = (name: string) => decided.flatMap((of) => of[name] ?? []).sort();

/** What differs by runtime are the adapters, not the stores: LIMPET_LONG=1 tells all of both. */
const sidesOf = (runtime: Runtime): readonly SideName[] => (runtime === 'node' || long ? sideNames : ['local']);

interface Told {
  readonly name: string;
  readonly expected: readonly string[];
  readonly differs: Readonly<Record<string, readonly string[]>>;
}

describe.each(runtimes)('%s', (runtime) => {
  const told = new Map<string, Told>();

  beforeAll(async () => {
    const command = join(root, 'node_modules/.bin', runtime);
    const program = join(import.meta.dirname, 'support/behaviours/program.ts');
    const env = { ...process.env, NO_DEPRECATION: 'express-session' };
    const { stdout } = await promisify(execFile)(command, [program, '', sidesOf(runtime).join()], {
      env,
      maxBuffer: 1 << 28,
    });
    for (const one of JSON.parse(stdout)) told.set(one.name, one);
  });

  test.each(behaviours.map(({ name }) => name))('%s', (name) => {
    const { expected = [], differs = {} } = told.get(name) ?? {};
    expect(expected).not.toEqual([]);
    const wanted = expectedOf(name).filter((side) => sidesOf(runtime).includes(side));
    const unlisted = Object.fromEntries(
      Object.entries(differs).filter(([side]) => !wanted.some((one) => one === side)),
    );
    for (const [side, seen] of Object.entries(unlisted)) expect([side, ...seen]).toEqual([side, ...expected]);
    expect(Object.keys(differs).sort()).toEqual(wanted);
  });
});

test('each name of a behaviour is one, and each that is named as different is there', () => {
  const names = behaviours.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(decided.flatMap((of) => Object.keys(of)).filter((name) => !names.includes(name))).toEqual([]);
});

test('the guide tells of each difference, and of nothing else', () => {
  const page = readFileSync(join(root, 'docs/guide/coming-from-express-session.md'), 'utf8');
  const told = differences.map(({ title, text }) => `### ${title}\n\n${text}\n`).join('\n');
  expect(page.slice(page.indexOf('### '))).toBe(told);
  const options = 'cookie genid name proxy resave rolling saveUninitialized secret store unset'.split(' ');
  expect(options.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});
