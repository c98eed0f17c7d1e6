import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deviation, equal, fleetOf, randomOf, run, tally } from '../../test/support/servers.ts';
import { LeastRequests, window } from './least-requests.ts';

const any = () => true;
const make = (seed = 1) => new LeastRequests({ random: randomOf(seed) });

test('takes the least loaded for its weight, and refused ones in that order', () => {
  const server = fc.record({ weight: fc.integer({ min: 1, max: 8 }), inflight: fc.integer({ min: 1, max: 30 }) });
  fc.assert(
    fc.property(fc.integer(), fc.array(server, { minLength: 1, maxLength: window }), (seed, servers) => {
      const fleet = fleetOf(servers.map(({ weight }) => weight));
      for (const one of fleet.servers) run(one, servers[one.slot]!.inflight);
      const loads: number[] = [];
      make(seed).select(fleet.snapshot, 0, (one) => {
        loads.push((one.inflight + 1) / one.weight);
        return false;
      });
      expect(loads).toHaveLength(servers.length);
      expect(loads).toEqual(loads.toSorted((a, b) => a - b));
    }),
  );
});

test('idle servers share by weight: a lone client does not always go to the heaviest', () => {
  const fleet = fleetOf([5, 1, 1]);
  const policy = make();
  const picks = Array.from({ length: 700 }, () => policy.select(fleet.snapshot, 0, any));
  expect(tally(picks, 3)).toEqual([500, 100, 100]);
});

test('servers with equal load take turns', () => {
  const fleet = fleetOf(equal(10));
  const policy = make();
  for (const server of fleet.servers) run(server, server.slot === 3 || server.slot === 4 ? 2 : 5);
  const picks = Array.from({ length: 100 }, () => policy.select(fleet.snapshot, 0, any));
  const counts = tally(picks, 10);
  expect([counts[3], counts[4]]).toEqual([50, 50]);
});

test('with exchanges of very different length every pick is the least loaded, or idle at its turn', () => {
  const fleet = fleetOf([1, 2, 4, 1]);
  const policy = make();
  const random = randomOf(9);
  const running: { end: number; number: number }[] = [];
  let idle = 0;
  for (let now = 0; now < 5_000; now++) {
    for (let at = running.length - 1; at >= 0; at--) {
      if (running[at]!.end > now) continue;
      fleet.servers[running[at]!.number]!.leave();
      running.splice(at, 1);
    }
    const least = Math.min(...fleet.servers.map((server) => (server.inflight + 1) / server.weight));
    const server = policy.select(fleet.snapshot, 0, any)!;
    if (server.inflight === 0) idle++;
    else expect((server.inflight + 1) / server.weight).toBe(least);
    server.enter();
    running.push({ end: now + (random() < 0.1 ? 60 : 2), number: server.slot });
  }
  expect(idle).toBeLessThan(4_000);
});

test('in a large pool an idle server is found within a rotation', () => {
  const size = 40 * window;
  const fleet = fleetOf(equal(size));
  for (const server of fleet.servers) run(server, 3);
  const idle = fleet.servers[size - 5]!;
  run(idle, -3);
  const policy = make();
  const picks = Array.from({ length: 40 }, () => policy.select(fleet.snapshot, 0, any));
  expect(picks).toContain(idle);
});

test('a large pool stays level', () => {
  const size = 4 * window;
  const fleet = fleetOf(equal(size));
  const policy = make();
  const random = randomOf(5);
  const running: number[] = [];
  // Exchanges end in random order, so that the counts would drift apart by themselves.
  for (let n = 0; n < 30 * size; n++) {
    const server = policy.select(fleet.snapshot, 0, any)!;
    server.enter();
    running.push(server.slot);
    if (running.length <= 10 * size) continue;
    const at = Math.floor(random() * running.length);
    fleet.servers[running[at]!]!.leave();
    running[at] = running.pop()!;
  }
  const loads = fleet.servers.map((server) => server.inflight);
  expect(Math.max(...loads)).toBeLessThanOrEqual(11);
  expect(deviation(loads, equal(size))).toBeLessThan(0);
});
