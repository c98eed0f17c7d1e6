import { expect, test } from 'vitest';
import { SessionTable } from '../table/table.ts';
import type { Clock } from '../time/clock.ts';
import { answer404IfUnconfigured, clockFor, identityInReports, keepUnansweredClaims } from './injected-faults.ts';

test('without its own word each part stays as it is', async () => {
  const clock: Clock = { now: () => 1, wall: () => 2, monotonic: () => 3 };
  const table = SessionTable.create({ capacity: 10 });
  const handle = async () => {};
  for (const other of [null, 'fencing'] as const) {
    expect(clockFor(clock, other)).toBe(clock);
    keepUnansweredClaims(table, other);
    expect(Object.hasOwn(table, 'leave')).toBe(false);
    expect(answer404IfUnconfigured(handle, () => false, other)).toBe(handle);
    expect(identityInReports(other)([], 'shop', 'gull')).toBe('gull');
  }
});
