import { expect, test } from 'vitest';
import { UpdateQueue } from './update-queue.ts';

test('updates run one after the other, also after one that fails', async () => {
  const queue = new UpdateQueue();
  const first = Promise.withResolvers<void>();
  const order: string[] = [];
  const running = [
    queue.run(async () => {
      order.push('first begins');
      await first.promise;
      throw new Error('first');
    }),
    queue.run(() => {
      order.push('second');
      return 2;
    }),
  ] as const;
  await Promise.resolve();
  expect(order).toEqual(['first begins']);
  first.resolve();
  await expect(running[0]).rejects.toThrow('first');
  expect([await running[1], order]).toEqual([2, ['first begins', 'second']]);
});

test('an update inside another one is a part of it, and is not waited for in turn', async () => {
  const queue = new UpdateQueue();
  const inner = Promise.withResolvers<void>();
  const order: string[] = [];
  const outer = queue.run(async () => {
    expect(queue.isInside).toBe(true);
    // Not awaited: the outer update ends when it has ended all the same.
    void queue.run(async () => {
      await inner.promise;
      order.push('inner');
    });
    order.push('outer');
  });
  const next = queue.run(() => void order.push('next'));
  inner.resolve();
  await Promise.all([outer, next]);
  expect([order, queue.isInside]).toEqual([['outer', 'inner', 'next'], false]);
});

test('an update of another session inside waits for the turn of that session', async () => {
  const [one, other] = [new UpdateQueue(), new UpdateQueue()];
  const order: string[] = [];
  const first = other.run(() => void order.push('other'));
  await one.run(() => other.run(() => void order.push('other, from one')));
  await first;
  expect(order).toEqual(['other', 'other, from one']);
});
