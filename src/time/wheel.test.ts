import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Deadline, Wheel } from './wheel.ts';

interface Timed {
  readonly deadline: Deadline;
  fired: number[];
}

function timed(wheel: Wheel, then: (self: Timed) => void = () => {}): Timed {
  const self: Timed = {
    deadline: new Deadline({
      onDeadline: () => {
        self.fired.push(wheel.now);
        then(self);
      },
    }),
    fired: [],
  };
  return self;
}

describe('Wheel', () => {
  test('fires once, at the first turn after its tick', () => {
    const wheel = new Wheel(1000);
    const one = timed(wheel);
    wheel.set(one.deadline, 250);
    for (let now = 1010; now < 2000; now += 10) wheel.turn(now);
    expect(one.fired).toEqual([1300]);
  });

  test('0 is never', () => {
    const wheel = new Wheel(0);
    const one = timed(wheel);
    wheel.set(one.deadline, 0);
    wheel.turn(1e6);
    wheel.set(one.deadline, 100);
    wheel.set(one.deadline, 0);
    wheel.turn(2e6);
    expect(one.fired).toEqual([]);
  });

  test('may be put off, brought forward, and put off again', () => {
    const wheel = new Wheel(0);
    const one = timed(wheel);
    wheel.set(one.deadline, 1000);
    wheel.set(one.deadline, 5000);
    wheel.turn(1000);
    wheel.turn(4900);
    expect(one.fired).toEqual([]);
    wheel.set(one.deadline, 200);
    wheel.set(one.deadline, 300);
    wheel.turn(5100);
    expect(one.fired).toEqual([]);
    wheel.turn(5200);
    expect(one.fired).toEqual([5200]);
  });

  test('goes beyond one revolution', () => {
    const wheel = new Wheel(12_345);
    const one = timed(wheel);
    wheel.set(one.deadline, 3_600_000);
    for (let now = 12_345; now < 3_612_345; now += 997) wheel.turn(now);
    expect(one.fired).toEqual([]);
    wheel.turn(3_612_400);
    expect(one.fired).toEqual([3_612_400]);
  });

  test('after a long stop everything that is due fires once, nothing else', () => {
    const wheel = new Wheel(0);
    const due = Array.from({ length: 700 }, () => timed(wheel));
    for (const [i, { deadline }] of due.entries()) wheel.set(deadline, 100 + i * 100);
    const late = timed(wheel);
    wheel.set(late.deadline, 10_000_000);
    wheel.turn(9_000_000);
    for (const one of due) expect(one.fired).toEqual([9_000_000]);
    expect(late.fired).toEqual([]);
    wheel.turn(10_000_000);
    expect(late.fired).toEqual([10_000_000]);
  });

  test('an owner may set its own deadline again while it is told', () => {
    const wheel = new Wheel(0);
    const one = timed(wheel, (self) => wheel.set(self.deadline, 100));
    wheel.set(one.deadline, 100);
    for (let now = 0; now <= 1000; now += 50) wheel.turn(now);
    expect(one.fired).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
  });

  test('an owner may cancel, put off or bring forward others of the same slot while it is told', () => {
    const wheel = new Wheel(0);
    const others = Array.from({ length: 4 }, () => timed(wheel));
    const [cancelled, off, never, untouched] = others;
    const first = timed(wheel, () => {
      wheel.cancel(cancelled!.deadline);
      wheel.set(off!.deadline, 300);
      wheel.set(never!.deadline, 0);
    });
    wheel.set(first.deadline, 100);
    for (const { deadline } of others) wheel.set(deadline, 100);
    wheel.turn(100);
    wheel.turn(1000);
    expect(first.fired).toEqual([100]);
    expect([cancelled!.fired, off!.fired, never!.fired, untouched!.fired]).toEqual([[], [1000], [], [100]]);
  });

  test('does what a list of deadlines does: never early, late by less than a tick and a turn', () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ what: fc.constant('set'), who: fc.nat(9), time: fc.integer({ min: 1, max: 120_000 }) }),
      },
      { weight: 1, arbitrary: fc.record({ what: fc.constant('cancel'), who: fc.nat(9), time: fc.constant(0) }) },
      {
        weight: 6,
        arbitrary: fc.record({
          what: fc.constant('turn'),
          who: fc.nat(9),
          time: fc.oneof(fc.nat(300), fc.nat(70_000)),
        }),
      },
    );
    /** On being told, an owner does this to another: sets it anew, cancels it, or nothing. */
    const reaction = fc.record({
      to: fc.nat(9),
      delay: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 60_000 })),
      cancel: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.nat(1_000_000),
        fc.array(step, { maxLength: 80 }),
        fc.array(fc.option(reaction), { minLength: 10, maxLength: 10 }),
        (start, steps, reactions) => {
          const wheel = new Wheel(start);
          const dueAt = new Array<number>(10).fill(0);
          let previous = start;
          const all: Timed[] = reactions.map((react, who) =>
            timed(wheel, () => {
              const due = dueAt[who]!;
              expect(due).toBeGreaterThan(0);
              expect(wheel.now).toBeGreaterThanOrEqual(due);
              // It was not due, to the tick, at the turn before.
              expect(previous).toBeLessThan(Math.ceil(due / Wheel.tickMs) * Wheel.tickMs);
              dueAt[who] = 0;
              if (react === null) return;
              if (react.cancel) wheel.cancel(all[react.to]!.deadline);
              else wheel.set(all[react.to]!.deadline, react.delay);
              dueAt[react.to] = react.cancel || react.delay === 0 ? 0 : wheel.now + react.delay;
            }),
          );
          for (const { what, who, time } of steps) {
            if (what === 'set') {
              wheel.set(all[who]!.deadline, time);
              dueAt[who] = wheel.now + time;
            } else if (what === 'cancel') {
              wheel.cancel(all[who]!.deadline);
              dueAt[who] = 0;
            } else {
              previous = wheel.now;
              wheel.turn(wheel.now + time);
              // Nobody who is due, to the tick, is left.
              for (const due of dueAt)
                if (due > 0)
                  expect(Math.ceil(due / Wheel.tickMs)).toBeGreaterThan(Math.floor(wheel.now / Wheel.tickMs));
            }
          }
        },
      ),
      { numRuns: 400 },
    );
  });
});
