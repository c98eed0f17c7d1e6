/** Where a request goes in a pool whose sessions have copies: with a pool that is written out here, and a store that the test plays. */
import { describe, expect, test } from 'vitest';
import { sessionOf } from '../../test/support/session.ts';
import type { Affinity, Binder, Recognition } from '../affinity/affinity.ts';
import { balancerFaults } from '../errors.ts';
import { Fleet } from '../fleet/fleet.ts';
import { Load } from '../fleet/load.ts';
import { Server } from '../fleet/server.ts';
import { Counters } from '../metrics/counters.ts';
import { OwnerClaims } from '../ownership/owner-claims.ts';
import { OwnerLookup } from '../ownership/owner-lookup.ts';
import type { Session } from '../ownership/session.ts';
import { SessionRecord } from '../ownership/session-record.ts';
import { Entry, SessionTable } from '../table/table.ts';
import { Placement } from './placement.ts';
import type { OwnerFailure, PlacementPool } from './placement-pool.ts';

const now = 1000;
const key = { hi: 7, lo: 8 };
const affinity: Affinity = { name: 'cookie', lifetime: 0, recognise: () => false };
const binder: Binder = { ...affinity, begin: (at, to) => Object.assign(to, { sid0: 99, epoch: 1, born: at }) };

interface Changes {
  readonly action?: OwnerFailure['action'];
  readonly whenOwnerFull?: PlacementPool['settings']['whenOwnerFull'];
  readonly mayMove?: boolean;
  readonly isStale?: boolean;
  /** Names of servers that take no sessions from others, because the owner has too many; null: it has not. */
  readonly closed?: readonly string[] | null;
  /** A move from it would make the shares more even. */
  readonly evens?: boolean;
}

/** Servers a and b with room for one request each; `put` gives the session of these tests to a, with a copy. */
function stage({
  action = 'rebind',
  whenOwnerFull = 'queue',
  mayMove = true,
  isStale = false,
  closed = null,
  evens = true,
}: Changes = {}) {
  const load = new Load(Load.create(4, 1), 4, 0);
  const [a, b] = ['a', 'b'].map((name, i) => {
    const address = { kind: 'tcp', host: '127.0.0.1', port: i + 1 } as const;
    return new Server({ name, address, weight: 1, maxRequests: 1 }, i + 11, i + 1, load);
  }) as [Server, Server];
  const fleet = new Fleet([a, b], { panicThreshold: 0, slowStart: 0 }, load, 3);
  const table = SessionTable.create({ capacity: 1000 });
  const record = new SessionRecord(table, fleet, { copies: true, owners: false });
  const owners = new OwnerLookup(record, new Counters());
  const claims = new OwnerClaims(record, new Counters());
  const choose = (_key: number, excluded: readonly Server[] | null) =>
    [a, b].find((server) => server.hasRoom && server.state === 'up' && excluded?.includes(server) !== true);
  const failure = { action, fault: balancerFaults.ownerDown };
  const pool: PlacementPool = {
    settings: { whenOwnerFull },
    parts: {
      fleet,
      configVersion: { isStale },
      choose,
      chooseNewOwner: choose,
      chooseForKey: choose,
      chooseSubstitute: choose,
      lacksRoom: () => true,
      shouldRebalance: () => closed && [a, b].filter(({ name }) => closed.includes(name)),
      evensOut: () => evens,
    },
    owners,
    claims,
    replicator: { mayMove },
    claimRule: () => 'claim',
    rebinding: { ...failure, action: 'rebind' },
    ownerFailure: () => failure,
    locate: (session, at) => owners.find(session, at),
    rename: (session, at) => session.rename(binder, at),
    isUsable: (server) => fleet.isUsable(server),
  };
  const put = (version = 1): void => {
    table.bind(key, a.slot, now, new Entry(), 0, 1, true);
    table.copy(key, 1, version, now);
  };
  const request = (change: Partial<Recognition> = {}) =>
    sessionOf({ affinity, recognised: true, owner: a.id, epoch: 1, sid0: 7, sid1: 8, sid2: 9, sid3: 10, ...change });
  const placement = new Placement();
  const place = (session: Session, excluded: readonly Server[] | null = null) => {
    placement.find(pool, session, excluded, now);
    return placement;
  };
  return { a, b, fleet, table, claims, put, request, place };
}

