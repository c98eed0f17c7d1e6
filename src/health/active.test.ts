import { describe, expect, test } from 'vitest';
import { FakeNet, type FakePeer } from '../../test/support/fake-net.ts';
import { HandTime } from '../../test/support/hand-time.ts';
import type { ActiveOptions } from '../config/options.ts';
import { Fleet } from '../fleet/fleet.ts';
import { Server } from '../fleet/server.ts';
import { ActiveChecks, type ActiveDependencies } from './active.ts';

const options: ActiveOptions = { grpc: null, http: null, interval: 1000, timeout: 400, rise: 2, fall: 3, jitter: 0 };

function setUp(
  count: number,
  changed: Partial<ActiveOptions> = {},
  random = () => 0.5,
  more: Pick<ActiveDependencies, 'transportFor'> = {},
) {
  const net = new FakeNet();
  const time = new HandTime();
  const servers = Array.from(
    { length: count },
    (_, i) =>
      new Server(
        { name: `s${i}`, address: { kind: 'tcp', host: '127.0.0.1', port: i }, weight: 1, maxRequests: 0 },
        i + 1,
        i,
      ),
  );
  const fleet = new Fleet(servers, { panicThreshold: 0, slowStart: 0 });
  const said: string[] = [];
  const checks = new ActiveChecks({
    fleet,
    options: { ...options, ...changed },
    net,
    clock: time,
    timers: time,
    random,
    log: (server, up, reason) => said.push(`${server.name} ${up ? 'up' : 'down'}: ${reason}`),
    onShortage: (server, reason) => said.push(`${server.name} not asked: ${reason}`),
    ...more,
  });
  return { net, time, fleet, servers, said, checks };
}

test('a pool whose certificates are not there is not asked, not even in plain text', () => {
  const { net, time, servers, said, checks } = setUp(1, {}, () => 0.5, { transportFor: () => null });
  checks.start();
  for (let i = 0; i < 5; i++) time.advance(1000);
  expect([net.peers.length, servers[0]?.state]).toEqual([0, 'up']);
  expect(said[0]).toBe('s0 not asked: the certificates of its pool have not been loaded');
});

test('a check that is late because this process did not run says nothing of the server; the next one does', () => {
  const { time, servers, said, checks } = setUp(1, { fall: 1 });
  checks.start();
  time.advance(500);
  time.stopFor(3000);
  expect([servers[0]?.state, said]).toEqual(['up', ['s0 not asked: this process did not run for 2600 ms']]);
  time.advance(400);
  expect(servers[0]?.state).toBe('down');
});

test('a check that this machine could not make says nothing of the server', () => {
  const { net, time, servers, said, checks } = setUp(1);
  checks.start();
  time.advance(500);
  for (const code of ['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM', 'EAGAIN']) {
    for (let i = 0; i < 3; i++) {
      net.last.fail(code, code);
      time.advance(1000);
    }
  }
  expect(servers[0]?.state).toBe('up');
  expect(said).toHaveLength(18);
  // Nor is it a good one: the streak goes on where it was.
  sick(net.last);
  time.advance(1000);
  net.last.fail('EMFILE', 'EMFILE');
  time.advance(1000);
  sick(net.last);
  time.advance(1000);
  sick(net.last);
  expect(servers[0]?.state).toBe('down');
});

const well = (peer: FakePeer) => peer.open();
const sick = (peer: FakePeer) => peer.fail('refused');

/** One server whose checks go as `results` say ('.' good, 'x' bad); its state after each. */
function statesAfter(results: string, changed: Partial<ActiveOptions> = {}): string {
  const { net, time, servers, checks } = setUp(1, changed);
  checks.start();
  time.advance(500);
  const states = Array.from(results, (result) => {
    (result === '.' ? well : sick)(net.last);
    const state = servers[0]?.state === 'up' ? 'U' : 'D';
    time.advance(1000);
    return state;
  });
  expect(net.peers).toHaveLength(results.length + 1);
  return states.join('');
}

