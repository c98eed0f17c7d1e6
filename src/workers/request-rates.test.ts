import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { RequestRates } from './request-rates.ts';

function stage() {
  const time = new HandTime();
  const slots = new Map([['shop', 3]]);
  const requests = new Map<number, number>();
  const rates = new RequestRates({
    pools: () => slots,
    requests: (slot) => requests.get(slot) ?? 0,
    clock: time,
    timers: time,
  });
  rates.start();
  const add = (count: number) => requests.set(3, (requests.get(3) ?? 0) + count);
  return { time, slots, requests, rates, add };
}

test('the mean of the last ten seconds', () => {
  const { time, rates, add } = stage();
  expect(rates.of('shop')).toBe(0);
  add(30);
  time.advance(1000);
  expect(rates.of('shop')).toBe(30);
  time.advance(2000);
  expect(rates.of('shop')).toBe(10);
  time.advance(7000);
  expect(rates.of('shop')).toBe(3);
  time.advance(1000);
  expect(rates.of('shop')).toBe(0);
  add(5);
  time.advance(1000);
  expect(rates.of('shop')).toBe(0.5);
});

test('a pool that is new, has gone, or has another slot', () => {
  const { time, slots, requests, rates, add } = stage();
  add(100);
  time.advance(1000);
  slots.set('new', 4);
  requests.set(4, 1000);
  time.advance(1000);
  expect([rates.of('shop'), rates.of('new'), rates.of('none')]).toEqual([50, 0, 0]);
  slots.set('shop', 5);
  requests.set(5, 2);
  time.advance(1000);
  expect(rates.of('shop')).toBe(0);
  slots.delete('shop');
  time.advance(1000);
  expect(rates.of('shop')).toBe(0);
  rates.stop();
  expect(time.pending).toBe(0);
});
