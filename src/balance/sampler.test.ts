import { expect, test } from 'vitest';
import { deviation, fleetOf, randomOf, tally } from '../../test/support/servers.ts';
import { Sampler } from './sampler.ts';

test.each([[[1, 1, 1]], [[5, 1, 1]], [[0.001, 1000]], [Array.from({ length: 100 }, (_, at) => 1 + (at % 9))]])(
  'draws by weight: %j',
  (weights) => {
    const { snapshot } = fleetOf(weights);
    const sampler = new Sampler({ random: randomOf(3) });
    const draws = Array.from({ length: 50_000 }, () => snapshot.up[sampler.draw(snapshot)]);
    expect(deviation(tally(draws, weights.length), weights)).toBeLessThan(5);
  },
);

test.each([[[1, 1]], [[1, 1, 1, 1]], [[1e9, 1, 1]]])('draws another one: %j', (weights) => {
  const { snapshot } = fleetOf(weights);
  const sampler = new Sampler({ random: randomOf(4) });
  const seen = new Set<number>();
  for (let draws = 0; draws < 500; draws++) {
    const other = sampler.drawOther(snapshot, 0);
    expect(other).toBeGreaterThan(0);
    expect(other).toBeLessThan(weights.length);
    seen.add(other);
  }
  expect(seen.size).toBe(weights.length - 1);
});

test('the rest leaves out two, and comes by weight', () => {
  const weights = [1, 1, 1, 6, 3];
  const { snapshot } = fleetOf(weights);
  const sampler = new Sampler({ random: randomOf(5) });
  const first = Array.from({ length: 10_000 }, () => sampler.rest(snapshot, 0, 1, () => true));
  expect(deviation(tally(first, 5), [0, 0, 1, 6, 3])).toBeLessThan(5);
});
