import { randomFillSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { isSampled, RandomIds } from './ids.ts';

test('ids are hex digits, of which none comes twice', () => {
  const ids = new RandomIds(randomFillSync);
  const all = new Set<string>();
  for (let i = 0; i < 5000; i++) {
    const [long, short] = [ids.long(), ids.short()];
    expect(long).toMatch(/^[0-9a-f]{32}$/);
    expect(short).toMatch(/^[0-9a-f]{16}$/);
    all.add(long).add(short);
  }
  expect(all.size).toBe(10_000);
});

test('an id is never all zeros, which means none', () => {
  let fills = 0;
  const ids = new RandomIds((bytes) => void bytes.fill(fills++ === 0 ? 0 : 10));
  expect(ids.long()).toBe('0a'.repeat(16));
  expect(fills).toBe(2);
});

test('the share of sampled traces is the one that was asked for, by the id alone', () => {
  const ids = new RandomIds(randomFillSync);
  const traces = Array.from({ length: 20_000 }, () => ids.long());
  const sampled = (share: number) => traces.filter((id) => isSampled(id, share)).length;
  expect(sampled(0)).toBe(0);
  expect(sampled(1)).toBe(traces.length);
  // Six standard deviations: one run of half a billion fails.
  expect(Math.abs(sampled(0.25) - 5000)).toBeLessThan(6 * Math.sqrt(20_000 * 0.25 * 0.75));
  for (const id of traces) if (isSampled(id, 0.1)) expect(isSampled(id, 0.2)).toBe(true);
});
