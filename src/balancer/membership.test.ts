/** A reload that changes one server of a pool of 1,000: nothing happens to the other 999. */
import { afterEach, describe, expect, test } from 'vitest';
import { FakeNet, FakePeer } from '../../test/support/fake-net.ts';
import { HandTime } from '../../test/support/hand-time.ts';
import { readConfig } from '../config/read.ts';
import { newHealthReport } from '../fleet/health-report.ts';
import type { ListeningSocket, ListenOptions } from '../net/socket.ts';
import type { PoolParts } from '../proxy/pool.ts';
import { createSingleWorker } from '../shared/single-worker.ts';
import { numberAll } from '../shared/slots.ts';
import { Balancer } from './balancer.ts';

interface Listed {
  readonly name: string;
  readonly address: string;
  readonly weight?: number;
  readonly maxRequests?: number;
}

const all: readonly Listed[] = Array.from({ length: 1000 }, (_, i) => ({
  name: `s${i}`,
  address: `127.0.0.1:${10_000 + i}`,
  // Two that are waited for.
  ...((i === 7 || i === 8) && { maxRequests: 1 }),
}));

/** Requests with `x-server: s7` go to s7, those without to all in turn. */
function configOf(servers: readonly Listed[], listeners = ['127.0.0.1:80']) {
  const route = { header: 'x-server', map: { s7: 's7', s8: 's8' } };
  const shop = { servers, affinity: [{ route }], balance: 'round-robin', health: { slowStart: '100s' } };
  const config = { listeners: listeners.map((address) => ({ address })), pools: { shop }, keys: ['k'.repeat(40)] };
  return readConfig(config, { source: { name: 'test', locate: () => null }, env: {}, variables: false }).options;
}

/** A network on which clients connect, too. */
class Network extends FakeNet {
  private accept: ListenOptions['accept'] = () => null;
  private readonly turns: (() => void)[] = [];
  /** Servers by port whose responses are held. */
  readonly held = new Set<number>();
  private readonly busy = new Set<FakePeer>();
  readonly clients: FakePeer[] = [];

  override listen({ address, accept }: ListenOptions): Promise<ListeningSocket> {
    if (address.kind === 'tcp' && address.port !== 80) return Promise.reject(new Error('it is taken'));
    this.accept = accept;
    return Promise.resolve({ port: 80, setTls() {}, close() {} });
  }

  override afterTurn(run: () => void): void {
    this.turns.push(run);
  }

  client(): FakePeer {
    const peer = FakePeer.connected();
    const handler = this.accept(peer);
    if (handler === null) throw new Error('the client is refused');
    peer.handler = handler;
    this.clients.push(peer);
    return peer;
  }

  /** Called by the network; from then on the test knows which servers have something to do. */
  override onConnect = (peer: FakePeer): void => {
    this.busy.add(peer);
    const { write } = peer;
    peer.write = (chunk) => {
      this.busy.add(peer);
      return write.call(peer, chunk);
    };
  };

  /** Until nobody has anything to do: connections open, and servers answer. */
  settle(): void {
    while (this.turns.length + this.busy.size > 0) {
      for (const run of this.turns.splice(0)) run();
      const peers = [...this.busy];
      this.busy.clear();
      for (const peer of peers) this.serve(peer);
    }
  }

  /** The server answers what it has held. */
  release(...ports: number[]): void {
    for (const port of ports) this.held.delete(port);
    for (const peer of this.peers) if (ports.includes(portOf(peer))) this.busy.add(peer);
    this.settle();
  }

