import { describe, expect, test } from 'vitest';
import { sessionOf as anySession } from '../../test/support/session.ts';
import { type Affinity, LearnedId, type Recognition } from '../affinity/affinity.ts';
import { Fleet } from '../fleet/fleet.ts';
import { Load } from '../fleet/load.ts';
import { Server } from '../fleet/server.ts';
import { Counters } from '../metrics/counters.ts';
import { Entry, SessionTable } from '../table/table.ts';
import { OwnerLookup } from './owner-lookup.ts';
import { Session } from './session.ts';

const now = 1_800_000_000;
const affinity = { name: 'learn', lifetime: 1 } as Affinity;

/** Two servers, and as many workers as wanted over one table. */
function stage() {
  const table = SessionTable.create({ capacity: 1000 });
  table.setLifetime(1, { idle: 600, absolute: 0 });
  const counters = new Counters();
  const load = new Load(Load.create(4, 1), 4, 0);
  const [a, b] = [1, 2].map((slot) => {
    const address = { kind: 'tcp', host: '127.0.0.1', port: slot } as const;
    return new Server({ name: `s${slot}`, address, weight: 1, maxRequests: 0 }, slot + 100, slot, load);
  }) as [Server, Server];
  const fleetOf = (servers: Server[]) => new Fleet(servers, { panicThreshold: 0, slowStart: 0 }, load, 3);
  const worker = (servers = [a, b]) =>
    new OwnerLookup(SessionTable.attach(table.buffer, 1), fleetOf(servers), counters);
  return { table, counters, a, b, worker };
}

const sessionOf = (change: Partial<Recognition>): Session =>
  anySession({ affinity, recognised: true, sid0: 7, sid1: 9, ...change });
const named = () => sessionOf({ kind: 'key' });
const token = (owner: Server, epoch: number) => sessionOf({ owner: owner.id, epoch });

describe('a session known by name', () => {
  test('is nobody’s at first; of two workers that settle it the first decides for both', () => {
    const { a, b, counters, table, worker } = stage();
    const [one, two] = [worker(), worker()];
    const [first, second] = [named(), named()];
    expect([one.find(first, now), two.find(second, now)]).toEqual([null, null]);
    expect(one.settle(first, a, now)).toBe(a);
    expect(two.settle(second, b, now)).toBe(a);
    expect([first.firstPlacement, second.firstPlacement]).toEqual([true, false]);
    expect(second).toMatchObject({ epoch: 1, owner: a.id, counted: true });
    expect([table.count(1), table.count(2)]).toEqual([1, 0]);
    expect(counters.snapshot().sessions_adopted).toBe(1);
  });

  test('does not go idle while an exchange runs, and does after it', () => {
    const { a, worker } = stage();
    const owners = worker();
    const session = named();
    owners.settle(session, a, now);
    expect(owners.find(named(), now + 10_000)).toBe(a);
    const counted = named();
    owners.find(counted, now + 10_000);
    owners.leave(session, now + 10_000);
    owners.leave(session, now + 10_000);
    expect(owners.find(named(), now + 20_000)).toBe(a);
  });

  test('that the app has ended is recognised no more, and cannot be learned for a while', () => {
    const { a, table, worker } = stage();
    const owners = worker();
    owners.settle(named(), a, now);
    const learned = Object.assign(new LearnedId(), { state: 'ended' });
    owners.learn(learned, affinity, named(), a, now);
    expect(table.count(1)).toBe(0);
    const later = named();
    expect(owners.find(later, now + 1)).toBeNull();
    expect(later.recognition.recognised).toBe(false);
    owners.learn(Object.assign(new LearnedId(), { state: 'named', sid0: 7, sid1: 9 }), affinity, named(), a, now + 2);
    expect(table.count(1)).toBe(0);
  });

  test('is learned from a response, with the time at which its client forgets it', () => {
    const { b, table, worker } = stage();
    const owners = worker();
    const learned = Object.assign(new LearnedId(), { state: 'named', sid0: 7, sid1: 9, expires: now + 60 });
    owners.learn(learned, affinity, new Session(), b, now);
    expect(owners.find(named(), now + 59)).toBe(b);
    learned.expires = now + 90;
    owners.learn(learned, affinity, new Session(), b, now + 59);
    expect(owners.find(named(), now + 89)).toBe(b);
    expect(owners.find(named(), now + 90)).toBeNull();
    expect(table.find({ hi: 7, lo: 9 }, now + 90, new Entry())).toBe('old');
  });
});

describe('a session with a token', () => {
  test('counts among its server’s from its second request on', () => {
    const { a, table, worker } = stage();
    const owners = worker();
    expect(owners.find(token(a, 3), now)).toBe(a);
    expect(table.count(1)).toBe(1);
    const entry = new Entry();
    table.find({ hi: 7, lo: 9 }, now, entry);
    expect(entry).toMatchObject({ server: 1, epoch: 3 });
  });

  test('of an older epoch than the table’s follows the table, and is told', () => {
    const { a, b, worker } = stage();
    const [one, two] = [worker(), worker()];
    const session = token(a, 1);
    expect(one.claim(session, b, now)).toBe(b);
    expect(session).toMatchObject({ epoch: 2, owner: b.id, binding: 'changed' });
    const old = token(a, 1);
    expect(two.find(old, now)).toBe(b);
    expect(old).toMatchObject({ epoch: 2, owner: b.id, binding: 'changed' });
  });

  test('of a newer epoch than the table’s is right, and the table learns it', () => {
    const { a, b, table, worker } = stage();
    const owners = worker();
    owners.find(token(a, 1), now);
    const session = token(b, 4);
    expect(owners.find(session, now)).toBe(b);
    expect(session.binding).toBe('unchanged');
    expect([table.count(1), table.count(2)]).toEqual([0, 1]);
    const old = token(a, 1);
    expect(owners.find(old, now)).toBe(b);
    expect(old.epoch).toBe(4);
  });

  test('two claims of one epoch agree on one owner', () => {
    for (const known of [true, false]) {
      const { a, b, worker } = stage();
      const [one, two] = [worker(), worker()];
      if (known) one.find(token(a, 1), now);
      const [first, second] = [token(a, 1), token(a, 1)];
      expect(one.claim(first, b, now)).toBe(b);
      expect(two.claim(second, a, now)).toBe(b);
      expect([first.epoch, second.epoch]).toEqual([2, 2]);
    }
  });

  test('whose owner is in the pool no more can be claimed by a server that is', () => {
    const { a, b, table, worker } = stage();
    worker().find(token(a, 1), now);
    const owners = worker([b]);
    const session = token(a, 1);
    expect(owners.find(session, now)).toBeUndefined();
    expect(owners.claim(session, b, now)).toBe(b);
    expect([table.count(1), table.count(2)]).toEqual([0, 1]);
  });
});

