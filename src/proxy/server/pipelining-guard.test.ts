import { describe, expect, test } from 'vitest';
import { PipeliningGuard, shortResponseBytes } from './pipelining-guard.ts';

/** Requests that go alone until one may be pipelined again. */
function alone(guard: PipeliningGuard): number {
  for (let count = 0; ; count++) if (guard.allows()) return count;
}

describe('PipeliningGuard', () => {
  test('pipelining is the rule, until requests had to be sent again', () => {
    const guard = new PipeliningGuard();
    expect([alone(guard), alone(guard)]).toEqual([0, 0]);
    guard.onRequeue();
    expect([alone(guard), alone(guard)]).toEqual([16, 0]);
  });

  test('a long response counts, though it came at once', () => {
    const guard = new PipeliningGuard();
    guard.onResponse(shortResponseBytes + 1);
    expect(alone(guard)).toBe(16);
  });

  test('where all responses are long it is hardly ever tried', () => {
    const guard = new PipeliningGuard();
    const counts = Array.from({ length: 8 }, () => {
      guard.onRequeue();
      return alone(guard);
    });
    expect(counts).toEqual([16, 32, 64, 128, 256, 512, 1024, 1024]);
  });

  test('each short response with others behind it halves the penalty', () => {
    const guard = new PipeliningGuard();
    for (let i = 0; i < 10; i++) guard.onRequeue();
    for (let i = 0; i < 3; i++) guard.onResponse(shortResponseBytes);
    guard.onRequeue();
    expect(alone(guard)).toBe(256);
    for (let i = 0; i < 20; i++) guard.onResponse(shortResponseBytes);
    guard.onRequeue();
    expect(alone(guard)).toBe(16);
  });
});
