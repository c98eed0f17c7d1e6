import { describe, expect, test } from 'vitest';
import { FakeNet } from '../../test/support/fake-net.ts';
import { HandTime } from '../../test/support/hand-time.ts';
import type { LimpetOptions } from '../config/options.ts';
import { readConfig } from '../config/read.ts';
import { EventBus } from '../events/bus.ts';
import { type HealthReport, newHealthReport } from '../fleet/health-report.ts';
import { Load } from '../fleet/load.ts';
import type { PassiveReport } from '../health/passive.ts';
import { Counters, counter } from '../metrics/counters.ts';
import type { ClientTls } from '../net/tls.ts';
import { createSingleWorker, type SingleWorker } from '../shared/single-worker.ts';
import { numberAll } from '../shared/slots.ts';
import { HealthMonitor } from './health-monitor.ts';

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
  const said: string[] = [];
  const say = (level: string) => (message: string, fields?: Record<string, unknown>) =>
    void said.push(`${level}: ${message}${fields === undefined ? '' : ` ${JSON.stringify(fields)}`}`);
  const upOf = (reports: readonly HealthReport[]) =>
    reports.map(({ active, passive }) => (active && passive ? 'up' : 'down'));
  const load = new Load(Load.create(16_384, 1), 16_384, 0);
  const events = new EventBus(time, (error) => said.push(String(error)));
  const published: string[] = [];
  events.subscribe(({ name, fields }) => published.push(`${name} ${Object.values(fields).join(' ')}`));
  const watch = new HealthMonitor({
    net,
    clock: time,
    timers: time,
    random: () => 0.5,
    load,
    counters,
    log: { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') },
    events,
    reportShortage: (reason) => told.push(reason),
    publish: (pool, reports) => told.push(`${pool}: ${upOf(reports).join(' ')}`),
  });
  // A name keeps its slot from config to config.
  let known: SingleWorker | null = null;
  const follow = (options: LimpetOptions) => {
    known ??= createSingleWorker(options, 0);
    watch.follow(options, numberAll(options, known.servers, known.lifetimes, 0));
  };
  const healthReports = () => upOf(watch.healthReports.get('shop') ?? []);
  return { net, time, counters, told, said, published, load, watch, follow, healthReports };
}

describe('what traffic sees', () => {
  test('ejects a server for all, whichever workers saw it, and lets it back', () => {
    const { time, counters, told, watch, follow, healthReports } = stage();
    follow(configOf({ servers: two }));
    for (let n = 0; n < 3; n++) watch.report('shop', 'b 127.0.0.1:2', { what: 'connect-failed' });
    expect(told).toEqual(['shop: up down']);
    expect(counters.values[counter.ejections]).toBe(1);
    time.advance(1000);
    expect(told).toEqual(['shop: up down', 'shop: up up']);
    expect(healthReports()).toEqual(['up', 'up']);
  });

  test('of a pool or server that the config has no more changes nothing', () => {
    const { told, watch, follow } = stage();
    follow(configOf({ servers: two }));
    for (let n = 0; n < 5; n++) {
      watch.report('cart', 'a 127.0.0.1:1', { what: 'connect-failed' });
      watch.report('shop', 'c 127.0.0.1:3', { what: 'connect-failed' });
    }
    expect(told).toEqual([]);
  });
});

