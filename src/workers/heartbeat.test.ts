import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { createHeartbeats, HangDetector } from './heartbeat.ts';

function staged(timeout: number) {
  const time = new HandTime();
  const heartbeats = createHeartbeats(2);
  const words = new Int32Array(heartbeats);
  const hung: number[] = [];
  let asleep = 0;
  const set = { timeout };
  const detector = new HangDetector({
    heartbeats,
    timers: time,
    clock: { now: () => time.now(), monotonic: () => time.monotonic() + asleep, wall: () => time.monotonic() + asleep },
    timeoutMs: () => set.timeout,
    onHung: (worker) => hung.push(worker),
  });
  return {
    detector,
    hung,
    time,
    set,
    /** So many half seconds, in which these workers beat. */
    pass(count: number, ...workers: number[]): void {
      for (let i = 0; i < count; i++) {
        for (const worker of workers) words[worker]!++;
        time.advance(500);
      }
    },
    /** The whole process does not run for so many ms. */
    sleep(ms: number): void {
      asleep += ms;
    },
  };
}

test('a worker that has been silent for the time-out hangs, once, and one that beats does not', () => {
  const { detector, hung, pass } = staged(2000);
  detector.watch(0);
  detector.watch(1);
  pass(3, 0);
  expect(hung).toEqual([]);
  pass(1, 0);
  expect(hung).toEqual([1]);
  pass(20, 0);
  expect(hung).toEqual([1]);
  detector.watch(1);
  pass(3, 0);
  pass(1, 0, 1);
  pass(3, 0);
  expect(hung).toEqual([1]);
  pass(1, 0);
  expect(hung).toEqual([1, 1]);
});

test('a process that was stopped gives everybody a fresh time', () => {
  const { detector, hung, pass, sleep } = staged(2000);
  detector.watch(0);
  for (let i = 0; i < 5; i++) {
    pass(3);
    sleep(60_000);
    pass(1);
  }
  expect(hung).toEqual([]);
  pass(4);
  expect(hung).toEqual([0]);
});

test('nothing is expected of one that has ended, without a time-out, and after the stop', () => {
  const { detector, hung, pass, set, time } = staged(0);
  detector.watch(0);
  detector.watch(1);
  pass(100);
  expect(hung).toEqual([]);
  detector.unwatch(0);
  set.timeout = 2000;
  pass(1);
  expect(hung).toEqual([1]);
  detector.watch(0);
  detector.stop();
  pass(100);
  expect([hung, time.pending]).toEqual([[1], 0]);
});
