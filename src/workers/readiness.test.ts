import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { fleetOf } from '../../test/support/servers.ts';
import { readConfig } from '../config/read.ts';
import { ProbeVerdict } from '../shared/probe-verdict.ts';
import { unixSeconds } from '../time/clock.ts';
import { Readiness } from './readiness.ts';

function stage(probes?: object) {
  const config = {
    listeners: [{ address: ':1', ...(probes && { probes }) }],
    pools: { shop: { servers: ['1001'] }, extra: { servers: ['1002'], countsForReadiness: false } },
    routes: [{ pool: 'shop' }],
  };
  const source = { name: 'test', locate: () => null };
  const { options } = readConfig(config, { source, env: {}, variables: false });
  const fleet = fleetOf([1]);
  const time = new HandTime();
  const state = { silentMs: 0, listening: true, isFailing: false };
  const verdict = new ProbeVerdict(ProbeVerdict.create());
  const readiness = new Readiness({
    options: () => options,
    serversOf: (pool) => (pool === 'shop' ? fleet.servers : []),
    workers: () => [{ worker: 0, listening: state.listening, replaced: 0 }],
    silent: () => new Map([[0, state.silentMs]]),
    store: () => state,
    verdict,
    clock: time,
    timers: time,
  });
  const seen = () => {
    const seconds = unixSeconds(time);
    return [verdict.live(seconds), verdict.ready(seconds)];
  };
  return { readiness, state, time, seen, server: fleet.servers[0]! };
}

test('each reason is told; a pool that does not count is none', () => {
  const { readiness, state, server } = stage();
  expect(readiness.now()).toEqual({ live: true, ready: true, reasons: [] });
  state.listening = false;
  state.isFailing = true;
  server.weight = 0;
  expect(readiness.now()).toEqual({
    live: true,
    ready: false,
    reasons: ['no worker listens', 'the store does not answer', 'pool shop has no usable server'],
  });
  state.silentMs = 5000;
  expect(readiness.now()).toMatchObject({ live: false, ready: false });
  expect(readiness.now().reasons).toContain('the event loop of worker 1 has not turned for 5000 ms');
});

test('workers see it, and that nobody has judged for a while', () => {
  const { readiness, state, time, seen } = stage({ live: '/livez' });
  expect(seen()).toEqual([false, false]);
  readiness.start();
  expect(seen()).toEqual([true, true]);
  state.isFailing = true;
  time.advance(500);
  expect(seen()).toEqual([true, false]);
  state.silentMs = 6000;
  time.advance(500);
  expect(seen()).toEqual([false, false]);
  state.silentMs = 0;
  state.isFailing = false;
  time.advance(500);
  expect(seen()).toEqual([true, true]);
  readiness.stop();
  time.advance(10_000);
  expect(seen()).toEqual([false, false]);
});

test('without probes nothing is judged', () => {
  const { readiness, time, seen } = stage();
  readiness.start();
  time.advance(1000);
  expect(seen()).toEqual([false, false]);
});
