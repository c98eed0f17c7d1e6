/** What programs read (JSON of the log and of explain) and write (options): each name of the documentation is there, and the other way round. */
import { expect, test } from 'vitest';
import { affinities } from '../../src/affinity/index.ts';
import { policies } from '../../src/balance/index.ts';
import { templateFieldNames } from '../../src/metrics/access-formats.ts';
import { formatJson } from '../../src/metrics/access-log.ts';
import { sessions } from '../../src/session/index.ts';
import { stores } from '../../src/store/index.ts';
import { accessLine, accessRecord } from './logs.ts';
import { Program } from './program.ts';
import { codesIn, read, rowsBelow } from './tables.ts';

test('the access log as JSON', () => {
  const rows = rowsBelow(read('docs/guide/logging.md'), 'Text');
  const names = rows.flatMap(([, json = '']) => codesIn(json));
  expect(names.sort()).toEqual(Object.keys(JSON.parse(formatJson(accessRecord)) as object).sort());
  expect(accessLine.split(' ')).toHaveLength(15);
});

test('the fields of a template', () => {
  const page = read('docs/guide/logging.md');
  const json = rowsBelow(page, 'Text').flatMap(([, names = '']) => codesIn(names));
  const others = Array.from(page.matchAll(/`\{(\w+)\}`/g), ([, name]) => name!);
  expect([...json, ...others].sort()).toEqual([...templateFieldNames].sort());
});

test('the persistence flags', () => {
  const page = read('docs/guide/logging.md');
  const source = read('src/metrics/access-log.ts');
  const known = (type: string) => codesOf(new RegExp(`export type ${type} = (.*);`).exec(source)?.[1] ?? '');
  const letters = Array.from(page.matchAll(/^\| `([A-Z])` +\|/gm), ([, letter]) => letter!);
  expect(letters.sort()).toEqual([...known('RequestFlag'), ...known('ResponseFlag')].sort());
});

function codesOf(union: string): string[] {
  return Array.from(union.matchAll(/'(\w)'/g), ([, letter]) => letter!);
}

test('explain --json', async () => {
  using program = new Program();
  program.write('limpet.yaml', 'listeners: [{ address: ":80" }]\npools: { shop: { servers: [3001, 3002] } }\n');
  await program.run(['explain', '--json', '--request', '-'], Buffer.from('GET / HTTP/1.1\nHost: a\n\n'));
  const real = JSON.parse(program.output) as Record<string, unknown>;
  const names = rowsBelow(read('docs/guide/explain.md'), 'For scripts: `--json`').flatMap(([cell = '']) => {
    let whole = '';
    return codesIn(cell).map((code) => {
      // `.peer` behind `client.address` is `client.peer`.
      if (!code.startsWith('.')) whole = code.split('.')[0]!;
      return (code.startsWith('.') ? whole + code : code).replace('[]', '');
    });
  });
  const missing = names.filter(
    (name) => name.split('.').reduce<unknown>((at, key) => Object(at)[key], real) === undefined,
  );
  expect(missing).toEqual([]);
  const told = new Set(names.map((name) => name.split('.')[0]));
  expect(Object.keys(real).filter((name) => !told.has(name))).toEqual([]);
});

test('each affinity, policy and store has an entry in its guide', () => {
  const affinity = read('docs/guide/affinity.md');
  for (const { type } of affinities) expect(affinity).toContain(`\n## \`${type}\`\n`);
  const balancing = read('docs/guide/balancing.md');
  for (const { name } of policies) expect(balancing).toContain(`\n### ${name}\n`);
  const sessions = read('docs/guide/sessions.md');
  for (const { usage } of stores) expect(sessions).toContain(usage.split(':', 1).join(''));
});

test('options of the session library', () => {
  const body = /export interface SessionOptions[^{]*\{\n([\s\S]*?)\n\}/.exec(read('src/session/options.ts'))?.[1] ?? '';
  const real = Array.from(body.matchAll(/^ {2}readonly (\w+)\??:/gm), ([, name]) => name!);
  const names = rowsBelow(read('docs/guide/sessions.md'), 'Options').flatMap(([cell = '']) => codesIn(cell));
  expect(real.length).toBeGreaterThan(10);
  expect(real.filter((name) => !names.includes(name))).toEqual([]);
  expect(names.filter((name) => !real.includes(name))).toEqual([]);
});

test('events of the session library', async () => {
  const app = sessions({ strategy: 'local' });
  const names = rowsBelow(read('docs/guide/sessions.md'), 'Events').flatMap(([cell = '']) => codesIn(cell));
  const refusal = (() => {
    try {
      app.on('nothing' as 'created', () => {});
      return '';
    } catch (error) {
      return String(error);
    }
  })();
  await app.close();
  expect(refusal).toContain(`expected ${names.join(', ')}`);
});
