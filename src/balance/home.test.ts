import { describe, expect, test } from 'vitest';
import { deviation, fleetOf, tally } from '../../test/support/servers.ts';
import { Homes } from './home.ts';
import { Rendezvous } from './rendezvous.ts';

const keys = Array.from({ length: 4000 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 0);

describe('Homes', () => {
  test('puts a key where rendezvous puts it among all servers, whatever their states', () => {
    const fleet = fleetOf([1, 2, 1]);
    const homes = new Homes(fleet.servers);
    const policy = new Rendezvous();
    const expected = keys.map((key) => policy.select(fleet.snapshot, key, () => true)?.number);
    for (const server of fleet.servers) fleet.setActive(server, false, 1000);
    expect(keys.map((key) => homes.of(key)?.number)).toEqual(expected);
    // Once more, now that they are remembered.
    expect(keys.map((key) => homes.of(key)?.number)).toEqual(expected);
  });

  test('spreads keys by weight, and gives none to a server without weight', () => {
    const homes = new Homes(fleetOf([1, 0, 3]).servers);
    const counts = tally(
      keys.map((key) => homes.of(key)),
      3,
    );
    expect(counts[1]).toBe(0);
    expect(deviation([counts[0]!, counts[2]!], [1, 3])).toBeLessThan(5);
  });

  test('has none without a weight', () => {
    expect(new Homes(fleetOf([0, 0]).servers).of(1)).toBeUndefined();
    expect(new Homes([]).of(1)).toBeUndefined();
  });

  test('answers the same when more keys come than it remembers', () => {
    const homes = new Homes(fleetOf([1, 1]).servers);
    const before = keys.map((key) => homes.of(key)?.number);
    for (let key = 0; key < 70_000; key++) homes.of(key);
    expect(keys.map((key) => homes.of(key)?.number)).toEqual(before);
  });
});
