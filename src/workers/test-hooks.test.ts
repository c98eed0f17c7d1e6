import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { crashOnFile, testTombstoneTime } from './test-hooks.ts';

test('the time of a tombstone is a test’s only where somebody tests', () => {
  expect(testTombstoneTime({ LIMPET_TEST_TOMBSTONE: '5', NODE_ENV: 'test' })).toBe(5);
  expect(testTombstoneTime({ LIMPET_TEST_TOMBSTONE: '5' })).toBeUndefined();
  expect(testTombstoneTime({ NODE_ENV: 'test' })).toBeUndefined();
});

test('a worker looks for its file only where somebody tests, and an old one does not end it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-hooks-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'crash');
  writeFileSync(`${file}.1`, '');
  crashOnFile(1, { LIMPET_TEST_CRASH: file, NODE_ENV: 'production' });
  crashOnFile(0, { LIMPET_TEST_CRASH: file, NODE_ENV: 'test' });
  expect(existsSync(`${file}.1`)).toBe(true);
  crashOnFile(1, { LIMPET_TEST_CRASH: file, NODE_ENV: 'test' });
  expect(existsSync(`${file}.1`)).toBe(false);
});
