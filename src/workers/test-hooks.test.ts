import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { duration, ExchangeStats } from '../metrics/exchange-stats.ts';
import { crashOnFile, testStats, testTombstoneTime } from './test-hooks.ts';

test('the time of a tombstone is a test’s only where somebody tests', () => {
  expect(testTombstoneTime({ LIMPET_TEST_TOMBSTONE: '5', NODE_ENV: 'test' })).toBe(5);
  expect(testTombstoneTime({ LIMPET_TEST_TOMBSTONE: '5' })).toBeUndefined();
  expect(testTombstoneTime({ NODE_ENV: 'test' })).toBeUndefined();
});

test('statistics are left out only where somebody tests', () => {
  const stats = ExchangeStats.single();
  expect(testStats(stats, { LIMPET_TEST_STATS: 'off' })).toBe(stats);
  expect(testStats(stats, { NODE_ENV: 'test' })).toBe(stats);
  const none = testStats(stats, { LIMPET_TEST_STATS: 'off', NODE_ENV: 'test' });
  none.requested(0);
  none.responded(0, 200);
  none.observe(0, duration.total, 5);
  expect(none.isKept).toBe(false);
  expect(ExchangeStats.read([none], 0)).toEqual(ExchangeStats.read([stats], 0));
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
