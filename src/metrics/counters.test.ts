import { describe, expect, test } from 'vitest';
import { balancerFaults, faults, requestFaults } from '../errors.ts';
import { Counters, counter, counterRows } from './counters.ts';

describe('the table', () => {
  test('gives each name its place', () => {
    for (const [name, index] of Object.entries(counter)) expect(counterRows[index]?.name).toBe(name);
    expect(Object.keys(counter)).toHaveLength(counterRows.length - faults.length);
  });

  test('holds each name once, spelled as Prometheus demands', () => {
    const names = counterRows.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
  });

  test('says which are gauges', () => {
    const gauges = counterRows.filter(({ kind }) => kind === 'gauge').map(({ name }) => name);
    expect(gauges).toEqual([
      'connections_open',
      'queue_depth',
      'connecting',
      'tunnels_open',
      'kept_bytes',
      'copies_lag',
      'endings_pending',
    ]);
  });

  test('has a counter for every fault, at the place that the fault names', () => {
    for (const fault of faults) {
      const counters = new Counters();
      counters.refused(fault);
      expect(counters.snapshot()).toMatchObject({ [`requests_refused_${fault.code.replaceAll('-', '_')}`]: 1 });
      expect(counters.values.reduce((sum, value) => sum + value)).toBe(1);
    }
  });
});

describe('counting', () => {
  test('adds one, more than one, and takes off', () => {
    const counters = new Counters();
    counters.add(counter.requests);
    counters.add(counter.requests);
    counters.add(counter.bytes_out, 5e9);
    counters.add(counter.connections_open, 3);
    counters.add(counter.connections_open, -1);
    expect(counters.snapshot()).toMatchObject({ requests: 2, bytes_out: 5e9, connections_open: 2, bytes_in: 0 });
  });

  test.each([
    [100, 'responses_1xx'],
    [199, 'responses_1xx'],
    [200, 'responses_2xx'],
    [304, 'responses_3xx'],
    [499, 'responses_4xx'],
    [500, 'responses_5xx'],
    [599, 'responses_5xx'],
    [999, 'responses_5xx'],
    [99, 'responses_5xx'],
  ])('status %d counts as %s, and only so', (status, name) => {
    const counters = new Counters();
    counters.responded(status);
    expect(Object.entries(counters.snapshot()).filter(([, value]) => value !== 0)).toEqual([[name, 1]]);
  });

  test('happens in the memory that was handed in', () => {
    const shared = new Float64Array(new SharedArrayBuffer(counterRows.length * 8));
    new Counters(shared).refused(requestFaults.badHost);
    new Counters(shared).refused(balancerFaults.queueFull);
    expect(new Counters(shared).snapshot()).toMatchObject({
      requests_refused_bad_host: 1,
      requests_refused_queue_full: 1,
    });
    expect(() => new Counters(new Float64Array(3))).toThrow('need as many numbers');
  });
});
