import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { foldersOf } from './folder-watch.ts';

test('the folders in which something changes when a file does', () => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'limpet-watch-')));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const at = (...parts: string[]) => join(root, ...parts);
  mkdirSync(at('v1'));
  writeFileSync(at('v1', 'a'), '');
  symlinkSync('v1', at('data'));
  symlinkSync('data/a', at('a'));
  mkdirSync(at('etc'));
  symlinkSync(at('a'), at('etc', 'a'));
  symlinkSync('loop', at('loop'));
  expect(foldersOf(at('v1', 'a'))).toEqual([at('v1')]);
  expect(foldersOf(at('etc', 'a'))).toEqual([at('etc'), root, at('v1')]);
  expect(foldersOf(at('none', 'a'))).toEqual([at('none')]);
  expect(foldersOf(at('loop'))).toEqual([root]);
});
