/** Which connections take another request: those that are idle, and those that gather the requests of a loop turn. */
import { expect, test } from 'vitest';
import { HandTime } from '../../../test/support/hand-time.ts';
import { createWorkerContext } from '../../../test/support/worker-context.ts';
import { Fleet } from '../../fleet/fleet.ts';
import { Server } from '../../fleet/server.ts';
import { Descriptors } from '../../net/descriptors.ts';
import { Deadline, Wheel } from '../../time/wheel.ts';
import { Connections, type PoolConnection } from './connections.ts';

function stage({ maxIdle = 10, pipelining = 1 } = {}) {
  const time = new HandTime();
  const wheel = new Wheel(time.monotonic());
  const descriptors = Descriptors.single();
  const worker = createWorkerContext({ wheel, clock: time, descriptors });
  const connections = new Connections<FakeConnection>(worker, { maxIdle, pipelining, timeouts: { keepAlive: 5000 } });
  const [a, b] = [1, 2].map((slot) => {
    const address = { kind: 'tcp', host: '127.0.0.1', port: slot } as const;
    return new Server({ name: `s${slot}`, address, weight: 1, maxRequests: 0 }, slot, slot);
  }) as [Server, Server];
  const fleet = new Fleet([a, b], { panicThreshold: 0, slowStart: 0 });
  const advance = (ms: number) => {
    time.advance(ms);
    wheel.turn(time.monotonic());
  };
  return { connections, descriptors, idle: worker.idle, a, b, fleet, advance };
}

class FakeConnection implements PoolConnection {
  readonly server: Server;
  readonly moves: number;
  readonly deadline = new Deadline(this);
  readonly clientNumber = 0;
  quarantined = false;
  quarantinedUntil = 0;
  isGathering = false;
  depth = 0;
  closed = false;
  isDue = false;

  constructor(server: Server) {
    this.server = server;
    this.moves = server.moves;
  }

  close(): void {
    this.closed = true;
  }

  onDeadline(): void {
    this.isDue = true;
  }
}

test('what is kept is given out again, and the server knows how many there are', () => {
  const { connections, a, b } = stage();
  const [one, two] = [new FakeConnection(a), new FakeConnection(a)];
  expect([connections.addIdle(one), connections.addIdle(two), a.idle]).toEqual([true, true, 2]);
  expect([connections.takeIdle(b, 0), connections.takeIdle(a, 0), a.idle]).toEqual([undefined, two, 1]);
  connections.removeIdle(one);
  expect([connections.takeIdle(a, 0), a.idle]).toEqual([undefined, 0]);
});

test('one that is kept is due when it has been idle for too long, and not while it is used', () => {
  const { connections, a, advance } = stage();
  const [idle, used] = [new FakeConnection(a), new FakeConnection(a)];
  for (const one of [idle, used]) connections.addIdle(one);
  connections.takeIdle(a, 0);
  advance(6000);
  expect([idle.isDue, used.isDue]).toEqual([true, false]);
});

test.each<[string, (stage: ReturnType<typeof setUp>) => void]>([
  ['when the pool has retired', ({ connections }) => connections.retire()],
  [
    'when its server has left the pool',
    ({ a, fleet }) => fleet.applyMembership({ removed: [a], added: [], changed: [] }, 0),
  ],
  ['when the name of its server has lost addresses', ({ a }) => void a.moves++],
  [
    'when descriptors run short',
    ({ descriptors }) => {
      descriptors.room = 16;
      descriptors.add(14);
    },
  ],
])('none is kept %s', (_, happen) => {
  const set = setUp();
  happen(set);
  expect(set.connections.addIdle(set.connection)).toBe(false);
});

function setUp() {
  const made = stage();
  return { ...made, connection: new FakeConnection(made.a) };
}

test('all to one server close, or all, and none is given out any more', () => {
  const { connections, a, b } = stage();
  const [one, two, other] = [new FakeConnection(a), new FakeConnection(a), new FakeConnection(b)];
  for (const connection of [one, two, other]) connections.addIdle(connection);
  connections.close(a);
  expect([one.closed, two.closed, other.closed, a.idle, b.idle]).toEqual([true, true, false, 0, 1]);
  connections.closeAll();
  expect([other.closed, connections.takeIdle(b, 0)]).toEqual([true, undefined]);
});

test('a server that leaves takes its connections with it, and nothing of those to the others', () => {
  const { connections, a, b, fleet } = stage();
  const [gone, busy, stays] = [new FakeConnection(a), new FakeConnection(a), new FakeConnection(b)];
  for (const connection of [gone, stays]) connections.addIdle(connection);
  fleet.applyMembership({ removed: [a], added: [], changed: [] }, 0);
  connections.remove(a);
  expect([gone.closed, stays.closed, connections.takeIdle(a, 0)]).toEqual([true, false, undefined]);
  // One under way there ends after it; a server that has the slot now has nothing of it.
  expect(connections.addIdle(busy)).toBe(false);
  connections.removeIdle(busy);
  connections.guardOf(a).onRequeue();
  const next = new Server(a, a.id, a.slot);
  fleet.applyMembership({ removed: [], added: [next], changed: [] }, 0);
  expect([connections.takeIdle(next, 0), connections.guardOf(next).allows()]).toEqual([undefined, true]);
  expect(connections.takeIdle(b, 0)).toBe(stays);
});

test('requests of one loop turn share a connection up to the depth of the pool, and never beyond it', () => {
  const { connections, a } = stage({ pipelining: 2 });
  const [one, two] = [new FakeConnection(a), new FakeConnection(a)];
  for (const connection of [one, two]) connections.addIdle(connection);
  expect(connections.takeGathering(a, 0)).toBe(two);
  Object.assign(two, { isGathering: true, depth: 1 });
  expect(connections.takeGathering(a, 0)).toBe(two);
  two.depth = 2;
  expect(connections.takeGathering(a, 0)).toBe(one);
  Object.assign(one, { isGathering: true, depth: 1 });
  connections.guardOf(a).onRequeue();
  expect(connections.takeGathering(a, 0)).toBeUndefined();
});

test('they do not share one to a server that has broken HTTP, nor in a pool that does not pipeline', () => {
  for (const pipelining of [1, 4]) {
    const { connections, a } = stage({ pipelining });
    const connection = new FakeConnection(a);
    connections.addIdle(connection);
    if (pipelining > 1) a.setMisframed(true);
    expect(connections.takeGathering(a, 0)).toBe(connection);
    Object.assign(connection, { isGathering: true, depth: 1 });
    expect(connections.takeGathering(a, 0)).toBeUndefined();
  }
});

test('the worker can close what all of its pools keep, as long as they keep something', () => {
  const { connections, idle, a } = stage();
  expect(idle.closeAll()).toBe(false);
  const [one, two] = [new FakeConnection(a), new FakeConnection(a)];
  connections.addIdle(one);
  expect([idle.closeAll(), one.closed, idle.closeAll()]).toEqual([true, true, false]);
  connections.addIdle(two);
  connections.retire();
  expect([two.closed, idle.closeAll()]).toEqual([true, false]);
});
