/** The requests behind the one whose response is read: their order, their time, and how they are sent again. */
import { expect, test } from 'vitest';
import { createWorkerContext } from '../../../test/support/worker-context.ts';
import { Server } from '../../fleet/server.ts';
import { Counters } from '../../metrics/counters.ts';
import { Deadline } from '../../time/wheel.ts';
import { Pipeline } from './h1-pipeline.ts';
import { PipeliningGuard, shortResponseBytes } from './pipelining-guard.ts';
import type { ResponseHandler } from './response-handler.ts';

const server = new Server(
  { name: 'a', address: { kind: 'tcp', host: '127.0.0.1', port: 1 }, weight: 1, maxRequests: 0 },
  1,
  0,
);

function stage() {
  const counters = new Counters();
  const worker = createWorkerContext({ counters });
  const { wheel } = worker;
  const guard = new PipeliningGuard();
  const late: number[] = [];
  const deadline = new Deadline({ onDeadline: () => void late.push(wheel.now) });
  const pipeline = new Pipeline(worker, { pipeliningGuardOf: () => guard }, server, deadline);
  const requeued: string[] = [];
  /** Only its place in the pipeline counts. */
  const push = (name: string): ResponseHandler => {
    const handler = { onRequeued: () => void requeued.push(name) } as ResponseHandler;
    pipeline.push(handler);
    return handler;
  };
  const advance = (ms: number): void => {
    for (let left = ms; left > 0; left -= 100) wheel.turn(wheel.now + 100);
  };
  return { pipeline, guard, requeued, push, advance, late, counters: () => counters.snapshot() };
}

test('responses belong to them in the order in which they were sent', () => {
  const { pipeline, push, counters } = stage();
  const [a, b] = [push('a'), push('b')];
  expect([pipeline.length, pipeline.hasOthers, counters().upstream_pipelined]).toEqual([2, true, 2]);
  expect([pipeline.next(10), pipeline.next(10), pipeline.next(10)]).toEqual([a, b, undefined]);
  expect([pipeline.length, pipeline.hasOthers]).toEqual([0, false]);
});

test('while any wait, the deadline runs: 200 ms for each response', () => {
  const { pipeline, push, advance, late } = stage();
  push('a');
  push('b');
  advance(100);
  pipeline.next(10);
  advance(100);
  expect(late).toEqual([]);
  advance(200);
  expect(late.length).toBe(1);
  pipeline.next(10);
  advance(1000);
  expect(late.length).toBe(1);
});

test('sent again: each is told, in order, and the connection has others from then on', () => {
  const { pipeline, guard, requeued, push, counters } = stage();
  expect(pipeline.requeue()).toBe(false);
  push('a');
  push('b');
  expect(pipeline.requeue()).toBe(true);
  expect([requeued, pipeline.length, pipeline.wasRequeued, pipeline.hasOthers]).toEqual([['a', 'b'], 0, true, true]);
  expect([counters().upstream_requeued, guard.allows()]).toEqual([2, false]);
});

test('a long response before them makes others go alone', () => {
  const { pipeline, guard, push } = stage();
  push('a');
  pipeline.next(shortResponseBytes + 1);
  expect(guard.allows()).toBe(false);
});

test('a place is kept for a request that nobody waits for', () => {
  const { pipeline, requeued, push } = stage();
  const a = push('a');
  const b = push('b');
  const drain = { onRequeued() {} } as unknown as ResponseHandler;
  pipeline.replace(a, drain);
  pipeline.replace(a, b);
  expect([pipeline.next(1), pipeline.next(1), requeued]).toEqual([drain, b, []]);
});
