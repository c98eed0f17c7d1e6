/** A connection to a server being made: whose fault its failure is, errno by errno, and what is counted meanwhile. */
import { describe, expect, test } from 'vitest';
import { createConnectionOwner } from '../../../test/support/connection-owner.ts';
import { FakeNet } from '../../../test/support/fake-net.ts';
import { wideLimits } from '../../../test/support/heads.ts';
import { createWorkerContext } from '../../../test/support/worker-context.ts';
import { balancerFaults, type Fault, serverFaults } from '../../errors.ts';
import { Connects } from '../../fleet/connects.ts';
import { Server } from '../../fleet/server.ts';
import { Counters, counter } from '../../metrics/counters.ts';
import { Descriptors } from '../../net/descriptors.ts';
import type { Address } from '../../net/socket.ts';
import { Wheel } from '../../time/wheel.ts';
import { Connector } from './connector.ts';
import { H1ServerConnection } from './h1-connection.ts';
import { PoolContext } from './pool-context.ts';
import { RequestBatch } from './request-batch.ts';

const tcp: Address = { kind: 'tcp', host: '127.0.0.1', port: 1 };
const unix: Address = { kind: 'unix', path: '/run/app.sock' };

function stage(address = tcp) {
  const net = new FakeNet();
  const counters = new Counters();
  const descriptors = Descriptors.single();
  const told: string[] = [];
  const faults: (Fault | 'open')[] = [];
  const turns: (() => void)[] = [];
  net.afterTurn = (run) => void turns.push(run);
  const wheel = new Wheel(1000);
  const reportShortage = (what: string, _reason: string, at: string) => void told.push(`${what} ${at}`);
  const worker = createWorkerContext({ net, wheel, counters, descriptors, reportShortage });
  const context = new PoolContext(worker, new RequestBatch(net), wideLimits);
  const server = new Server({ name: 'a', address, weight: 1, maxRequests: 0 }, 1, 0);
  server.connects = new Connects(2, new Connects(3, null));
  const offered: Server[] = [];
  const pool = createConnectionOwner({ offer: (to) => void offered.push(to) });
  const dial = () =>
    new Connector<H1ServerConnection>(
      context,
      pool,
      server,
      { onConnected: () => faults.push('open'), onConnectFailed: (fault) => faults.push(fault) },
      { open: (socket) => new H1ServerConnection(context, pool, server, socket), tls: null, protocol: 'h1' },
    );
  const endTurn = () => turns.splice(0).forEach((run) => void run());
  const endTurns = (count: number) => Array.from({ length: count }, endTurn);
  return { net, counters, descriptors, told, faults, server, offered, dial, endTurn, endTurns, worker };
}

const lacking = ['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM', 'EAGAIN'];
const serversOwn = ['ECONNREFUSED', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ECONNRESET'];

describe('a failure', () => {
  test.each(lacking)('%s is a shortage of this machine', (code) => {
    const { net, counters, told, faults, dial } = stage();
    dial();
    net.last.fail(code, code);
    expect(faults).toEqual([balancerFaults.outOfResources]);
    expect(told).toEqual(['connect 127.0.0.1:1']);
    expect(counters.values[counter.shortages_connect]).toBe(1);
  });

  test.each(serversOwn)('%s is the server’s, or of the way there', (code) => {
    const { net, counters, told, faults, dial } = stage();
    dial();
    net.last.fail(code, code);
    expect([faults, told, counters.values[counter.shortages_connect]]).toEqual([[serverFaults.connectRefused], [], 0]);
  });

  test.each(['ENOTFOUND', 'EAI_AGAIN'])('%s is a name that is not known', (code) => {
    const { net, counters, told, faults, dial } = stage();
    dial();
    net.last.fail(code, code);
    expect([faults, told, counters.values[counter.shortages_connect]]).toEqual([[serverFaults.nameNotFound], [], 0]);
  });

  test('EAGAIN of a unix-domain socket is the server’s: its backlog is full', () => {
    const { net, faults, dial } = stage(unix);
    dial();
    net.last.fail('EAGAIN', 'EAGAIN');
    expect(faults).toEqual([serverFaults.connectRefused]);
  });
});

describe('connections being made', () => {
  test('are counted until they stand, fail or are cancelled, and then somebody else may', () => {
    const { net, counters, server, offered, dial } = stage();
    const first = dial();
    expect([server.hasRoom, counters.values[counter.connecting]]).toEqual([true, 1]);
    dial();
    expect([server.hasRoom, counters.values[counter.connecting]]).toEqual([false, 2]);
    // One that is kept is a way to the server all the same.
    server.idle = 1;
    expect(server.hasRoom).toBe(true);
    server.idle = 0;
    first.cancel();
    first.cancel();
    expect([server.hasRoom, counters.values[counter.connecting]]).toEqual([true, 1]);
    net.last.open();
    expect([server.connects.now, counters.values[counter.connecting], offered]).toEqual([0, 0, [server]]);
    dial();
    net.last.fail('no', 'ECONNREFUSED');
    expect([server.connects.now, counters.values[counter.connecting]]).toEqual([0, 0]);
  });

  test('to other servers count in the bound of all', () => {
    const all = new Connects(3, null);
    const [a, b] = [new Connects(2, all), new Connects(2, all)];
    a.begin();
    a.begin();
    expect([a.hasRoom, b.hasRoom]).toEqual([false, true]);
    b.begin();
    expect([a.hasRoom, b.hasRoom]).toEqual([false, false]);
    a.end();
    expect([a.hasRoom, b.hasRoom]).toEqual([true, true]);
  });
});

describe('without a free descriptor', () => {
  const fill = ({ descriptors }: ReturnType<typeof stage>) => {
    descriptors.room = 16;
    descriptors.add(16);
  };

  test('it fails, and not from inside the call', () => {
    const set = stage();
    const { net, descriptors, counters, faults, dial, endTurns } = set;
    fill(set);
    dial();
    dial().cancel();
    expect([faults, net.peers.length, counters.values[counter.connecting]]).toEqual([[], 0, 1]);
    endTurns(4);
    expect([faults, counters.values[counter.connecting]]).toEqual([[balancerFaults.outOfResources], 0]);
    descriptors.add(-1);
    dial();
    expect(net.peers.length).toBe(1);
  });

  test('idle connections to other servers are closed for it, and it is made when their descriptors are free', () => {
    const set = stage();
    const { net, descriptors, faults, dial, endTurn, worker } = set;
    // Of another pool of this worker. What it closes is free a few loop turns later, as on Node.
    let idle = 1;
    worker.idle.add({ closeAll: () => idle-- > 0 });
    fill(set);
    dial();
    expect([idle, net.peers.length]).toEqual([0, 0]);
    endTurn();
    endTurn();
    descriptors.add(-1);
    endTurn();
    expect([net.peers.length, faults]).toEqual([1, []]);
    net.last.open();
    expect(faults).toEqual(['open']);
  });

  test('of several that wait each takes one that becomes free, and the others fail', () => {
    const set = stage();
    const { net, descriptors, faults, dial, endTurn, endTurns } = set;
    net.onConnect = () => descriptors.add(1);
    fill(set);
    dial();
    dial();
    descriptors.add(-1);
    endTurn();
    expect([net.peers.length, faults]).toEqual([1, []]);
    endTurns(4);
    expect([net.peers.length, faults]).toEqual([1, [balancerFaults.outOfResources]]);
  });
});
