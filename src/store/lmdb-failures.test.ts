/** The disk under LMDB fails: each operation says so, those that can go on do, and nothing ends the process. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { runtimes } from '../../test/support/runtimes.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'limpet-lmdb-failures-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** `limit`: of the size of a file, in blocks of 512 bytes (POSIX `ulimit -f`); '' none. */
async function run(runtime: string, what: string, limit: string): Promise<Record<string, Record<string, number>>> {
  const program = [join(root, 'node_modules/.bin', runtime), join(root, 'test/support/lmdb-failures.ts')];
  const command = `${limit}exec "$0" "$@"`;
  const args = ['-c', command, ...program, what, join(folder, `${runtime}-${what}`)];
  // Rejects when it ends otherwise than by itself.
  const { stdout } = await promisify(execFile)('sh', args);
  return JSON.parse(stdout.slice(stdout.lastIndexOf('\n{') + 1)) as Record<string, Record<string, number>>;
}

describe.each(runtimes)('lmdb on %s', { timeout: 60_000 }, (runtime) => {
  test('a full disk refuses what does not fit, reads go on, and the process too', async () => {
    const { put, read, rotate, expire, close } = await run(runtime, 'full', 'ulimit -f 2000; ');
    expect(Object.keys(put!).sort()).toEqual(['stored', 'unavailable']);
    expect(put!.unavailable).toBeGreaterThan(20);
    expect(read).toEqual({ live: 1 });
    expect(rotate).toEqual({ unavailable: 1 });
    expect(expire).toEqual({ done: 1 });
    expect(close).toEqual({ done: 1 });
  });

  test('pages that are damaged at run time are told by what needs them, and by nothing else', async () => {
    const { put, read, destroy, expire, count, close, ...mended } = await run(runtime, 'damaged', '');
    expect(put).toEqual({ stored: 300, damaged: 1 });
    for (const one of [read, destroy, expire, count]) expect(one).toEqual({ damaged: 1 });
    expect(mended).toEqual({ 'mended read': { live: 1 }, 'mended count': { done: 1 }, 'mended destroy': { ended: 1 } });
    expect(close).toEqual({ done: 1 });
  });
});
