import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Load } from './load.ts';

const slots = 3;
const workers = 3;

test('workers count together, caps hold across them, and a dead one’s share is taken off', () => {
  const step = fc.record({
    worker: fc.nat(workers - 1),
    slot: fc.nat(slots - 1),
    what: fc.constantFrom('run', 'try', 'leave', 'wait', 'unwait', 'die'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const buffer = Load.create(slots, workers);
      const loads = Array.from({ length: workers }, (_, worker) => new Load(buffer, slots, worker));
      const running = Array.from({ length: workers }, () => new Array<number>(slots).fill(0));
      const waiting = Array.from({ length: workers }, () => new Array<number>(slots).fill(0));
      const sum = (of: number[][], slot: number) => of.reduce((all, one) => all + one[slot]!, 0);
      for (const { worker, slot, what } of steps) {
        const load = loads[worker]!;
        if (what === 'run') {
          load.run(slot, 1);
          running[worker]![slot]!++;
        } else if (what === 'try') {
          const room = sum(running, slot) < 4;
          expect(load.tryRun(slot, 4)).toBe(room);
          if (room) running[worker]![slot]!++;
        } else if (what === 'leave' && running[worker]![slot]! > 0) {
          load.run(slot, -1);
          running[worker]![slot]!--;
        } else if (what === 'wait') {
          load.wait(slot, 1);
          waiting[worker]![slot]!++;
        } else if (what === 'unwait' && waiting[worker]![slot]! > 0) {
          load.wait(slot, -1);
          waiting[worker]![slot]!--;
        } else if (what === 'die') {
          loads[(worker + 1) % workers]!.forget(worker);
          running[worker]!.fill(0);
          waiting[worker]!.fill(0);
        }
        for (let at = 0; at < slots; at++) {
          expect([load.running(at), load.waiting(at)]).toEqual([sum(running, at), sum(waiting, at)]);
        }
      }
    }),
  );
});

test('streams and tunnels of a dead worker are taken off', () => {
  const buffer = Load.create(slots, workers);
  const [one, other] = [new Load(buffer, slots, 0), new Load(buffer, slots, 1)];
  for (const load of [one, other]) {
    load.stream(1, 2);
    load.tunnel(1, 3);
    load.stream(1, -1);
  }
  expect([one.streams(1), one.tunnels(1), one.streams(2), one.running(1)]).toEqual([2, 6, 0, 0]);
  other.forget(0);
  expect([other.streams(1), other.tunnels(1)]).toEqual([1, 3]);
});

test('failures are one word for all', () => {
  const buffer = Load.create(2, 2);
  new Load(buffer, 2, 0).setFailures(1, 5);
  expect([new Load(buffer, 2, 1).failures(1), new Load(buffer, 2, 1).failures(0)]).toEqual([5, 0]);
});

test('a buffer that is too small is refused', () => {
  expect(() => new Load(Load.create(2, 1), 2, 1)).toThrow('no room for worker 1');
});
