import { expect, test } from 'vitest';
import { RunningTime } from './running-time.ts';
import { Deadline, Wheel } from './wheel.ts';

function stage() {
  let now = 1000;
  const time = new RunningTime({ monotonic: () => now }, 100);
  const after = (ms: number): number => {
    now += ms;
    return time.read();
  };
  return { after };
}

test('a tick that is late passes as it is; a stop counts as one tick, and so does the next', () => {
  const { after } = stage();
  expect([after(100), after(130), after(550), after(50)]).toEqual([1100, 1230, 1780, 1830]);
  expect([after(700), after(100), after(3_600_000), after(100)]).toEqual([1930, 2030, 2130, 2230]);
});

test('what was to come within a second has its second after a stop, also when it was asked for before the clock was read again', () => {
  const { after } = stage();
  const wheel = new Wheel(1000);
  const due: string[] = [];
  const [before, during] = ['before', 'during'].map((name) => new Deadline({ onDeadline: () => due.push(name) }));
  wheel.set(before!, 1000);
  wheel.turn(after(100));
  // The stop is over, and what was to be read before the next tick is read.
  const late = after(5000);
  wheel.set(during!, 1000);
  wheel.turn(late);
  expect(due).toEqual([]);
  for (let i = 0; i < 7; i++) wheel.turn(after(100));
  expect(due).toEqual([]);
  for (let i = 0; i < 4; i++) wheel.turn(after(100));
  expect(due).toEqual(['before', 'during']);
});
