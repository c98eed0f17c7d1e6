import { expect, test } from 'vitest';
import { Fleet } from '../fleet/fleet.ts';
import { Load } from '../fleet/load.ts';
import { Server } from '../fleet/server.ts';
import { Entry, SessionTable } from '../table/table.ts';
import { Rebalancer } from './rebalancer.ts';

function stage(skew: number, rate: number, weights: readonly number[]) {
  const table = SessionTable.create({ capacity: 10_000 });
  const load = new Load(Load.create(10, 1), 10, 0);
  const servers = weights.map((weight, i) => {
    const address = { kind: 'tcp', host: '127.0.0.1', port: i + 1 } as const;
    return new Server({ name: `s${i}`, address, weight, maxRequests: 0 }, i + 1, i + 1, load);
  });
  const fleet = new Fleet(servers, { panicThreshold: 0, slowStart: 0 }, load, 9);
  let second = 1;
  const rebalance = new Rebalancer({ skew, rate }, fleet, table, () => second);
  const out = new Entry();
  let n = 0;
  const fill = (slot: number, sessions: number) => {
    for (let i = 0; i < sessions; i++) table.bind({ hi: n++ * 0x9e3779b1, lo: n * 0x85ebca6b }, slot, 0, out);
  };
  const shed = (server: number, most = 100) => {
    let shed = 0;
    while (shed < most && rebalance.shouldRebalance(servers[server]!) !== null) shed++;
    return shed;
  };
  const full = (server: number) => rebalance.shouldRebalance(servers[server]!)?.map(({ name }) => name);
  return { fill, shed, full, fleet, servers, later: () => second++ };
}

test('only who has more than its share sheds, and no more than the rate', () => {
  const { fill, shed, full, later } = stage(1.25, 10, [1, 1, 1]);
  fill(1, 50);
  fill(2, 50);
  expect([shed(0), shed(1), shed(2)]).toEqual([10, 0, 0]);
  later();
  expect(full(0)).toEqual(['s0', 's1']);
  expect([shed(2), shed(1)]).toEqual([0, 9]);
  // 60 to each would be fair.
  fill(3, 80);
  later();
  expect([shed(0), shed(2)]).toEqual([0, 10]);
});

test('weights are shares; one that is alone has nobody to shed to; off is off', () => {
  const { fill, shed, fleet, servers, later } = stage(1.2, 10, [3, 1]);
  fill(1, 75);
  fill(2, 25);
  expect([shed(0), shed(1)]).toEqual([0, 0]);
  fill(2, 20);
  later();
  expect([shed(0), shed(1)]).toEqual([0, 10]);
  fleet.setActive(servers[0]!, false, 0);
  later();
  expect(shed(1)).toBe(0);
  const off = stage(0, 10, [1, 1]);
  off.fill(1, 90);
  expect(off.shed(0)).toBe(0);
});