describe('the store is asked first', () => {
  test('about a session that the table does not have; then its token counts', () => {
    const { a, request, place } = stage();
    const session = request();
    expect(place(session)).toMatchObject({ mustQueryStore: true, server: null });
    session.onStore('answered');
    expect(place(session)).toMatchObject({ mustQueryStore: false, server: a });
  });

  test('to record a new owner, before that one gets the request', () => {
    const { a, b, fleet, put, request, place } = stage();
    put();
    fleet.setActive(a, false, now);
    const session = request();
    expect(place(session)).toMatchObject({ mustQueryStore: true, server: b, claimed: true, ownerFailed: true });
    expect(session).toMatchObject({ storeState: 'must-announce', reason: 'rebind', epoch: 2, former: a.slot });
    session.onStore('answered');
    // The test has not confirmed it: the table still says that it has to be announced.
    expect(place(session)).toMatchObject({ mustQueryStore: true, server: b });
  });

  test('and without it the request goes on by token and table', () => {
    const { a, b, fleet, put, request, place } = stage();
    const unknown = request({ sid0: 70 });
    expect(place(unknown).mustQueryStore).toBe(true);
    unknown.onStore('failed');
    expect(place(unknown)).toMatchObject({ mustQueryStore: false, server: a });
    put();
    fleet.setActive(a, false, now);
    const known = request();
    place(known);
    known.onStore('failed');
    expect(place(known)).toMatchObject({ mustQueryStore: false, server: b });
  });
});

test('a session whose end the store has not recorded is refused', () => {
  const { table, put, request, place } = stage();
  put();
  table.beginEnding(key, now);
  expect(place(request())).toMatchObject({ server: null, fault: balancerFaults.sessionEnding });
});

test('one that has ended is a new one, under another id', () => {
  const { a, table, put, request, place } = stage();
  put();
  table.end(key, now);
  const session = request();
  expect(place(session)).toMatchObject({ server: a, mustQueryStore: false });
  expect(session.recognition).toMatchObject({ recognised: false, sid0: 99 });
});

describe('a session leaves an owner that is up', () => {
  test('that drains, with its copy', () => {
    const { a, b, fleet, put, request, place } = stage();
    put();
    fleet.setDrained(a, true, now);
    const session = request();
    expect(place(session)).toMatchObject({ server: b, moved: true, mustQueryStore: true });
    expect(session).toMatchObject({ reason: 'move', epoch: 2 });
  });

  test.each([
    ['that has too many', ['a'], true, 'b'],
    ['but not for one that has its share', ['a', 'b'], true, 'a'],
    ['but not for one that would have too many then', ['a'], false, 'a'],
  ])('%s', (_, closed, evens, expected) => {
    const { put, request, place } = stage({ closed, evens });
    put();
    const { server, moved } = place(request());
    expect([server?.name, moved]).toEqual([expected, expected === 'b']);
  });

  test.each<[string, Changes, number]>([
    ['without a copy', {}, 0],
    ['while the store does not answer', { mayMove: false }, 1],
    ['with a stale view', { isStale: true }, 1],
  ])('but not %s', (_, changes, version) => {
    const { a, fleet, table, put, request, place } = stage(changes);
    put();
    if (version === 0) table.uncopy(key, now);
    fleet.setDrained(a, true, now);
    expect(place(request())).toMatchObject({ server: a, moved: false });
  });

  test('nor while another request of it runs', () => {
    const { a, claims, fleet, put, request, place } = stage();
    put();
    const other = request();
    place(other);
    fleet.setDrained(a, true, now);
    expect(place(request())).toMatchObject({ server: a, moved: false });
    claims.leave(other, now);
  });

  test('nor in an exchange that goes on without the store', () => {
    const { a, fleet, put, request, place } = stage();
    put();
    fleet.setDrained(a, true, now);
    const session = request();
    session.onStore('failed');
    expect(place(session)).toMatchObject({ server: a, moved: false });
  });
});

describe('an owner that fails', () => {
  test('for a time: a session without a copy goes to a substitute, and stays its own', () => {
    const { a, b, fleet, table, put, request, place } = stage({ action: 'temporary' });
    put();
    table.uncopy(key, now);
    fleet.setActive(a, false, now);
    const session = request();
    expect(place(session)).toMatchObject({ server: b, claimed: false });
    expect(session).toMatchObject({ substitute: true, isOffered: false, epoch: 1 });
  });

  test('reject: the fault is that of the pool', () => {
    const { a, fleet, put, request, place } = stage({ action: 'reject' });
    put();
    fleet.setActive(a, false, now);
    expect(place(request())).toMatchObject({ server: null, fault: balancerFaults.ownerDown, ownerFailed: true });
  });

  test('and its successor, too: the session returns to the owner that it had', () => {
    const { a, b, put, request, place } = stage();
    put();
    const session = request();
    expect(place(session, [a])).toMatchObject({ server: b, claimed: true });
    session.onStore('answered');
    expect(place(session, [b])).toMatchObject({ server: a, claimed: true });
    expect(session.epoch).toBe(3);
  });
});

test('a full owner loses the session with its copy where that is configured', () => {
  const { a, b, put, request, place } = stage({ whenOwnerFull: 'rebind' });
  put();
  a.enter();
  const session = request();
  expect(place(session)).toMatchObject({ server: b, moved: true, mustQueryStore: true });
});
