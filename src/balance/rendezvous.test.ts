import { expect, test } from 'vitest';
import { fleetOf, serverOf } from '../../test/support/servers.ts';
import { Fleet } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import { Rendezvous } from './rendezvous.ts';

const any = () => true;
const keys = Array.from({ length: 10_000 }, (_, n) => Math.imul(n + 1, 0x9e3779b1) >>> 0);
const weights = [1, 2, 3, 1, 1, 2, 5, 1, 1, 3];

const placeAll = (fleet: Fleet, accept: (server: Server) => boolean = any) => {
  const policy = new Rendezvous();
  return keys.map((key) => policy.select(fleet.snapshot, key, accept)?.name);
};

test('exactly the keys of a server that goes move, each to its second choice, and all come back', () => {
  const fleet = fleetOf(weights);
  const before = placeAll(fleet);
  const gone = fleet.servers[6]!;
  const second = placeAll(fleet, (server) => server !== gone);
  fleet.setActive(gone, false, 1);
  const after = placeAll(fleet);
  expect(before.filter((name) => name === 's6').length).toBeGreaterThan(2000);
  after.forEach((name, at) => {
    if (before[at] !== 's6') expect(name).toBe(before[at]);
  });
  expect(after).toEqual(second);
  fleet.setActive(gone, true, 2);
  expect(placeAll(fleet)).toEqual(before);
});

test('a server that joins takes keys and moves no others', () => {
  const before = placeAll(fleetOf(weights));
  const after = placeAll(fleetOf([...weights, 4]));
  const moved = after.filter((name, at) => name !== before[at]);
  expect(new Set(moved)).toEqual(new Set(['s10']));
  expect(moved.length / keys.length).toBeCloseTo(4 / 24, 1);
});

test('a heavier weight only draws keys in', () => {
  const before = placeAll(fleetOf(weights));
  const after = placeAll(fleetOf(weights.with(3, 2)));
  const moved = after.filter((name, at) => name !== before[at]);
  expect(new Set(moved)).toEqual(new Set(['s3']));
});

test('the position in the config does not count', () => {
  const options = { panicThreshold: 0, slowStart: 0 };
  const place = (order: readonly number[]) =>
    placeAll(
      new Fleet(
        order.map((one, number) => serverOf(number, { id: one * 1e9 + 7, name: `n${one}`, weight: weights[one] ?? 1 })),
        options,
      ),
    );
  expect(place([4, 2, 0, 3, 1])).toEqual(place([0, 1, 2, 3, 4]));
});

test('a slow start moves no key', () => {
  const fleet = fleetOf(weights, { slowStart: 1000 });
  const before = placeAll(fleet);
  fleet.setActive(fleet.servers[6]!, false, 1);
  fleet.setActive(fleet.servers[6]!, true, 2);
  fleet.tick(300);
  expect(fleet.snapshot.totalWeight).toBeLessThan(20);
  expect(placeAll(fleet)).toEqual(before);
});