describe('the log', () => {
  const epoch = 1_000_000;
  const at = (ms: number) => new Date(epoch + ms).toISOString();
  const failed = { what: 'connect-failed' } as const;
  const a = 'a 127.0.0.1:1';
  const b = 'b 127.0.0.1:2';
  const reportTimes = (watch: HealthMonitor, server: string, report: PassiveReport, times: number) => {
    for (let n = 0; n < times; n++) watch.report('shop', server, report);
  };
  const lines = (said: string[]) => said.splice(0).filter((line) => !line.startsWith('debug'));

  test('has one line for each change, and says that a server is back when it has answered', () => {
    const { time, said, watch, follow } = stage();
    follow(configOf({ servers: two }));
    time.advance(500);
    reportTimes(watch, b, failed, 5);
    expect(lines(said)).toEqual([
      `warn: server shop/b is out: 3 connection errors in a row: ejected for 1000 ms {"was":"up","since":"${at(0)}"}`,
    ]);
    time.advance(1000);
    const again = 'is tried again, and has not answered yet: ejection time is over: on probation';
    expect(lines(said)).toEqual([`info: server shop/b ${again} {"was":"down","since":"${at(500)}"}`]);
    reportTimes(watch, b, failed, 3);
    expect(lines(said)).toEqual([
      `warn: server shop/b is out: connection errors on probation: ejected for 2000 ms {"was":"tried again","since":"${at(1500)}"}`,
    ]);
    time.advance(2000);
    expect(lines(said)).toHaveLength(1);
    reportTimes(watch, b, { what: 'answered', status: 200 }, 5);
    expect(lines(said)).toEqual([
      `info: server shop/b is back: it answers well {"was":"tried again","since":"${at(3500)}"}`,
    ]);
  });

  test('tells of checks since when they fail, and the last one', () => {
    const { net, time, said, follow } = stage();
    follow(configOf({ servers: [two[0]], health: { interval: '1s', jitter: 0 } }));
    time.advance(500);
    net.last.fail('refused');
    for (let n = 0; n < 2; n++) {
      time.advance(1000);
      net.last.fail('refused');
    }
    const [line, outage, ...more] = lines(said);
    expect(more).toEqual([]);
    expect(line).toContain('warn: server shop/a is out: no connection: refused {"was":"up"');
    expect(line).toContain(
      `"since":"${at(0)}","failingSince":"${at(500)}","lastCheck":"${at(2500)} no connection: refused"`,
    );
    expect(outage).toContain(
      'error: pool shop has no usable server: a is out (no connection: refused). Requests go to',
    );
    for (let n = 0; n < 2; n++) {
      time.advance(1000);
      net.last.open();
    }
    expect(lines(said)).toEqual([
      `info: server shop/a is back: health check passed {"was":"down","since":"${at(2500)}","lastCheck":"${at(4500)} good"}`,
      `info: pool shop has a usable server again: a {"since":"${at(2500)}"}`,
    ]);
  });

  test('says once that a pool has no usable server, however often they are tried, and once that it has one again', () => {
    const { time, said, watch, follow } = stage();
    follow(configOf({ servers: two, health: { panicThreshold: 0 } }));
    reportTimes(watch, a, failed, 3);
    reportTimes(watch, b, failed, 3);
    const [, , outage, ...more] = lines(said);
    expect(more).toEqual([]);
    const out = 'out (3 connection errors in a row: ejected for 1000 ms)';
    expect(outage).toBe(
      `error: pool shop has no usable server: a is ${out}, b is ${out}. New sessions get 503 no-server`,
    );
    for (let n = 0; n < 4; n++) {
      time.advance(60_000);
      for (const server of [a, b]) reportTimes(watch, server, failed, 1);
      expect(lines(said).filter((line) => line.includes('pool shop'))).toEqual([]);
    }
    time.advance(60_000);
    reportTimes(watch, b, { what: 'answered', status: 200 }, 3);
    reportTimes(watch, a, { what: 'answered', status: 200 }, 3);
    expect(lines(said).filter((line) => line.includes('pool shop'))).toEqual([
      `info: pool shop has a usable server again: b {"since":"${at(0)}"}`,
    ]);
  });

  test('warns when the last usable server is drained; who says the same again is not told of', () => {
    const { said, watch, follow } = stage();
    follow(configOf({ servers: two }));
    const fields = `{"was":"up","since":"${at(0)}"}`;
    for (let n = 0; n < 2; n++) watch.setState('shop', 'a', 'drain');
    expect(lines(said)).toEqual([`info: server shop/a is drained: by an operator ${fields}`]);
    watch.setState('shop', 'b', 'drain');
    const warning = '; it was the last usable server of its pool';
    expect(lines(said)).toEqual([
      `warn: server shop/b is drained: by an operator${warning} ${fields}`,
      'error: pool shop has no usable server: a is drained, b is drained. New sessions get 503 no-server',
    ]);
    watch.setState('shop', 'b', 'ready');
    expect(lines(said)).toEqual([
      `info: server shop/b is ready: by an operator {"was":"draining","since":"${at(0)}"}`,
      `info: pool shop has a usable server again: b {"since":"${at(0)}"}`,
    ]);
  });

  test('goes on over a reload: an ejection that it forgets is told, and so is the end of an outage', () => {
    const { time, said, watch, follow } = stage();
    follow(configOf({ servers: [two[0]] }));
    reportTimes(watch, a, failed, 3);
    expect(lines(said)).toHaveLength(2);
    time.advance(10);
    follow(configOf({ servers: [two[0]], timeouts: { response: '9s' } }));
    expect(lines(said)).toEqual([
      `info: server shop/a is tried again: the config has changed {"was":"down","since":"${at(0)}"}`,
      `info: pool shop has a usable server again: a {"since":"${at(0)}"}`,
    ]);
    follow(configOf({ servers: two, timeouts: { response: '9s' } }));
    expect(lines(said)).toEqual([]);
  });
});