describe('counting', () => {
  test.each([
    // Believed from the start; down only by `fall` failures in a row, up by `rise` good ones in a row.
    ['..xx.xx.xxx', 'UUUUUUUUUUD', {}],
    ['xxx.x.x..', 'UUDDDDDDU', {}],
    ['x.x', 'DUD', { rise: 1, fall: 1 }],
    ['xxx..xx.xxx', 'UUDDUUUUUUD', {}],
  ])('%s', (results, states, changed) => {
    expect(statesAfter(results, changed)).toBe(states);
  });

  test('each change is told once, with its reason', () => {
    const { net, time, said, checks } = setUp(1, { fall: 1, rise: 1 });
    checks.start();
    time.advance(500);
    for (const result of [well, sick, sick, well, well]) {
      result(net.last);
      time.advance(1000);
    }
    expect(said).toEqual(['s0 down: no connection: refused', 's0 up: health check passed']);
  });

  test('a drained server goes on being checked', () => {
    const { net, time, fleet, servers, checks } = setUp(1, { fall: 1 });
    fleet.setDrained(servers[0]!, true, time.now());
    checks.start();
    time.advance(500);
    sick(net.last);
    expect(servers[0]?.state).toBe('down');
  });
});

describe('timing', () => {
  test('1,000 servers are asked evenly over the first interval, and stay spread', () => {
    const { net, time, checks } = setUp(1000, {}, Math.random);
    net.onConnect = (peer) => queueMicrotask(() => peer.open());
    checks.start();
    expect(net.peers).toHaveLength(0);
    let most = 0;
    for (let ms = 0; ms < 1000; ms += 10) {
      const before = net.peers.length;
      time.advance(10);
      most = Math.max(most, net.peers.length - before);
    }
    expect(net.peers).toHaveLength(1000);
    expect(new Set(net.peers.map(({ address }) => address.kind === 'tcp' && address.port)).size).toBe(1000);
    expect(most).toBeLessThanOrEqual(12);
  });

  test('the interval runs from start to start, however long a check takes', () => {
    const { net, time, checks } = setUp(1);
    checks.start();
    time.advance(500);
    time.advance(300);
    well(net.last);
    time.advance(699);
    expect(net.peers).toHaveLength(1);
    time.advance(1);
    expect(net.peers).toHaveLength(2);
  });

  test.each([
    [0, 800],
    [0.5, 1000],
    [0.75, 1100],
  ])('jitter 0.2, random %d: the next check after %d ms', (random, expected) => {
    const { net, time, checks } = setUp(1, { jitter: 0.2 }, () => random);
    checks.start();
    time.advance(1000 * random);
    well(net.last);
    time.advance(expected - 1);
    expect(net.peers).toHaveLength(1);
    time.advance(2);
    expect(net.peers).toHaveLength(2);
  });

  test('never two checks of one server: a time-out longer than the interval delays the next', () => {
    const { net, time, servers, checks } = setUp(1, { timeout: 2500, fall: 1 });
    checks.start();
    time.advance(500 + 2499);
    expect(net.peers).toHaveLength(1);
    expect(servers[0]?.state).toBe('up');
    time.advance(1);
    expect(servers[0]?.state).toBe('down');
    expect(net.peers.map((peer) => peer.state)).toEqual(['cancelled', 'connecting']);
  });
});

describe('stopping', () => {
  test('ends the checks that wait and the one that runs', () => {
    const { net, time, checks, said } = setUp(2, { fall: 1 });
    checks.start();
    time.advance(250);
    checks.stop();
    expect(net.last.state).toBe('cancelled');
    expect(time.pending).toBe(0);
    time.advance(10_000);
    expect([net.peers.length, said.length]).toEqual([1, 0]);
  });

  test('from within the report leaves nothing behind', () => {
    const { net, time, fleet, checks } = setUp(1, { fall: 1 });
    fleet.onChange = () => checks.stop();
    checks.start();
    time.advance(500);
    sick(net.last);
    expect(time.pending).toBe(0);
  });

  test('and starting anew believes every server again until it fails', () => {
    const { net, time, checks, said } = setUp(1, { fall: 2 });
    checks.start();
    time.advance(500);
    sick(net.last);
    checks.start();
    time.advance(500);
    sick(net.last);
    expect(said).toEqual([]);
    expect(net.peers).toHaveLength(2);
  });
});
