import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { wallClock } from './wall.ts';

test('a test sets the clock by a file; nobody else does', () => {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-wall-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'clock');
  const shift = (clock: () => number): number => Math.round((clock() - Date.now()) / 60_000) + 0;
  const clock = wallClock({ LIMPET_TEST_CLOCK: file, NODE_ENV: 'test' });
  expect(shift(clock)).toBe(0);
  writeFileSync(file, '7200000\n');
  expect(shift(clock)).toBe(120);
  expect(shift(wallClock({ LIMPET_TEST_CLOCK: file, NODE_ENV: 'production' }))).toBe(0);
  writeFileSync(file, '-1200000');
  expect(shift(clock)).toBe(-20);
  writeFileSync(file, 'soon');
  expect(shift(clock)).toBe(0);
});
