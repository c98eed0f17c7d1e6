import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ReceiveWindow, SendWindow } from './flow.ts';

const max = 2 ** 31 - 1;

describe('the window for sending', () => {
  test('grows to 2^31-1 and not beyond (section 6.9.1)', () => {
    const window = new SendWindow(65_535);
    expect(window.add(max - 65_535)).toBe(true);
    expect(window.left).toBe(max);
    expect(window.add(1)).toBe(false);
    window.take(1);
    expect(window.add(2)).toBe(false);
    expect(window.add(1)).toBe(true);
  });

  test('may fall below 0 with a setting, and must be filled up again (section 6.9.2)', () => {
    // The example of the RFC: 60 KB are on the way when the initial size becomes 16 KB.
    const window = new SendWindow(65_535);
    window.take(60 * 1024);
    expect(window.add(16 * 1024 - 65_535)).toBe(true);
    expect(window.left).toBe(16 * 1024 - 60 * 1024);
    window.add(44 * 1024);
    expect(window.left).toBe(0);
  });
});

describe('the window for receiving', () => {
  test('takes what it has, and no byte more', () => {
    const window = new ReceiveWindow(100);
    expect(window.receive(60)).toBe(true);
    expect(window.receive(41)).toBe(false);
    expect(window.receive(40)).toBe(true);
    expect(window.receive(0)).toBe(true);
    expect(window.receive(1)).toBe(false);
  });

  test('is given back when half of it has been taken, and not before', () => {
    const window = new ReceiveWindow(100);
    window.receive(100);
    expect(window.consume(49)).toBe(0);
    expect(window.left).toBe(0);
    expect(window.consume(1)).toBe(50);
    expect(window.left).toBe(50);
    expect(window.consume(0)).toBe(0);
    expect(window.consume(50)).toBe(50);
    expect(window.left).toBe(100);
  });

  test('of size 0 gives nothing back for nothing', () => {
    const window = new ReceiveWindow(0);
    expect(window.consume(0)).toBe(0);
    expect(window.receive(0)).toBe(true);
    expect(window.receive(1)).toBe(false);
  });

  test('becomes larger, but never smaller of itself', () => {
    const window = new ReceiveWindow(100);
    window.receive(70);
    expect(window.enlarge(250)).toBe(150);
    expect([window.size, window.left]).toEqual([250, 180]);
    expect(window.enlarge(200)).toBe(0);
    window.adjust(-240);
    expect([window.size, window.left]).toEqual([10, -60]);
    expect(window.receive(0)).toBe(false);
    expect(window.consume(70)).toBe(70);
    expect(window.left).toBe(10);
  });

  test('never lets more be on the way than its size, and never stops for good', () => {
    const step = fc.record({ come: fc.nat(80), taken: fc.nat(80) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.array(step, { maxLength: 60 }), (size, steps) => {
        const window = new ReceiveWindow(size);
        let held = 0;
        for (const { come, taken } of steps) {
          if (window.receive(come)) held += come;
          const now = Math.min(taken, held);
          held -= now;
          window.consume(now);
          expect(window.left + window.taken + held).toBe(size);
          expect(window.left).toBeGreaterThanOrEqual(0);
          if (held === 0) expect(2 * window.left).toBeGreaterThanOrEqual(size);
        }
      }),
    );
  });
});
