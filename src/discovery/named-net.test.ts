import { describe, expect, test } from 'vitest';
import { FakeNet } from '../../test/support/fake-net.ts';
import { HandTime } from '../../test/support/hand-time.ts';
import { type Address, nobody } from '../net/socket.ts';
import type { ClientTls } from '../net/tls.ts';
import { namedNet } from './named-net.ts';

const tcp = (host: string): Address => ({ kind: 'tcp', host, port: 80 });
const three = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];

function stage(names: Record<string, readonly string[]> = { app: three }) {
  const fake = new FakeNet();
  const time = new HandTime();
  const turns: (() => void)[] = [];
  fake.afterTurn = (run) => void turns.push(run);
  const known = new Map(Object.entries(names));
  const net = namedNet({ net: fake, timers: time, addressesOf: (name) => known.get(name), addressTimeout: () => 500 });
  const told: string[] = [];
  const connect = (host: string | Address, tls: ClientTls | null = null) => {
    const onOpen = () => {
      told.push('open');
      return nobody;
    };
    const onFail = (error: Error) => told.push(`${'code' in error ? String(error.code) : ''} ${error.message}`.trim());
    return net.connect(typeof host === 'string' ? tcp(host) : host, { onOpen, onFail }, tls);
  };
  const hosts = () => fake.peers.map(({ address, state }) => `${address.kind === 'tcp' ? address.host : ''} ${state}`);
  return { fake, time, known, connect, told, hosts, endTurn: () => turns.splice(0).forEach((run) => void run()) };
}

test('with TLS the name goes along with each of its addresses, and only then', () => {
  const { fake, connect } = stage({ app: three, one: ['10.0.0.9'] });
  const tls = { sni: '', ca: null, pair: null, verify: true, protocols: [], minVersion: 'TLSv1.2' } as const;
  connect('app', tls);
  connect('one', tls);
  connect({ kind: 'tcp', host: 'one', port: 80, name: 'outer' }, tls);
  connect('one');
  const namesOf = fake.peers.map(({ address }) => (address.kind === 'tcp' ? address.name : ''));
  expect(namesOf).toEqual(['app', 'one', 'outer', undefined]);
});

test('an address, a path and a name that is not looked up are connected to as they are', () => {
  const { connect, fake } = stage({});
  const all = [tcp('10.0.0.9'), tcp('::1'), tcp('other'), { kind: 'unix', path: '/run/app.sock' } as const];
  for (const address of all) connect(address);
  expect(fake.peers.map(({ address }) => address)).toEqual(all);
});

describe('a name with several addresses', () => {
  test('is tried in turn: what refuses, and what does not answer in time', () => {
    const { connect, fake, time, told, hosts } = stage();
    connect('app');
    expect(hosts()).toEqual(['10.0.0.1 connecting']);
    fake.peers[0]!.fail('refused', 'ECONNREFUSED');
    expect(hosts()).toEqual(['10.0.0.1 failed', '10.0.0.2 connecting']);
    time.advance(500);
    expect(hosts()).toEqual(['10.0.0.1 failed', '10.0.0.2 cancelled', '10.0.0.3 connecting']);
    // The last one has as long as the pool gives it.
    expect(time.pending).toBe(0);
    fake.peers[2]!.open();
    expect(told).toEqual(['open']);
  });

  test('what has worked is first the next time, as long as it is an address of the name', () => {
    const { connect, fake, known, hosts, time } = stage();
    connect('app');
    fake.peers[0]!.fail('refused');
    fake.peers[1]!.open();
    expect(time.pending).toBe(0);
    connect('app');
    fake.peers[2]!.fail('refused');
    fake.peers[3]!.fail('refused');
    expect(hosts().slice(2)).toEqual(['10.0.0.2 failed', '10.0.0.3 failed', '10.0.0.1 connecting']);
    known.set('app', ['10.0.0.3', '10.0.0.4']);
    connect('app');
    expect(hosts().at(-1)).toBe('10.0.0.3 connecting');
  });

  test.each([
    [['ECONNREFUSED', 'ETIMEDOUT', 'EHOSTUNREACH'], 'ECONNREFUSED'],
    [['EADDRNOTAVAIL', 'ECONNREFUSED', 'EADDRNOTAVAIL'], 'ECONNREFUSED'],
    [['EMFILE', 'EMFILE', 'ENFILE'], 'ENFILE'],
  ])('that fails with %j fails with what says most of the server', (codes, expected) => {
    const { connect, fake, told } = stage();
    connect('app');
    for (const [i, code] of codes.entries()) fake.peers[i]!.fail('x', code);
    expect(told).toEqual([`${expected} x`]);
  });

  test('is given up at any moment, and nothing comes after that', () => {
    const { connect, fake, time, told, hosts } = stage();
    const dial = connect('app');
    fake.peers[0]!.fail('refused');
    dial.cancel();
    time.advance(10_000);
    expect([told, hosts(), time.pending]).toEqual([[], ['10.0.0.1 failed', '10.0.0.2 cancelled'], 0]);
  });
});

test('a name without an address fails as one that is not known, later, and not when it was given up', () => {
  const { connect, told, hosts, endTurn } = stage({ app: [] });
  connect('app');
  connect('app').cancel();
  expect(told).toEqual([]);
  endTurn();
  expect([told, hosts()]).toEqual([['ENOTFOUND no address of the name app is known'], []]);
});
