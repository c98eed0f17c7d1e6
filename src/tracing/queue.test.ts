import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { exchangeTrace } from '../../test/support/traces.ts';
import { Counters } from '../metrics/counters.ts';
import { SpanQueue } from './queue.ts';

/** Two spans each. */
const traces = (count: number) => Array.from({ length: count }, () => exchangeTrace());

/** A collector that answers when the test says so. */
function stage(maxSpans = 10_000) {
  const time = new HandTime();
  const counters = new Counters();
  const lines: string[] = [];
  const exports: { readonly spans: number; readonly done: () => void; readonly fail: (why: string) => void }[] = [];
  let closed = 0;
  const queue = new SpanQueue({
    exporter: {
      export: (batch) =>
        new Promise((resolve, reject) => {
          exports.push({ spans: batch.length * 2, done: resolve, fail: (why) => reject(new Error(why)) });
        }),
      close: async () => void closed++,
    },
    counters,
    timers: time,
    maxSpans,
    intervalMs: 1000,
    log: { info: (line) => void lines.push(line), warn: (line) => void lines.push(line) },
  });
  const counted = () => {
    const { spans_exported, spans_dropped } = counters.snapshot();
    return { exported: spans_exported, dropped: spans_dropped };
  };
  return { time, queue, exports, lines, counted, closed: () => closed, sizes: () => exports.map(({ spans }) => spans) };
}

/** What was promised has happened. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

test('spans wait for others, and leave in batches, one at a time', async () => {
  const { queue, time, exports, sizes, counted } = stage();
  queue.add(traces(1));
  time.advance(999);
  expect(sizes()).toEqual([]);
  time.advance(1);
  expect(sizes()).toEqual([2]);
  queue.add(traces(400));
  time.advance(10_000);
  // The first one is under way still.
  expect(sizes()).toEqual([2]);
  exports[0]?.done();
  await settled();
  expect(sizes()).toEqual([2, 512]);
  expect(counted()).toEqual({ exported: 2, dropped: 0 });
  exports[1]?.done();
  await settled();
  time.advance(1000);
  expect(sizes()).toEqual([2, 512, 288]);
  exports[2]?.done();
  await settled();
  expect(counted()).toEqual({ exported: 802, dropped: 0 });
  expect(time.pending).toBe(0);
});

test('a collector that takes nothing: what fails and what does not fit is dropped, counted, and told once', async () => {
  const { queue, time, exports, lines, counted } = stage(100);
  queue.add(traces(50));
  time.advance(1000);
  queue.add(traces(60));
  expect(counted().dropped).toBe(20);
  exports[0]?.fail('connect ECONNREFUSED');
  await settled();
  expect(counted()).toEqual({ exported: 0, dropped: 120 });
  time.advance(1000);
  exports[1]?.fail('connect ECONNREFUSED');
  await settled();
  const then = 'Spans are lost, and counted (spans_dropped), until they can be';
  expect(lines).toEqual([`spans cannot be exported: connect ECONNREFUSED. ${then}`]);
  queue.add(traces(1));
  time.advance(1000);
  exports[2]?.done();
  await settled();
  expect(lines.slice(1)).toEqual(['spans are exported again: 200 were lost']);
  expect(counted()).toEqual({ exported: 2, dropped: 220 });
});

test('at the end all that waits is exported', async () => {
  const { queue, exports, sizes, counted, closed, time } = stage();
  queue.add(traces(300));
  const stopped = queue.stop(5000);
  exports[0]?.done();
  await settled();
  exports[1]?.done();
  await stopped;
  expect(sizes()).toEqual([512, 88]);
  expect(counted()).toEqual({ exported: 600, dropped: 0 });
  expect([closed(), time.pending]).toEqual([1, 0]);
  queue.add(traces(1));
  expect(counted().dropped).toBe(2);
});

test('at the end a collector that hangs is waited for only so long', async () => {
  const { queue, time, sizes, counted, closed } = stage();
  queue.add(traces(300));
  const stopped = queue.stop(5000);
  await settled();
  time.advance(5000);
  await stopped;
  expect(sizes()).toEqual([512]);
  // Those under way may have arrived.
  expect(counted()).toEqual({ exported: 0, dropped: 88 });
  expect(closed()).toBe(1);
});
