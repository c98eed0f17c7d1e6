/** Who waits for room, and who gets it: in order, and in their share where several workers wait. */
import { describe, expect, test } from 'vitest';
import { Fleet } from '../../fleet/fleet.ts';
import { Load } from '../../fleet/load.ts';
import { Server } from '../../fleet/server.ts';
import { Queue, type Waiter } from './queue.ts';

const poolSlot = 3;

/** Two servers with room for one request each, as each of the workers knows them. */
function stage({ workers = 1, max = 10, random = (): number => 0 } = {}) {
  const memory = Load.create(4, workers);
  const told: number[] = [];
  const made = Array.from({ length: workers }, (_, worker) => {
    const load = new Load(memory, 4, worker);
    const [a, b] = [1, 2].map((slot) => {
      const address = { kind: 'tcp', host: '127.0.0.1', port: slot } as const;
      return new Server({ name: `s${slot}`, address, weight: 1, maxRequests: 1 }, slot, slot, load);
    }) as [Server, Server];
    const fleet = new Fleet([a, b], { panicThreshold: 0, slowStart: 0 }, load, poolSlot);
    const queue = new Queue({ max, fleet, random, announceRoom: () => told.push(worker) });
    return { a, b, fleet, queue, load };
  });
  return { told, workers: made, ...made[0]! };
}

/** Takes the place that it is offered on `server`, and writes down its name. */
class Client implements Waiter {
  readonly name: string;
  readonly log: string[];
  private readonly act: () => void;

  constructor(name: string, log: string[], act: () => void = () => {}) {
    this.name = name;
    this.log = log;
    this.act = act;
  }

  onRoom(): void {
    this.log.push(this.name);
    this.act();
  }
}

test('they are offered places in order, each for its server or for any', () => {
  const { a, b, queue, load } = stage();
  const log: string[] = [];
  for (const server of [a, b]) server.enter();
  queue.wait(new Client('first for a', log, () => a.enter()), a);
  queue.wait(new Client('any', log, () => b.enter()), null);
  queue.wait(new Client('second for a', log, () => a.enter()), a);
  expect(load.waiting(poolSlot)).toBe(3);
  b.leave();
  queue.offer(b);
  expect(log).toEqual(['any']);
  a.leave();
  queue.offer(a);
  expect(log).toEqual(['any', 'first for a']);
  expect(load.waiting(poolSlot)).toBe(1);
});

test('one that goes elsewhere leaves the place to the next, and all are asked once', () => {
  const { a, queue } = stage();
  const log: string[] = [];
  const again = new Client('waits again', log, () => queue.wait(again, a));
  queue.wait(again, a);
  queue.wait(new Client('goes elsewhere', log), a);
  queue.offer(a);
  expect(log).toEqual(['waits again', 'goes elsewhere']);
  queue.offer(a);
  expect(log).toEqual(['waits again', 'goes elsewhere', 'waits again']);
});

test('no more may wait than the bound, over all workers; one that gives up makes room', () => {
  const { workers } = stage({ workers: 2, max: 2 });
  const [one, two] = [workers[0]!, workers[1]!];
  const [first, second, third] = ['1', '2', '3'].map((name) => new Client(name, [])) as [Client, Client, Client];
  expect([one.queue.wait(first, null), two.queue.wait(second, null), one.queue.wait(third, null)]).toEqual([
    true,
    true,
    false,
  ]);
  two.queue.stopWaiting(second);
  two.queue.stopWaiting(second);
  expect(one.queue.wait(third, null)).toBe(true);
  expect(one.load.waiting(poolSlot)).toBe(2);
});

test('a worker of whom few wait tells the others of as many places as is their share', () => {
  let drawn = 0;
  const { workers, told } = stage({ workers: 2, random: () => drawn });
  const [one, two] = [workers[0]!, workers[1]!];
  const log: string[] = [];
  one.queue.wait(new Client('own', log), null);
  for (let n = 0; n < 3; n++) two.queue.wait(new Client(`${n}`, log), null);
  drawn = 0.5;
  one.queue.offer(one.a);
  expect([log, told]).toEqual([[], [0]]);
  drawn = 0.2;
  one.queue.offer(one.a);
  expect(log).toEqual(['own']);
});

test('nobody is told of room when nobody waits', () => {
  const { a, queue, told } = stage();
  queue.offer(a);
  expect(told).toEqual([]);
});

test('who looks finds what no word has told of', () => {
  const { a, b, queue } = stage();
  const log: string[] = [];
  for (const server of [a, b]) server.enter();
  queue.wait(new Client('for b', log), b);
  queue.lookForRoom();
  b.leave();
  queue.lookForRoom();
  expect(log).toEqual(['for b']);
});

describe('when states have changed', () => {
  test('all ask again in order, and keep it when they wait again', () => {
    const { a, queue } = stage();
    a.enter();
    const log: string[] = [];
    const clients = ['1', '2', '3'].map((name) => {
      const client: Client = new Client(name, log, () => queue.wait(client, a));
      return client;
    });
    for (const client of clients) queue.wait(client, a);
    queue.wake();
    expect(log).toEqual(['1', '2', '3']);
    queue.wake();
    expect(log).toEqual(['1', '2', '3', '1', '2', '3']);
  });

  test('one whose waiting another one ends is not called', () => {
    const { queue } = stage();
    const log: string[] = [];
    const second = new Client('second', log);
    queue.wait(new Client('first', log, () => queue.stopWaiting(second)), null);
    queue.wait(second, null);
    queue.wake();
    expect(log).toEqual(['first']);
  });

  test('after a server has left, only those ask again that wait for it', () => {
    const { a, b, fleet, queue, load } = stage();
    for (const server of [a, b]) server.enter();
    const log: string[] = [];
    queue.wait(new Client('any', log), null);
    queue.wait(new Client('for a', log), a);
    queue.wait(new Client('for b', log), b);
    fleet.applyMembership({ removed: [a], added: [], changed: [] }, 0);
    queue.wakeForRemoved();
    expect([log, load.waiting(poolSlot)]).toEqual([['for a'], 2]);
    b.leave();
    queue.offer(b);
    expect(log).toEqual(['for a', 'any', 'for b']);
  });
});
