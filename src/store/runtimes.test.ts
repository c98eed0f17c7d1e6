import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { runtimes } from '../../test/support/runtimes.ts';
import { cases } from '../../test/support/store-contract.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'limpet-stores-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(runtimes)('stores on %s', (runtime) => {
  test.each(['memory', 'encrypted', 'lmdb'])('%s keeps the contract', { timeout: 120_000 }, async (kind) => {
    const program = join(root, 'test/support/store-program.ts');
    const args = [program, kind, join(folder, runtime)];
    const { stdout } = await promisify(execFile)(join(root, 'node_modules/.bin', runtime), args).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe(`${cases.length + 1} passed, 0 failed\n`);
  });
});
