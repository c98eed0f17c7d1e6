/** Where servers stand in the picture: all within it, none on another, however many. */
import { expect, test } from 'vitest';
import type { ServerView } from '../api/types.ts';
import { along, Flights, flightMs, landingMs } from './flights.ts';
import { dotAt, keyOf, layOut, placeUnder } from './layout.ts';

function servers(count: number, live: number): ServerView[] {
  return Array.from({ length: count }, (_, i) => ({
    pool: 'shop',
    name: `s${i}`,
    address: '127.0.0.1:1',
    state: 'up',
    drained: false,
    weight: 1,
    inflight: 0,
    sessions: { live, copied: live, uncopied: 0 },
  }));
}

test.each([0, 1, 2, 3, 7, 40, 1_000, 3_000])('%i servers have their own ground within the picture', (count) => {
  for (const [width, height] of [
    [1_200, 440],
    [326, 260],
  ] as const) {
    const layout = layOut(servers(count, 250), width, height);
    expect(layout.places).toHaveLength(count);
    for (const { x, y, radius } of layout.places) {
      expect(x - radius).toBeGreaterThanOrEqual(-1);
      expect(x + radius).toBeLessThanOrEqual(width + 1);
      expect(y - radius).toBeGreaterThanOrEqual(0);
      expect(y + radius).toBeLessThanOrEqual(layout.height);
    }
    const [first, second] = layout.places;
    if (first !== undefined && second !== undefined) {
      const distance = Math.hypot(first.x - second.x, first.y - second.y);
      expect(distance).toBeGreaterThanOrEqual(first.radius * 2);
    }
  }
});

test.each([1, 30, 900, 25_000, 1_000_000])('the dots of %i sessions stay within the ground', (live) => {
  const { places, perDot, spacing } = layOut(servers(6, live), 1_200, 440);
  const last = dotAt(Math.ceil(live / perDot) - 1, spacing);
  expect(Math.hypot(last.x, last.y)).toBeLessThanOrEqual(places[0]!.radius);
});

test('the server under the pointer', () => {
  const layout = layOut(servers(12, 10), 1_200, 440);
  const place = layout.byName.get(keyOf('shop', 's7'))!;
  expect(placeUnder(layout, place.x + 3, place.y - 3)?.server.name).toBe('s7');
  expect(placeUnder(layout, -100, -100)).toBeNull();
});

test('flights end, are bounded in number, and fly together when there are many', () => {
  const flights = new Flights();
  for (let i = 0; i < 5_000; i++) flights.depart('rescued', 'shop/a', 'shop/b', i / 100, () => 0.5);
  expect(flights.flights.length).toBeLessThanOrEqual(240);
  expect(flights.flights.reduce((sum, { size }) => sum + size, 0)).toBe(5_000);
  for (let i = 0; i < 500; i++) flights.depart('moved', `shop/${i}`, 'shop/b', 60 + i, () => 0.5);
  expect(flights.flights.length).toBeLessThanOrEqual(240);
  expect(flights.tick(600)).toBe(true);
  expect(flights.tick(600 + flightMs + landingMs)).toBe(false);
});

test('a flight begins and ends at its servers', () => {
  const [from, to] = [
    { x: 10, y: 20 },
    { x: 300, y: 40 },
  ];
  expect(along(from, to, 0.7, 0)).toEqual(from);
  expect(along(from, to, 0.7, 1)).toEqual(to);
});