describe('a claim', () => {
  const recordOf = (table: SessionTable) => {
    const entry = new Entry();
    table.find({ hi: 7, lo: 9 }, now, entry);
    return entry;
  };

  test('is taken back when the server takes no request, and then nothing has changed', () => {
    for (const kind of ['token', 'key'] as const) {
      const { a, b, counters, table, worker } = stage();
      const owners = worker();
      const session = () => (kind === 'key' ? named() : token(a, 3));
      const learned = Object.assign(new LearnedId(), { state: 'named', sid0: 7, sid1: 9 });
      if (kind === 'key') owners.learn(learned, affinity, new Session(), a, now);
      const first = session();
      expect(owners.find(first, now)).toBe(a);
      const { epoch } = first;
      expect(owners.claim(first, b, now)).toBe(b);
      expect(first).toMatchObject({ epoch: epoch + 1, owner: b.id, counted: true, former: a.slot });
      expect(owners.leave(first, now)).toBeNull();
      expect(recordOf(table)).toMatchObject({ server: a.slot, epoch, former: 0, inflight: 0 });
      expect([table.count(1), table.count(2)]).toEqual([1, 0]);
      expect(counters.snapshot().rebinds).toBe(0);
      const later = session();
      expect(owners.find(later, now)).toBe(a);
      expect(later).toMatchObject({ epoch, binding: 'unchanged' });
    }
  });

  test('stands when the server has taken a request, and counts once', () => {
    const { a, b, counters, table, worker } = stage();
    const [one, two] = [worker(), worker()];
    const [first, second] = [token(a, 3), token(a, 3)];
    one.find(first, now);
    one.claim(first, b, now);
    // Another worker’s request follows, and is counted, so that the first one’s end takes nothing away from it.
    expect(two.find(second, now)).toBe(b);
    expect(second).toMatchObject({ epoch: 4, counted: true, former: a.slot });
    one.leave(first, now);
    expect(recordOf(table)).toMatchObject({ server: b.slot, epoch: 4, former: a.slot, inflight: 1 });
    two.accept(second, b, now);
    two.leave(second, now);
    expect(recordOf(table)).toMatchObject({ server: b.slot, epoch: 4, former: 0 });
    expect(second).toMatchObject({ epoch: 4, owner: b.id, binding: 'changed' });
    expect(counters.snapshot().rebinds).toBe(1);
  });

  test('goes on to the next server, and is taken back from there to where the session was', () => {
    const { a, b, table, worker } = stage();
    const owners = worker();
    const session = token(a, 3);
    owners.find(session, now);
    owners.claim(session, b, now);
    owners.claim(session, a, now);
    owners.claim(session, b, now);
    expect(recordOf(table)).toMatchObject({ server: b.slot, epoch: 6, former: a.slot, inflight: 1 });
    owners.leave(session, now);
    expect(recordOf(table)).toMatchObject({ server: a.slot, epoch: 3, former: 0 });
  });

  test('of a server that answers after others have given it up is the one that counts', () => {
    const { a, b, table, worker } = stage();
    const owners = worker();
    const [slow, quick] = [token(a, 3), token(a, 3)];
    owners.find(slow, now);
    owners.claim(slow, b, now);
    owners.find(quick, now);
    owners.claim(quick, a, now);
    owners.accept(slow, b, now);
    expect(slow).toMatchObject({ owner: b.id, epoch: 6 });
    owners.accept(quick, a, now);
    expect(quick).toMatchObject({ owner: b.id, epoch: 6, binding: 'changed' });
    owners.leave(slow, now);
    owners.leave(quick, now);
    expect(recordOf(table)).toMatchObject({ server: b.slot, epoch: 6, former: 0 });
  });

  test('of a name that nobody had leaves nothing behind when it is taken back', () => {
    const { a, counters, table, worker } = stage();
    const owners = worker();
    const session = named();
    expect(owners.find(session, now)).toBeNull();
    expect(owners.settle(session, a, now)).toBe(a);
    owners.leave(session, now);
    expect(table.size).toBe(0);
    expect(owners.find(named(), now)).toBeNull();
    const again = named();
    owners.settle(again, a, now);
    owners.accept(again, a, now);
    owners.leave(again, now);
    expect(table.count(1)).toBe(1);
    expect(counters.snapshot().rebinds).toBe(0);
  });
});

test('a fixed place is looked up nowhere', () => {
  const { b, table, worker } = stage();
  expect(worker().find(sessionOf({ kind: 'fixed', owner: b.id, epoch: 0 }), now)).toBe(b);
  expect(table.size).toBe(0);
});