describe('reports of workers that still go by the config before', () => {
  const failed = { what: 'connect-failed' } as const;

  test.each([
    ['removed', [two[1]], ['up']],
    ['behind others now', [two[1], { name: 'c', address: '127.0.0.1:3' }, two[0]], ['down', 'up', 'up']],
    ['re-addressed', [{ name: 'a', address: '127.0.0.1:4' }, two[1]], ['up', 'up']],
    ['replaced under another name', [{ name: 'c', address: '127.0.0.1:1' }, two[1]], ['up', 'up']],
  ] as const)('are about the server that they saw: %s', (_, servers, expected) => {
    const { watch, follow, healthReports } = stage();
    follow(configOf({ servers: two }));
    for (let n = 0; n < 2; n++) watch.report('shop', 'a 127.0.0.1:1', failed);
    follow(configOf({ servers }));
    for (let n = 0; n < 5; n++) watch.report('shop', 'a 127.0.0.1:1', failed);
    expect(healthReports()).toEqual(expected);
  });

  test('failures that a number of the load has from another server are not those of the one that has it now', () => {
    const { watch, load, follow } = stage();
    follow(configOf({ servers: two }));
    const { slots } = createSingleWorker(configOf({ servers: two }), 0).numbers;
    const slot = slots.get('shop/a')!;
    watch.report('shop', 'a 127.0.0.1:1', failed);
    expect(load.failures(slot)).toBe(1);
    follow(configOf({ servers: [{ name: 'a', address: '127.0.0.1:4' }, two[1]] }));
    expect(load.failures(slot)).toBe(0);
  });

  test('a server that was taken down is down whatever its checks say, and the log says who', () => {
    const { said, watch, follow } = stage();
    follow(configOf({ servers: two }));
    watch.setState('shop', 'a', 'down');
    expect(watch.stateOf('shop', 'a')).toEqual({ state: 'down', drained: true });
    watch.report('shop', 'a 127.0.0.1:1', { what: 'answered', status: 200 });
    expect(watch.stateOf('shop', 'a').state).toBe('down');
    expect(watch.loggedOf('shop', 'a')).toEqual({ since: 1_000_000, reason: 'by an operator', lastCheck: null });
    watch.setState('shop', 'a', 'drain');
    watch.setState('shop', 'a', 'ready');
    const lines = said.filter((line) => !line.startsWith('debug'));
    expect(lines.map((line) => line.replace(/ \{.*/, ''))).toEqual([
      'info: server shop/a is taken down: by an operator',
      'info: server shop/a is drained: by an operator',
      'info: server shop/a is ready: by an operator',
    ]);
  });

  test('a drained server that gets another address stays drained: that word is for the name', () => {
    const { watch, follow } = stage();
    follow(configOf({ servers: two }));
    watch.setState('shop', 'a', 'drain');
    follow(configOf({ servers: [{ name: 'a', address: '127.0.0.1:4' }, two[1]] }));
    expect(watch.stateOf('shop', 'a')).toEqual({ state: 'draining', drained: true });
  });
});

describe('another config', () => {
  const checked = { servers: two, health: { interval: '1s', fall: 1 } };

  test('keeps what active checks know of a server by its name, and goes on from there', () => {
    const { net, time, watch, follow, healthReports } = stage();
    follow(configOf(checked));
    time.advance(1000);
    for (const peer of net.peers.splice(0)) if (peer.address.kind === 'tcp' && peer.address.port === 2) peer.fail('no');
    expect(healthReports()).toEqual(['up', 'down']);
    follow(configOf({ ...checked, servers: [{ name: 'c', address: '127.0.0.1:3' }, two[1]] }));
    expect(watch.stateOf('shop', 'b').state).toBe('down');
    expect(watch.stateOf('shop', 'c').state).toBe('up');
    // Two good checks bring it up, as it would be without the reload.
    for (let n = 0; n < 3; n++) {
      time.advance(1100);
      for (const peer of net.peers.splice(0)) peer.open();
    }
    expect(healthReports()).toEqual(['up', 'up']);
  });

  test('that has yet to be taken over by the workers changes nothing here, and they are told what it would be', () => {
    const { told, watch, follow, healthReports } = stage();
    const config = configOf(checked);
    follow(config);
    watch.setState('shop', 'b', 'drain');
    for (let n = 0; n < 3; n++) watch.report('shop', 'a 127.0.0.1:1', { what: 'connect-failed' });
    const before = told.length;
    const next = configOf({
      ...checked,
      servers: [{ name: 'b', address: '127.0.0.1:9' }, two[0], { name: 'c', address: '127.0.0.1:3' }],
    });
    const healthy = newHealthReport();
    expect(watch.preview(next).get('shop')).toEqual([
      { ...healthy, drained: true, server: 'b 127.0.0.1:9' },
      { ...healthy, passive: false, server: 'a 127.0.0.1:1' },
      { ...healthy, server: 'c 127.0.0.1:3' },
    ]);
    expect([told.length, healthReports()]).toEqual([before, ['down', 'up']]);
    expect(watch.preview(config)).toEqual(watch.healthReports);
  });

  test('that is alike in a pool leaves its ejections and checks alone', () => {
    const { watch, follow, healthReports } = stage();
    follow(configOf({ servers: two }));
    for (let n = 0; n < 3; n++) watch.report('shop', 'a 127.0.0.1:1', { what: 'connect-failed' });
    follow(configOf({ servers: two }));
    expect(healthReports()).toEqual(['down', 'up']);
    follow(configOf({ servers: two, maxIdle: 5 }));
    expect(healthReports()).toEqual(['up', 'up']);
  });

  test('that differs in one server leaves the ejections, failures and checks of the others alone', () => {
    const { net, time, told, watch, follow } = stage();
    const failed = { what: 'connect-failed' } as const;
    const c = { name: 'c', address: '127.0.0.1:3' };
    follow(configOf({ ...checked, servers: [...two, c] }));
    for (let n = 0; n < 3; n++) watch.report('shop', 'a 127.0.0.1:1', failed);
    for (let n = 0; n < 2; n++) watch.report('shop', 'b 127.0.0.1:2', failed);
    const before = told.length;
    for (const servers of [[...two], [...two, { ...c, weight: 3 }], [...two, { ...c, address: '127.0.0.1:4' }]]) {
      follow(configOf({ ...checked, servers }));
      expect([watch.stateOf('shop', 'a').state, watch.stateOf('shop', 'b').state]).toEqual(['down', 'up']);
    }
    expect(told.length).toBe(before);
    // The third failure in a row of b; the ejection of a ends when it would have.
    watch.report('shop', 'b 127.0.0.1:2', failed);
    expect(watch.stateOf('shop', 'b').state).toBe('down');
    time.advance(1000);
    expect(watch.stateOf('shop', 'a').state).toBe('up');
    // Each is checked once in an interval, the new c as well.
    net.peers.splice(0);
    time.advance(1000);
    const ports = net.peers.map(({ address }) => (address.kind === 'tcp' ? address.port : 0));
    expect(new Set(ports)).toEqual(new Set([1, 2, 4]));
  });

  test('ends the checks of a pool that is in it no more', () => {
    const { time, watch, follow } = stage();
    follow(configOf(checked));
    expect(time.pending).toBeGreaterThan(0);
    watch.stop();
    expect(time.pending).toBe(0);
  });
});

describe('checks of a pool with tls', () => {
  const rules = (sni: string): ClientTls => ({
    sni,
    ca: null,
    pair: null,
    verify: true,
    protocols: ['http/1.1'],
    minVersion: 'TLSv1.2',
  });
  const material = (sni: string) => ({ listeners: [null], pools: new Map([['shop', rules(sni)]]) });
  const secure = { servers: two, tls: true, health: { interval: '1s', fall: 1, jitter: 0 } };
  const names = (net: FakeNet) => net.peers.splice(0).map(({ wantedTls }) => wantedTls?.sni ?? 'plain');

  test('use its certificates, and those that come later', () => {
    const { net, time, watch, follow } = stage();
    watch.useTls(material('first.test'));
    follow(configOf(secure));
    time.advance(1000);
    for (const peer of [...net.peers]) peer.open();
    expect(names(net)).toEqual(['first.test', 'first.test']);
    watch.useTls(material('second.test'));
    time.advance(1000);
    expect(names(net)).toEqual(['second.test', 'second.test']);
  });

  test('without certificates are not made in plain text: the log says why, and no server goes down', () => {
    const { net, time, counters, told, follow, healthReports } = stage();
    follow(configOf(secure));
    time.advance(3000);
    expect(net.peers).toEqual([]);
    expect(new Set(told)).toEqual(new Set(['the certificates of its pool have not been loaded']));
    expect(counters.values[counter.shortages_connect]).toBeGreaterThan(0);
    expect(healthReports()).toEqual(['up', 'up']);
  });

  test('become encrypted when the pool gets tls, and plain when it has none any more', () => {
    const { net, time, watch, follow } = stage();
    const plain = { servers: two, health: secure.health };
    for (const [pool, expected] of [
      [plain, 'plain'],
      [secure, 'app.test'],
      [plain, 'plain'],
    ] as const) {
      watch.useTls(material('app.test'));
      follow(configOf(pool));
      net.peers.splice(0);
      time.advance(1000);
      expect(new Set(names(net))).toEqual(new Set([expected]));
    }
  });
});

describe('events', () => {
  test('of a server that fails, is tried again and answers, and of its pool', () => {
    const { time, published, watch, follow } = stage();
    follow(configOf({ servers: [two[0]] }));
    for (let n = 0; n < 3; n++) watch.report('shop', 'a 127.0.0.1:1', { what: 'connect-failed' });
    const down = 'server.down shop a 3 connection errors in a row: ejected for 1000 ms';
    const outage = 'pool.outage shop a is out (3 connection errors in a row: ejected for 1000 ms)';
    expect(published).toEqual([down, outage]);
    time.advance(1000);
    expect(published).toEqual([down, outage]);
    watch.report('shop', 'a 127.0.0.1:1', { what: 'answered', status: 200 });
    expect(published.slice(2)).toEqual(['server.up shop a it answers well', 'pool.recovered shop a 1']);
  });

  test('of a server that is drained and made ready, also while it is down', () => {
    const { published, watch, follow } = stage();
    follow(configOf({ servers: two }));
    watch.setState('shop', 'a', 'drain');
    watch.setState('shop', 'a', 'ready');
    for (let n = 0; n < 3; n++) watch.report('shop', 'b 127.0.0.1:2', { what: 'connect-failed' });
    watch.setState('shop', 'b', 'drain');
    expect(published).toEqual([
      'server.drained shop a by an operator',
      'server.ready shop a by an operator',
      'server.down shop b 3 connection errors in a row: ejected for 1000 ms',
      'server.drained shop b by an operator',
    ]);
  });

  test('of servers that join, leave and change; none at the start', () => {
    const { published, follow } = stage();
    follow(configOf({ servers: two }));
    expect(published).toEqual([]);
    follow(
      configOf({
        servers: [
          { ...two[0], weight: 3 },
          { name: 'b', address: '127.0.0.1:9' },
        ],
      }),
    );
    expect(published).toEqual([
      'server.removed shop b 127.0.0.1:2',
      'server.changed shop a 3 0',
      'server.added shop b 127.0.0.1:9',
    ]);
    follow(configOf({ servers: [{ ...two[0], weight: 3 }], balance: 'random' }));
    expect(published.slice(3)).toEqual(['server.removed shop b 127.0.0.1:9']);
  });
});