  private serve(peer: FakePeer): void {
    if (peer.state === 'connecting') peer.open();
    if (peer.state !== 'open' || this.held.has(portOf(peer)) || !peer.received.endsWith('\r\n\r\n')) return;
    peer.received = '';
    peer.send(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n${portOf(peer)}`);
  }
}

function portOf({ address }: FakePeer): number {
  return address.kind === 'tcp' ? address.port : 0;
}

let stop = async (): Promise<unknown> => undefined;
afterEach(() => stop());

async function stage() {
  const first = configOf(all);
  const { shared, numbers, servers, lifetimes } = createSingleWorker(first, 0);
  const net = new Network();
  const time = new HandTime();
  const made: PoolParts[] = [];
  const balancer = new Balancer(first, {
    net,
    clock: time,
    timers: time,
    writeAccess: () => {},
    shared,
    numbers,
    secret: Buffer.alloc(32),
    report: () => {},
    reportShortage: () => {},
    announceRoom: () => {},
    observe: (parts) => {
      made.push(parts);
      return parts;
    },
  });
  await balancer.start([80]);
  stop = () => {
    for (const one of net.clients) one.leave(null);
    return balancer.stop();
  };
  const { fleet } = made[0]!;
  const client = net.client();
  /** Which server answered, by port. */
  const ask = (peer = client, server = '') => {
    peer.received = '';
    peer.send(`GET / HTTP/1.1\r\nHost: x\r\n${server === '' ? '' : `x-server: ${server}\r\n`}\r\n`);
    net.settle();
    return Number(peer.received.slice(-5));
  };
  const open = () => net.peers.filter(({ state }) => state === 'open');
  return {
    net,
    time,
    made,
    fleet,
    balancer,
    ask,
    open,
    waiting: () => fleet.load.waiting(fleet.slot),
    reload: async (listed: readonly Listed[], listeners?: string[]) => {
      const options = configOf(listed, listeners);
      await balancer.reload(options, numberAll(options, servers, lifetimes, 0), [80, 81]);
    },
  };
}

const without = (name: string) => all.filter((server) => server.name !== name);
const instead = (name: string, change: Partial<Listed>) =>
  all.map((server) => (server.name === name ? { ...server, ...change } : server));
const s500 = all[500]!;

/** What is changed, the servers then, and the ports at which connections end and begin. */
const changes: readonly (readonly [what: string, servers: readonly Listed[], ends: number[], begins: number[]])[] = [
  ['one joins', [...all, { name: 'new', address: '127.0.0.1:20000' }], [], [20_000]],
  ['one leaves', without('s500'), [10_500], []],
  ['one gets another weight', instead('s500', { weight: 3 }), [], []],
  ['one gets a cap', instead('s500', { maxRequests: 5 }), [], []],
  ['one gets another address', instead('s500', { address: '127.0.0.1:20000' }), [10_500], [20_000]],
  ['one gets another name', [...without('s500'), { ...s500, name: 'renamed' }], [10_500], [10_500]],
  ['they are listed in another order', all.toReversed(), [], []],
];

describe.each(changes)('%s', (_, servers, ends, begins) => {
  test('the connections to the others stay, and are used again', async () => {
    const { net, ask, open, reload, made } = await stage();
    for (let n = 0; n < all.length; n++) ask();
    const before = open();
    expect(new Set(before.map(portOf)).size).toBe(1000);
    await reload(servers);
    expect(made.length).toBe(1);
    const closed = before.filter(({ state }) => state !== 'open');
    expect(closed.map(portOf)).toEqual(ends);
    // With weights one server has more turns than one in a round.
    for (let n = 0; n < 1100; n++) ask();
    expect(net.peers.slice(before.length).map(portOf)).toEqual(begins);
  });

  test('who waits for the others keeps the place', async () => {
    const { net, ask, waiting, reload } = await stage();
    const clients = Array.from({ length: 6 }, () => net.client());
    for (const port of [10_007, 10_008]) net.held.add(port);
    for (const [i, client] of clients.entries()) ask(client, i % 2 === 0 ? 's7' : 's8');
    expect(waiting()).toBe(4);
    const sent = requestBytes(net);
    await reload(servers);
    net.settle();
    expect([waiting(), requestBytes(net)]).toEqual([4, sent]);
    net.release(10_007, 10_008);
    expect(clients.map(({ received }) => Number(received.slice(-5)))).toEqual([
      10_007, 10_008, 10_007, 10_008, 10_007, 10_008,
    ]);
    // Each in its turn, on the one connection to its server.
    expect(net.peers.map(portOf)).toEqual([10_007, 10_008]);
    expect(waiting()).toBe(0);
  });

  test('a server that starts slowly goes on with it', async () => {
    const { time, fleet, balancer, reload } = await stage();
    const weightOf = (name: string) => {
      const { up, weights } = fleet.snapshot;
      return weights[up.findIndex((server) => server.name === name)];
    };
    const report = { ...newHealthReport(), server: 's9 127.0.0.1:10009', since: time.now() };
    const down = { ...newHealthReport(), server: 's10 127.0.0.1:10010', active: false };
    balancer.applyHealth('shop', [report, down]);
    time.advance(50_000);
    fleet.tick(time.now());
    expect(weightOf('s9')).toBeCloseTo(0.5);
    await reload(servers);
    expect(weightOf('s9')).toBeCloseTo(0.5);
    expect(weightOf('s10')).toBeUndefined();
    time.advance(25_000);
    fleet.tick(time.now());
    expect(weightOf('s9')).toBeCloseTo(0.75);
  });
});

/** Bytes of requests that servers have got, by port. */
function requestBytes({ peers }: FakeNet): readonly [number, number][] {
  return peers.map((peer) => [portOf(peer), peer.received.length]);
}

test('what waits for a server that leaves asks again where to go, and what runs there finishes', async () => {
  const { net, ask, waiting, reload, fleet } = await stage();
  const [running, waits, other] = [net.client(), net.client(), net.client()];
  // s7 is only routed to: a config without it cannot name it in its map, so that it gets another address instead.
  for (const port of [10_007, 10_008, 20_000]) net.held.add(port);
  ask(running, 's7');
  ask(waits, 's7');
  ask(other, 's8');
  expect(waiting()).toBe(1);
  await reload(instead('s7', { address: '127.0.0.1:20000' }));
  net.settle();
  // The load of a name is counted through: the new one has no room before the old one has finished.
  expect(waiting()).toBe(1);
  net.release(10_007, 10_008, 20_000);
  expect([running, waits, other].map(({ received }) => Number(received.slice(-5)))).toEqual([10_007, 20_000, 10_008]);
  expect(fleet.at(fleet.servers[7]!.slot)?.inflight).toBe(0);
});

test('a reload that is refused changes no server', async () => {
  const { ask, open, reload, made, fleet } = await stage();
  for (let n = 0; n < all.length; n++) ask();
  const { snapshot } = fleet;
  await expect(reload(without('s500'), ['127.0.0.1:80', '127.0.0.1:81'])).rejects.toThrow(
    'cannot listen on 127.0.0.1:81',
  );
  expect(fleet.snapshot === snapshot).toBe(true);
  expect([made.length, open().length]).toEqual([1, 1000]);
});
