import { describe, expect, test } from 'vitest';
import { PipeliningGuard, shortAnswer } from './pipelining-guard.ts';

/** Requests that go alone until one may share again. */
function alone(sharing: PipeliningGuard): number {
  for (let count = 0; ; count++) if (sharing.allows()) return count;
}

describe('PipeliningGuard', () => {
  test('is the rule, until an answer was too long', () => {
    const sharing = new PipeliningGuard();
    expect([alone(sharing), alone(sharing)]).toEqual([0, 0]);
    sharing.requeued();
    expect([alone(sharing), alone(sharing)]).toEqual([16, 0]);
  });

  test('a long answer counts, though it came at once', () => {
    const sharing = new PipeliningGuard();
    sharing.passed(shortAnswer + 1);
    expect(alone(sharing)).toBe(16);
  });

  test('where all answers are long it is hardly ever tried', () => {
    const sharing = new PipeliningGuard();
    const counts = Array.from({ length: 8 }, () => {
      sharing.requeued();
      return alone(sharing);
    });
    expect(counts).toEqual([16, 32, 64, 128, 256, 512, 1024, 1024]);
  });

  test('each short answer with others behind it halves the caution', () => {
    const sharing = new PipeliningGuard();
    for (let i = 0; i < 10; i++) sharing.requeued();
    for (let i = 0; i < 3; i++) sharing.passed(shortAnswer);
    sharing.requeued();
    expect(alone(sharing)).toBe(256);
    for (let i = 0; i < 20; i++) sharing.passed(shortAnswer);
    sharing.requeued();
    expect(alone(sharing)).toBe(16);
  });
});
