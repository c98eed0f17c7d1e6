import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { UsageError } from '../errors.ts';
import { checkFolder, checkPrivate, makePrivate, quoted, readPrivate, replacePrivate } from './private-file.ts';
import { makeSessionSecret } from './session-secret.ts';

function stage(): string {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-private-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const isRoot = process.geteuid?.() === 0;

test('what is made is read by this user alone', () => {
  const file = join(stage(), 'new/folder/file');
  makePrivate(file, 'text');
  expect(readPrivate(file)).toBe('text');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(file, '..')).mode & 0o777).toBe(0o700);
  expect(() => makePrivate(file, 'other')).toThrow(/EEXIST/);
  expect(readPrivate(file)).toBe('text');
});

test('what is replaced is read by this user alone, whoever could read what was there', () => {
  const file = join(stage(), 'new/file');
  replacePrivate(file, 'first');
  expect(readPrivate(file)).toBe('first');
  chmodSync(file, 0o644);
  replacePrivate(file, 'second');
  expect(readPrivate(file)).toBe('second');
  expect(readdirSync(join(file, '..'))).toEqual(['file']);
});

test('what is not there is no mistake', () => {
  const folder = stage();
  expect(readPrivate(join(folder, 'none'))).toBe(null);
  expect(readPrivate(join(folder, 'none/none'))).toBe(null);
  checkPrivate(join(folder, 'none'));
  checkFolder(join(folder, 'none'));
});

test.each([0o640, 0o604, 0o660, 0o644, 0o606, 0o622])(
  'a file of mode %o is refused with the command that mends it',
  (mode) => {
    const file = join(stage(), 'file');
    writeFileSync(file, 'x');
    chmodSync(file, mode);
    const refusal = new UsageError(`others may open ${file} (mode ${mode.toString(8)}): chmod 600 ${file}`);
    expect(() => readPrivate(file)).toThrow(refusal);
    expect(() => checkPrivate(file)).toThrow(refusal);
    chmodSync(file, 0o600);
    expect(readPrivate(file)).toBe('x');
  },
);

test('links, folders and pipes are no files', () => {
  const folder = stage();
  writeFileSync(join(folder, 'file'), 'x', { mode: 0o600 });
  symlinkSync('file', join(folder, 'link'));
  mkdirSync(join(folder, 'folder'), { mode: 0o700 });
  for (const look of [readPrivate, checkPrivate]) {
    expect(() => look(join(folder, 'link'))).toThrow(/link is a symbolic link, expected the file itself/);
    expect(() => look(join(folder, 'folder'))).toThrow(/folder is no file/);
  }
});

test.each([0o770, 0o707, 0o722, 0o777, 0o1777])('a folder of mode %o is refused', (mode) => {
  const folder = stage();
  chmodSync(folder, mode);
  expect(() => checkFolder(folder)).toThrow(`(mode ${mode.toString(8)}): chmod go-w ${folder}, or name`);
  if (mode === 0o1777) checkFolder(folder, { sticky: true });
  else expect(() => checkFolder(folder, { sticky: true })).toThrow(UsageError);
  chmodSync(folder, 0o755);
  checkFolder(folder);
});

test.runIf(isRoot)('what belongs to another user is refused', () => {
  const folder = stage();
  const file = join(folder, 'file');
  writeFileSync(file, 'x', { mode: 0o600 });
  chownSync(file, 4321, 4321);
  expect(() => readPrivate(file)).toThrow(`${file} belongs to another user (4321): chown 0 ${file}`);
  chownSync(folder, 4321, 4321);
  expect(() => checkFolder(folder)).toThrow(`${folder} belongs to another user (4321): chown 0 ${folder}`);
});

test('a path with spaces is quoted in the command', () => {
  expect([quoted('/a/b-c.d'), quoted("/a b/it's")]).toEqual(['/a/b-c.d', String.raw`'/a b/it'\''s'`]);
});

test('all who make the secret at once have the same', async () => {
  const file = join(stage(), 'state/secret');
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.module).then(({ makeSessionSecret }) => parentPort.postMessage(makeSessionSecret(workerData.file)));`;
  const module = new URL('./session-secret.ts', import.meta.url).href;
  const made = await Promise.all(
    Array.from({ length: 8 }, () => {
      const worker = new Worker(code, { eval: true, workerData: { module, file } });
      return new Promise((done, fail) => worker.once('message', done).once('error', fail));
    }),
  );
  expect(new Set(made)).toEqual(new Set([makeSessionSecret(file)]));
});
