import { describe, expect, test } from 'vitest';
import { FakeNet } from '../../test/support/fake-net.ts';
import { HandTime } from '../../test/support/hand-time.ts';
import type { LimpetOptions } from '../config/options.ts';
import { readConfig } from '../config/read.ts';
import type { Standing } from '../fleet/fleet.ts';
import { Load } from '../fleet/load.ts';
import { Counters, counter } from '../metrics/counters.ts';
import { shareAlone } from '../shared/alone.ts';
import { Watch } from './watch.ts';

function configOf(pool: Record<string, unknown>): LimpetOptions {
  const config = { listeners: [{ address: ':80' }], pools: { shop: { affinity: 'source-ip', ...pool } } };
  return readConfig(config, { source: { name: 'test', locate: () => null }, env: {}, variables: false }).options;
}

const two = [
  { name: 'a', address: '127.0.0.1:1' },
  { name: 'b', address: '127.0.0.1:2' },
];

function stage() {
  const net = new FakeNet();
  const time = new HandTime();
  const counters = new Counters();
  const told: string[] = [];
  const upOf = (words: readonly Standing[]) => words.map(({ active, passive }) => (active && passive ? 'up' : 'down'));
  const load = new Load(Load.create(16_384, 1), 16_384, 0);
  const watch = new Watch({
    net,
    clock: time,
    timers: time,
    random: () => 0.5,
    load,
    counters,
    log: { info() {}, warn() {} },
    tellShortage: (reason) => told.push(reason),
    tell: (pool, words) => told.push(`${pool}: ${upOf(words).join(' ')}`),
  });
  const follow = (options: LimpetOptions) => watch.follow(options, shareAlone(options, 0).numbers);
  const standings = () => upOf(watch.standings.get('shop') ?? []);
  return { net, time, counters, told, load, watch, follow, standings };
}

describe('what traffic sees', () => {
  test('ejects a server for all, whichever workers saw it, and lets it back', () => {
    const { time, counters, told, watch, follow, standings } = stage();
    follow(configOf({ servers: two }));
    for (let n = 0; n < 3; n++) watch.see('shop', 'b 127.0.0.1:2', { what: 'connect-failed' });
    expect(told).toEqual(['shop: up down']);
    expect(counters.values[counter.ejections]).toBe(1);
    time.advance(1000);
    expect(told).toEqual(['shop: up down', 'shop: up up']);
    expect(standings()).toEqual(['up', 'up']);
  });

  test('of a pool or server that the config has no more changes nothing', () => {
    const { told, watch, follow } = stage();
    follow(configOf({ servers: two }));
    for (let n = 0; n < 5; n++) {
      watch.see('cart', 'a 127.0.0.1:1', { what: 'connect-failed' });
      watch.see('shop', 'c 127.0.0.1:3', { what: 'connect-failed' });
    }
    expect(told).toEqual([]);
  });
});

describe('reports of workers that still go by the config before', () => {
  const failed = { what: 'connect-failed' } as const;

  test.each([
    ['removed', [two[1]], ['up']],
    ['behind others now', [two[1], { name: 'c', address: '127.0.0.1:3' }, two[0]], ['up', 'up', 'down']],
    ['re-addressed', [{ name: 'a', address: '127.0.0.1:4' }, two[1]], ['up', 'up']],
    ['replaced under another name', [{ name: 'c', address: '127.0.0.1:1' }, two[1]], ['up', 'up']],
  ] as const)('are about the server that they saw: %s', (_, servers, expected) => {
    const { watch, follow, standings } = stage();
    follow(configOf({ servers: two }));
    for (let n = 0; n < 2; n++) watch.see('shop', 'a 127.0.0.1:1', failed);
    follow(configOf({ servers }));
    for (let n = 0; n < 5; n++) watch.see('shop', 'a 127.0.0.1:1', failed);
    expect(standings()).toEqual(expected);
  });

  test('failures that a number of the load has from another server are not those of the one that has it now', () => {
    const { watch, load, follow } = stage();
    follow(configOf({ servers: two }));
    const { slots } = shareAlone(configOf({ servers: two }), 0).numbers;
    const slot = slots.get('shop/a')!;
    watch.see('shop', 'a 127.0.0.1:1', failed);
    expect(load.failures(slot)).toBe(1);
    follow(configOf({ servers: [{ name: 'a', address: '127.0.0.1:4' }, two[1]] }));
    expect(load.failures(slot)).toBe(0);
  });

  test('a drained server that gets another address stays drained: that word is for the name', () => {
    const { watch, follow } = stage();
    follow(configOf({ servers: two }));
    watch.drain('shop', 'a', true);
    follow(configOf({ servers: [{ name: 'a', address: '127.0.0.1:4' }, two[1]] }));
    expect(watch.stateOf('shop', 'a')).toEqual({ state: 'draining', drained: true });
    expect(watch.drained).toEqual([['shop', 'a']]);
  });
});

describe('another config', () => {
  const checked = { servers: two, health: { interval: '1s', fall: 1 } };

  test('keeps what active checks know of a server by its name, and goes on from there', () => {
    const { net, time, follow, standings } = stage();
    follow(configOf(checked));
    time.advance(1000);
    for (const peer of net.peers.splice(0)) if (peer.address.kind === 'tcp' && peer.address.port === 2) peer.fail('no');
    expect(standings()).toEqual(['up', 'down']);
    follow(configOf({ ...checked, servers: [{ name: 'c', address: '127.0.0.1:3' }, two[1]] }));
    expect(standings()).toEqual(['up', 'down']);
    // Two good checks bring it up, as it would be without the reload.
    for (let n = 0; n < 3; n++) {
      time.advance(1100);
      for (const peer of net.peers.splice(0)) peer.open();
    }
    expect(standings()).toEqual(['up', 'up']);
  });

  test('that has yet to be taken over by the workers changes nothing here, and they are told what it would be', () => {
    const { told, watch, follow, standings } = stage();
    const config = configOf(checked);
    follow(config);
    watch.drain('shop', 'b', true);
    for (let n = 0; n < 3; n++) watch.see('shop', 'a 127.0.0.1:1', { what: 'connect-failed' });
    const before = told.length;
    const next = configOf({
      ...checked,
      servers: [{ name: 'b', address: '127.0.0.1:9' }, two[0], { name: 'c', address: '127.0.0.1:3' }],
    });
    const words = { active: true, passive: true, drained: false, since: null };
    expect(watch.preview(next).get('shop')).toEqual([
      { ...words, drained: true, server: 'b 127.0.0.1:9' },
      { ...words, server: 'a 127.0.0.1:1' },
      { ...words, server: 'c 127.0.0.1:3' },
    ]);
    expect([told.length, standings()]).toEqual([before, ['down', 'up']]);
    expect(watch.preview(config)).toEqual(watch.standings);
  });

  test('that is alike in a pool leaves its ejections and checks alone', () => {
    const { watch, follow, standings } = stage();
    follow(configOf({ servers: two }));
    for (let n = 0; n < 3; n++) watch.see('shop', 'a 127.0.0.1:1', { what: 'connect-failed' });
    follow(configOf({ servers: two }));
    expect(standings()).toEqual(['down', 'up']);
    follow(configOf({ servers: two, maxIdle: 5 }));
    expect(standings()).toEqual(['up', 'up']);
  });

  test('ends the checks of a pool that is in it no more', () => {
    const { time, watch, follow } = stage();
    follow(configOf(checked));
    expect(time.pending).toBeGreaterThan(0);
    watch.stop();
    expect(time.pending).toBe(0);
  });
});
