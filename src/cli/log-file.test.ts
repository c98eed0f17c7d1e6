import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { LogFile } from './log-file.ts';

function stage(size = 0, keep = 2) {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-log-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'access.log');
  const file = new LogFile({ path, size, keep });
  /** Resolves with the number of bytes that were written, or the system's code. */
  const write = (text: string) =>
    new Promise<unknown>((resolve) =>
      file.write(Buffer.from(text), (error, written) =>
        resolve(error === null ? written : (error as { code?: string }).code),
      ),
    );
  const files = () =>
    Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
  return { folder, path, file, write, files };
}

test('lines are appended to what is there', async () => {
  const { path, write, files } = stage();
  writeFileSync(path, 'old\n');
  expect(await write('one\n')).toBe(4);
  expect(await write('two\n')).toBe(4);
  expect(files()).toEqual({ 'access.log': 'old\none\ntwo\n' });
});

test('a new file is not for others to read', async () => {
  const { path, write } = stage();
  await write('one\n');
  expect(statSync(path).mode & 0o007).toBe(0);
});

test('a file that was moved gets the lines until it is opened again', async () => {
  const { path, file, write, files } = stage();
  await write('one\n');
  renameSync(path, `${path}.moved`);
  await write('two\n');
  file.reopen();
  await write('three\n');
  await write('four\n');
  expect(files()).toEqual({ 'access.log': 'three\nfour\n', 'access.log.moved': 'one\ntwo\n' });
});

test('a file that would become too large is renamed, and so many are kept; a line that is larger alone is written all the same', async () => {
  const { write, files } = stage(10, 2);
  for (const text of ['one\ntwo\n', '3\n', '4\n', 'a line of more than ten\n', '5\n', '6\n']) await write(text);
  expect(files()).toEqual({
    'access.log': '5\n6\n',
    'access.log.1': 'a line of more than ten\n',
    'access.log.2': '4\n',
  });
});

test('the size counts what was there at the start', async () => {
  const { path, write, files } = stage(10);
  writeFileSync(path, '12345678\n');
  await write('one\n');
  await write('two\n');
  expect(files()).toEqual({ 'access.log': 'one\ntwo\n', 'access.log.1': '12345678\n' });
});

test('what cannot be opened fails, and the next lines are tried again', async () => {
  const { folder, file, write, files } = stage();
  await write('one\n');
  rmSync(folder, { recursive: true });
  file.reopen();
  expect(await write('two\n')).toBe('ENOENT');
  mkdirSync(folder);
  expect(await write('three\n')).toBe(6);
  expect(files()).toEqual({ 'access.log': 'three\n' });
});
