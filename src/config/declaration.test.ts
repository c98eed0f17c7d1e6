import { expect, test } from 'vitest';
import type { z } from 'zod';
import type { Config } from './config.ts';
import { configTypes } from './declaration.ts';
import type { configSchema } from './schema.ts';

type ReadonlyDeep<T> = T extends string | number | boolean ? T : { readonly [Key in keyof T]: ReadonlyDeep<T[Key]> };
type Written = ReadonlyDeep<z.input<typeof configSchema>>;
type Fits<A, B> = [A] extends [B] ? true : false;

test('the declared type takes what the schema takes, and nothing else', () => {
  // The compiler checks these two lines: the declarations and the schema's own input type are the same.
  const everyWritten: Fits<Written, Config> = true;
  const everyDeclared: Fits<Config, Written> = true;
  expect([everyWritten, everyDeclared]).toEqual([true, true]);
});

const types = configTypes();

test('each field and each part has a comment', () => {
  const lines = types.split('\n');
  const bare = lines.filter((line, i) => /^ {2}readonly |^export /.test(line) && !lines[i - 1]?.endsWith('*/'));
  expect(bare).toEqual([]);
});

test('a comment says meaning, range and default', () => {
  expect(types).toContain(
    '  /** Most open connections; one more is refused with 503. From 1 to 10,000,000. Default: `100000`. */\n' +
      '  readonly connections?: Numeric;\n',
  );
  expect(types).toContain('  readonly servers: readonly (string | number | ServerConfig)[];\n');
  expect(types).not.toMatch(/\]\(/);
});
