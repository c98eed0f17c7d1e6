import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { needProgram } from '../../test/support/programs.ts';
import { RedisServer } from '../../test/support/redis.ts';
import { runtimes } from '../../test/support/runtimes.ts';
import { cases } from '../../test/support/store-contract.ts';
import { userCases } from '../../test/support/store-user-cases.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'limpet-stores-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function keepsContract(runtime: string, kind: string, place: string): Promise<void> {
  const args = [join(root, 'test/support/store-program.ts'), kind, place];
  const { stdout } = await promisify(execFile)(join(root, 'node_modules/.bin', runtime), args).catch(
    (error: { stdout: string }) => error,
  );
  expect(stdout).toBe(`${cases.length + userCases.length + 1} passed, 0 failed\n`);
}

describe.each(runtimes)('stores on %s', { timeout: 120_000 }, (runtime) => {
  test.each(['memory', 'encrypted', 'remote', 'lmdb'])('%s keeps the contract', (kind) =>
    keepsContract(runtime, kind, join(folder, runtime)),
  );

  test('redis keeps the contract', async (context) => {
    needProgram(context, 'redis');
    const server = await RedisServer.start();
    try {
      await keepsContract(runtime, 'redis', server.url);
    } finally {
      await server.kill();
    }
  });
});
