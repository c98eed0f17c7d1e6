import { describe, expect, test } from 'vitest';
import { substitute } from './env.ts';

const env = { HOST: 'app1', EMPTY: '', NESTED: `\${HOST}` };

describe('variables', () => {
  test.each([
    [`\${HOST}:80`, 'app1:80'],
    [`\${HOST}-\${HOST}`, 'app1-app1'],
    [`\${NONE:-app2}`, 'app2'],
    [`\${NONE:-}`, ''],
    [`\${EMPTY:-app2}`, 'app2'],
    [`\${EMPTY}`, ''],
    [`$$\{HOST}`, `\${HOST}`],
    ['$$$$', '$$'],
    ['cost: $5', 'cost: $5'],
    // What a variable holds is text, never a program: it is not looked into again.
    [`\${NESTED}`, `\${HOST}`],
  ])('%s', (text, expected) => expect(substitute(text, env)).toMatchObject({ value: expected, problems: [] }));

  test('at any depth, in values only', () => {
    const key = `\${HOST}`;
    const { value, templates } = substitute({ [key]: [1, true, null, { a: `\${HOST}` }] }, env);
    expect(value).toEqual({ [key]: [1, true, null, { a: 'app1' }] });
    expect([...templates.values()]).toEqual([`\${HOST}`]);
  });

  test('a missing one is named, with its field', () => {
    expect(substitute({ keys: [`\${NONE}`] }, env).problems).toEqual([
      { level: 'error', path: ['keys', 0], text: 'the environment variable NONE is not set' },
    ]);
  });

  test.each([
    ['$HOST', 'HOST'],
    ['$(HOST):80', 'HOST'],
    ['app2:$PORT', 'PORT'],
    ['%HOST%', 'HOST'],
    // It may be a secret.
    ['$hunter2', 'NAME'],
  ])('%s is a variable of other programs', (text, name) => {
    expect(substitute({ a: text }, env).problems).toEqual([
      {
        level: 'error',
        path: ['a'],
        text: `found a variable as other programs write it, expected \${${name}}; write $$ for a dollar sign`,
      },
    ]);
  });

  test.each([`\${}`, `\${1A}`, `\${HOST`, `\${HOST:+x}`])('%s is none', (text) => {
    expect(substitute({ a: text }, env).problems).toMatchObject([{ path: ['a'] }]);
  });
});
