import { expect, test } from 'vitest';
import { equal, fleetOf, serverOf, tally } from '../../test/support/servers.ts';
import { Fleet } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import { Maglev } from './maglev.ts';

const any = () => true;
const keys = Array.from({ length: 10_000 }, (_, n) => Math.imul(n + 1, 0x9e3779b1) >>> 0);

const placeAll = (fleet: Fleet, accept: (server: Server) => boolean = any, policy = new Maglev()) =>
  keys.map((key) => policy.select(fleet.snapshot, key, accept)?.name);

/** Share of the keys that were not the named server's and moved all the same. */
function moved(before: readonly unknown[], after: readonly unknown[], name: string): number {
  return before.filter((one, at) => one !== name && after[at] !== name && one !== after[at]).length / before.length;
}

test.each([3, 10, 11, 100])('a server that goes or joins moves few keys of the others: %i servers', (size) => {
  const name = `s${size - 1}`;
  const less = placeAll(fleetOf(equal(size - 1)));
  const more = placeAll(fleetOf(equal(size)));
  expect(moved(more, less, name)).toBeLessThan(0.02);
  expect(moved(less, more, name)).toBeLessThan(0.02);
});

test('a server that goes and comes back leaves no trace', () => {
  const fleet = fleetOf([1, 2, 3, 4, 5]);
  const policy = new Maglev();
  const before = placeAll(fleet, any, policy);
  fleet.setActive(fleet.servers[2]!, false, 1);
  const without = placeAll(fleet, any, policy);
  expect(without).not.toContain('s2');
  expect(moved(before, without, 's2')).toBeLessThan(0.05);
  fleet.setActive(fleet.servers[2]!, true, 2);
  expect(placeAll(fleet, any, policy)).toEqual(before);
});

test('what one server refuses spreads over the others, always in the same way', () => {
  const fleet = fleetOf(equal(5));
  const refuse = (server: Server) => server.slot !== 2;
  const policy = new Maglev();
  const picks = keys.map((key) => policy.select(fleet.snapshot, key, refuse));
  for (const [number, count] of tally(picks, 5).entries()) {
    if (number !== 2) expect(count / keys.length).toBeCloseTo(0.25, 1);
  }
  expect(placeAll(fleet, refuse)).toEqual(picks.map((server) => server?.name));
});

test('a server too light for an entry of the table is still a last resort', () => {
  const fleet = fleetOf([1, 1e-9]);
  const light = fleet.servers[1]!;
  expect(placeAll(fleet)).not.toContain('s1');
  expect(new Maglev().select(fleet.snapshot, 5, (server) => server === light)).toBe(light);
});

test('the position in the config does not count', () => {
  const place = (order: readonly number[]) => {
    const servers = order.map((one, number) =>
      serverOf(number, { id: one * 1e9 + 7, name: `n${one}`, weight: 1 + (one % 3) }),
    );
    return placeAll(new Fleet(servers, { panicThreshold: 0, slowStart: 0 }));
  };
  const order = Array.from({ length: 200 }, (_, one) => one);
  expect(place(order.toReversed())).toEqual(place(order));
});

test('a slow start moves no key', () => {
  const fleet = fleetOf(equal(5), { slowStart: 1000 });
  const before = placeAll(fleet);
  fleet.setActive(fleet.servers[2]!, false, 1);
  fleet.setActive(fleet.servers[2]!, true, 2);
  expect(fleet.snapshot.totalWeight).toBeLessThan(5);
  expect(placeAll(fleet)).toEqual(before);
});
