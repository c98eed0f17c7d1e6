import { describe, expect, test } from 'vitest';
import { balancerFaults, requestFaults, serverFaults } from '../errors.ts';
import { duration, ExchangeStats, requestFlags, responseFlags } from './exchange-stats.ts';
import { distributionOf, quantileOf } from './histogram.ts';

const nothing = {
  requests: 0,
  responses: [0, 0, 0, 0, 0],
  retries: 0,
  failures: [],
  verdicts: [],
  durations: [],
};

describe('a slot', () => {
  test('has what was counted in it, and in no other', () => {
    const stats = ExchangeStats.single(4);
    stats.requested(2);
    for (const status of [101, 200, 204, 302, 404, 503, 999, 0]) stats.responded(2, status);
    stats.retried(2);
    stats.failed(2, serverFaults.connectRefused);
    stats.failed(2, serverFaults.connectRefused);
    stats.failed(2, serverFaults.bodyTimeout);
    // Whose fault these are, the counters of all together say.
    stats.failed(2, requestFaults.badMethod);
    stats.failed(2, balancerFaults.tooManyConnections);
    stats.judged(2, requestFlags.indexOf('D'), responseFlags.indexOf('U'));
    stats.judged(2, requestFlags.indexOf('U'), responseFlags.indexOf('N'));
    const { durations, ...counts } = ExchangeStats.read([stats], 2);
    expect(counts).toEqual({
      requests: 1,
      responses: [1, 2, 1, 1, 3],
      retries: 1,
      failures: [
        ['connect-refused', 2],
        ['body-timeout', 1],
      ],
      verdicts: [
        ['D', 'U', 1],
        ['U', 'N', 1],
      ],
    });
    expect(durations.map((one) => one?.count)).toEqual([0, 0, 0]);
    for (const slot of [0, 1, 3]) expect(ExchangeStats.read([stats], slot)).toEqual(nothing);
  });

  test('keeps its durations apart', () => {
    const stats = ExchangeStats.single(3);
    stats.requested(1);
    stats.observe(1, duration.connect, 1.5);
    stats.observe(1, duration.firstByte, 20);
    stats.observe(1, duration.total, 300);
    stats.observe(2, duration.total, 7);
    expect(ExchangeStats.read([stats], 1).durations).toMatchObject([
      { count: 1, sumSeconds: 0.0015 },
      { count: 1, sumSeconds: 0.02 },
      { count: 1, sumSeconds: 0.3 },
    ]);
    expect(quantileOf(ExchangeStats.histogram([stats], 1, duration.connect), 0.5)).toBeCloseTo(1.5, 0);
    const total = { count: 1, sumSeconds: 0.3, cumulative: [] };
    expect(ExchangeStats.read([stats], 1, false).durations).toEqual([undefined, undefined, total]);
  });

  test('is the sum over all workers', () => {
    const workers = [ExchangeStats.single(2), ExchangeStats.single(2), ExchangeStats.single(2)];
    for (const [worker, stats] of workers.slice(1).entries()) {
      stats.requested(1);
      stats.responded(1, 200 + 100 * worker);
      stats.observe(1, duration.total, 10);
    }
    const read = ExchangeStats.read(workers, 1);
    expect(read).toMatchObject({ requests: 2, responses: [0, 1, 1, 0, 0] });
    expect(read.durations[duration.total]).toMatchObject({ count: 2, sumSeconds: 0.02 });
  });

  test('is empty when another server gets it', () => {
    const stats = ExchangeStats.single(3);
    for (const slot of [1, 2]) {
      stats.requested(slot);
      stats.failed(slot, serverFaults.closedEarly);
      stats.observe(slot, duration.total, 10);
    }
    stats.clear(1);
    expect(ExchangeStats.read([stats], 1)).toEqual(nothing);
    stats.requested(1);
    expect(ExchangeStats.read([stats], 1).durations[duration.total]?.count).toBe(0);
    expect(ExchangeStats.read([stats], 2)).toMatchObject({ requests: 1, failures: [['closed-early', 1]] });
  });
});

test('the delay of the event loop is kept beside the slots', () => {
  const stats = ExchangeStats.single(2);
  expect(stats.lastLoopDelayMs).toBe(0);
  for (const lateMs of [0.2, 80, 3]) stats.looped(lateMs);
  expect(stats.lastLoopDelayMs).toBe(3);
  expect(distributionOf([stats.loopDelay])).toMatchObject({ count: 3, sumSeconds: 0.0832 });
  expect(ExchangeStats.read([stats], 1)).toEqual(nothing);
});

test('memory that is too small for the slots is refused', () => {
  expect(() => new ExchangeStats(ExchangeStats.create(2), 3)).toThrow('no room for 3 slots');
});
