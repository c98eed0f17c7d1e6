import { describe, expect, test } from 'vitest';
import { deviation, fleetOf, tally } from '../../test/support/servers.ts';
import { HashOwners } from './hash-owners.ts';
import { Rendezvous } from './rendezvous.ts';

const keys = Array.from({ length: 4000 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 0);

describe('HashOwners', () => {
  test('puts a key where rendezvous puts it among all servers, whatever their states', () => {
    const fleet = fleetOf([1, 2, 1]);
    const owners = new HashOwners(fleet);
    const policy = new Rendezvous();
    const expected = keys.map((key) => policy.select(fleet.snapshot, key, () => true)?.slot);
    for (const server of fleet.servers) fleet.setActive(server, false, 1000);
    expect(keys.map((key) => owners.of(key)?.slot)).toEqual(expected);
    // Once more, now that they are remembered.
    expect(keys.map((key) => owners.of(key)?.slot)).toEqual(expected);
  });

  test('spreads keys by weight, and gives none to a server without weight', () => {
    const owners = new HashOwners(fleetOf([1, 0, 3]));
    const counts = tally(
      keys.map((key) => owners.of(key)),
      3,
    );
    expect(counts[1]).toBe(0);
    expect(deviation([counts[0]!, counts[2]!], [1, 3])).toBeLessThan(5);
  });

  test('has none without a weight', () => {
    expect(new HashOwners(fleetOf([0, 0])).of(1)).toBeUndefined();
    expect(new HashOwners(fleetOf([])).of(1)).toBeUndefined();
  });

  test('answers the same when more keys come than it remembers', () => {
    const owners = new HashOwners(fleetOf([1, 1]));
    const before = keys.map((key) => owners.of(key)?.slot);
    for (let key = 0; key < 70_000; key++) owners.of(key);
    expect(keys.map((key) => owners.of(key)?.slot)).toEqual(before);
  });
});
