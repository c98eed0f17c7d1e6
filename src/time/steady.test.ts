import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SteadyClock } from './steady.ts';

const start = 1_800_000_000_000;
/** How long the machine had run (ms). */
const boot = 123_456;

/** A machine whose clock is set by hand, and threads of it that begin at different times. */
function stage() {
  let time = 0;
  let shift = 0;
  const steps: number[] = [];
  const shared = SteadyClock.share();
  const wall = () => start + time + shift;
  /** Of a thread that counts from its own beginning, as Bun's do. */
  const sources = () => {
    const begun = time;
    // As coarse as Linux tells it.
    return { wall, monotonic: () => time - begun, uptime: () => Math.floor((boot + time) / 10) * 10 };
  };
  const leader = SteadyClock.lead(shared, (by) => steps.push(by), 0, sources());
  return {
    leader,
    steps,
    follower: () => SteadyClock.follow(shared, sources()),
    restart: (ahead: number) => SteadyClock.lead(SteadyClock.share(), () => {}, ahead, sources()),
    wall,
    step: (by: number) => {
      shift += by;
    },
    pass: (ms: number) => {
      time += ms;
    },
    /** Seconds, one look in each. */
    run: (seconds: number, ...clocks: readonly SteadyClock[]) => {
      for (let n = 0; n < seconds; n++) {
        time += 1000;
        for (const clock of clocks) clock.now();
      }
    },
    elapsed: () => time,
  };
}

const minute = 60_000;

describe.each([
  ['back by 20 minutes', -20 * minute],
  ['forward by two hours', 120 * minute],
] as const)('a step %s', (_, by) => {
  test('is told once, moves nothing at that moment, and arrives by a tenth of a second in each', () => {
    const { leader, steps, wall, step, run } = stage();
    run(10, leader);
    const before = leader.now();
    step(by);
    run(1, leader);
    expect(steps).toEqual([by]);
    expect(Math.abs(leader.now() - before - 1000)).toBeLessThanOrEqual(100);
    run(99, leader);
    expect(leader.now() - before).toBeCloseTo(100_000 * (by > 0 ? 1.1 : 0.9), -2);
    run(Math.abs(by) / 100, leader);
    expect(Math.abs(leader.now() - wall())).toBeLessThanOrEqual(1);
    expect(steps).toEqual([by]);
  });

  test('is the same time for all threads: those that are there, and those that begin before, at and after it', () => {
    const { leader, follower, step, run } = stage();
    const clocks = [leader, follower()];
    const differ = () => Math.max(...clocks.map((clock) => Math.abs(clock.now() - leader.now())));
    run(3, ...clocks);
    clocks.push(follower());
    run(3, ...clocks);
    step(by);
    // The leader has not looked yet.
    clocks[1]!.now();
    expect(differ()).toBeLessThanOrEqual(300);
    // Nor has it when another thread begins.
    clocks.push(follower());
    expect(differ()).toBeLessThanOrEqual(300);
    run(5, ...clocks);
    clocks.push(follower());
    expect(differ()).toBeLessThanOrEqual(300);
    for (let n = 0; n < 50; n++) {
      run(1, ...clocks);
      expect(differ()).toBeLessThanOrEqual(300);
    }
  });

  test('that has not arrived at a restart goes on after it', () => {
    const { leader, step, run, restart } = stage();
    run(10, leader);
    step(by);
    run(100, leader);
    expect(Math.abs(restart(leader.isAhead).now() - leader.now())).toBeLessThanOrEqual(1);
  });
});

test('small corrections are followed in silence', () => {
  const { leader, steps, wall, step, run } = stage();
  for (let n = 0; n < 20; n++) {
    step(n % 3 === 0 ? -400 : 300);
    run(5, leader);
    expect(Math.abs(leader.now() - wall())).toBeLessThanOrEqual(1);
  }
  expect(steps).toEqual([]);
});

test('a clock that drifts is followed, also when nobody looks for a day', () => {
  const { leader, steps, wall, step, run } = stage();
  for (let n = 0; n < 86_400; n++) {
    run(1);
    step(0.4);
  }
  run(1, leader);
  expect(steps).toEqual([]);
  expect(Math.abs(leader.now() - wall())).toBeLessThanOrEqual(1);
});

test("whatever the machine's clock does, time never goes back, and an hour stays an hour but for a tenth", () => {
  const act = fc.record({ by: fc.integer({ min: -10_000_000, max: 10_000_000 }), seconds: fc.nat(30) });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
      const { leader, follower, step, pass, run, elapsed } = stage();
      const clocks = [leader, follower()];
      let last = clocks.map((clock) => clock.now());
      for (const { by, seconds } of acts) {
        step(by);
        for (let n = 0; n <= seconds; n++) {
          run(1, ...clocks);
          // The moments before a look and at it, too.
          for (const ms of n % 2 === 0 ? [] : [999, 1]) {
            pass(ms);
            const at = clocks.map((clock) => clock.now());
            for (const [i, time] of at.entries()) expect(time).toBeGreaterThanOrEqual(last[i]!);
            last = at;
          }
          const now = clocks.map((clock) => clock.now());
          for (const [i, time] of now.entries()) expect(time).toBeGreaterThanOrEqual(last[i]!);
          last = now;
        }
      }
      const passed = leader.now() - start;
      expect(passed).toBeGreaterThanOrEqual(elapsed() * 0.9 - 1);
      expect(passed).toBeLessThanOrEqual(elapsed() * 1.1 + 1);
      expect(Math.abs(clocks[1]!.now() - leader.now())).toBeLessThanOrEqual(300);
    }),
  );
});
