import { describe, expect, test } from 'vitest';
import { sessionOf } from '../../test/support/session.ts';
import { createWorkerContext } from '../../test/support/worker-context.ts';
import type { Recognition } from '../affinity/affinity.ts';
import { balancerFaults } from '../errors.ts';
import { Fleet } from '../fleet/fleet.ts';
import { Load } from '../fleet/load.ts';
import { Server } from '../fleet/server.ts';
import { ConfigVersion } from '../shared/config-version.ts';
import { SessionTable } from '../table/table.ts';
import { Placement } from './placement.ts';
import { Pool, type PoolParts, type PoolSettings } from './pool.ts';

const now = 1000;

/** Two servers with room for one request each; the first is full. */
function stage(whenOwnerFull: PoolSettings['whenOwnerFull'], secondFull = false) {
  const load = new Load(Load.create(4, 1), 4, 0);
  const [a, b] = ['a', 'b'].map((name, i) => {
    const address = { kind: 'tcp', host: '127.0.0.1', port: i + 1 } as const;
    return new Server({ name, address, weight: 1, maxRequests: 1 }, i + 11, i + 1, load);
  }) as [Server, Server];
  const fleet = new Fleet([a, b], { panicThreshold: 0, slowStart: 0 }, load, 3);
  const withRoom = () => [a, b].find((server) => server.hasRoom);
  const configVersion = new ConfigVersion(ConfigVersion.create());
  const parts: PoolParts = {
    fleet,
    affinities: [],
    whenOwnerFails: [],
    copies: null,
    sharedOwners: null,
    shouldRebalance: () => null,
    evensOut: () => false,
    table: SessionTable.create({ capacity: 1000 }),
    choose: withRoom,
    chooseNewOwner: withRoom,
    chooseSubstitute: withRoom,
    chooseForKey: withRoom,
    lacksRoom: () => true,
    hashOwner: () => a,
    health: null,
    misframed() {},
    tlsFailed() {},
    drainAsked() {},
    announceRoom() {},
    configVersion,
    random: () => 0,
  };
  const settings = { whenOwnerFull, whenOwnerFails: { action: 'rebind' }, queue: { max: 1 } } as PoolSettings;
  const pool = new Pool(createWorkerContext(), settings, parts, () => ({ cancel() {} }));
  pool.take(a);
  if (secondFull) pool.take(b);
  const place = (change: Partial<Recognition>, tried: readonly Server[] | null = null) => {
    const session = sessionOf({ recognised: true, owner: a.id, sid0: 7, epoch: 3, ...change });
    const placement = new Placement();
    placement.find(pool, session, tried, now);
    const { server, fault, claimed, viewIsStale } = placement;
    return { session, server, fault, claimed, viewIsStale };
  };
  return { a, b, fleet, configVersion, pool, place };
}

describe('a full owner', () => {
  test('is waited for', () => {
    const { a, place } = stage('queue');
    expect(place({})).toMatchObject({ server: a, fault: null, claimed: false, session: { owner: a.id, epoch: 3 } });
  });

  test('loses the session to a server with room, and requests with the old token follow', () => {
    const { b, pool, place } = stage('rebind');
    expect(place({})).toMatchObject({
      server: b,
      claimed: true,
      session: { owner: b.id, epoch: 4, binding: 'changed' },
    });
    pool.take(b);
    expect(place({})).toMatchObject({ server: b, claimed: false, session: { owner: b.id, epoch: 4 } });
  });

  test('is waited for when nobody has room', () => {
    const { a, place } = stage('rebind', true);
    expect(place({})).toMatchObject({ server: a, claimed: false, session: { owner: a.id, epoch: 3 } });
  });

  test('of a place that is fixed, or comes from a hash, is passed by and stays the owner', () => {
    const { a, b, place } = stage('rebind');
    for (const { owner, kind } of [{ owner: a.id, kind: 'fixed' } as const, { owner: 0, kind: 'hash' } as const]) {
      const session = { owner, epoch: 0 };
      expect(place({ kind, ...session })).toMatchObject({ server: b, claimed: false, session });
    }
  });

  test('refuses', () => {
    const { place } = stage('reject');
    expect(place({})).toMatchObject({ server: null, fault: balancerFaults.ownerFull, claimed: false });
  });
});

test('an owner with room has its session, whatever is to happen when it is full', () => {
  for (const whenOwnerFull of ['queue', 'rebind', 'reject'] as const) {
    const { b, place } = stage(whenOwnerFull);
    expect(place({ owner: b.id })).toMatchObject({ server: b, fault: null, claimed: false });
  }
});

describe('a worker whose view is stale', () => {
  test('takes no session from an owner that seems lost, and does when its view is current', () => {
    const { a, b, fleet, configVersion, place } = stage('queue');
    fleet.setActive(a, false, now);
    configVersion.publish('health');
    const still = { viewIsStale: true, server: null, fault: null, claimed: false };
    expect(place({})).toMatchObject({ ...still, session: { owner: a.id, epoch: 3, binding: 'unchanged' } });
    // A server that this worker does not know at all.
    expect(place({ owner: 999, sid0: 8 })).toMatchObject({ ...still, session: { owner: 999, epoch: 3 } });
    configVersion.apply(configVersion.versions);
    expect(place({})).toMatchObject({
      viewIsStale: false,
      server: b,
      claimed: true,
      session: { owner: b.id, epoch: 4 },
    });
  });

  test('goes by what it has seen itself', () => {
    const { a, b, configVersion, place } = stage('queue');
    configVersion.publish('health');
    expect(place({}, [a])).toMatchObject({ viewIsStale: false, server: b, claimed: true });
  });

  test('goes on serving those whose owner is well', () => {
    const { b, configVersion, place } = stage('queue');
    configVersion.publish('configs');
    expect(place({ owner: b.id })).toMatchObject({ viewIsStale: false, server: b });
  });
});
