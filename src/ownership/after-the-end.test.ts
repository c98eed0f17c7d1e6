/** What the old cookie of a session means after its end: at each moment a stranger, who gets a new session. */
import { expect, test } from 'vitest';
import { sessionOf } from '../../test/support/session.ts';
import type { Affinity } from '../affinity/affinity.ts';
import { noSessionEvents } from '../events/session-events.ts';
import { Fleet } from '../fleet/fleet.ts';
import { Load } from '../fleet/load.ts';
import { Server } from '../fleet/server.ts';
import type { SessionCommand } from '../http/session-headers.ts';
import { Counters } from '../metrics/counters.ts';
import { MemoryStore } from '../store/memory.ts';
import { silentEviction } from '../store/store.ts';
import { sweep } from '../table/expiry.ts';
import { SessionTable } from '../table/table.ts';
import { OwnerClaims } from './owner-claims.ts';
import { OwnerLookup } from './owner-lookup.ts';
import { Replicator } from './replicator.ts';
import { RotationProofs } from './rotation-proof.ts';
import { recentEndSeconds, type Session } from './session.ts';
import { SessionRecord } from './session-record.ts';

const begin = 1_800_000_000;
const affinity = { name: 'cookie', lifetime: 1 } as Affinity;

function stage(tombstoneTime = 60) {
  let seconds = begin;
  const now = () => seconds;
  const table = SessionTable.create({ capacity: 1000, tombstoneTime });
  const memory = { tombstoneTime: 24 * 3_600_000, stateBytes: 5000, maxBytes: 2 ** 20, eviction: silentEviction };
  const store = new MemoryStore(memory, () => seconds * 1000);
  const load = new Load(Load.create(4, 1), 4, 0);
  const address = { kind: 'tcp', host: '127.0.0.1', port: 1 } as const;
  const server = new Server({ name: 'a', address, weight: 1, maxRequests: 0 }, 101, 1, load);
  const fleet = new Fleet([server], { panicThreshold: 0, slowStart: 0 }, load, 3);
  const settings = {
    replication: 'sync',
    degrade: false,
    timeoutMs: 1000,
    maxLag: 2,
    secret: '',
    claimTtlMs: 60_000,
  } as const;
  const counters = new Counters();
  const proofs = new RotationProofs([Buffer.alloc(32, 'k')], 'shop');
  const parts = {
    store,
    table,
    fleet,
    counters,
    newKeys: null,
    events: noSessionEvents,
    proofs,
    storeUrlOf: String,
    now,
    wall: now,
  };
  const replicator = new Replicator({ pool: 'shop', ...settings }, parts);
  const record = new SessionRecord(table, fleet, { copies: true, owners: false });
  const owners = new OwnerLookup(record, counters);
  const claims = new OwnerClaims(record, counters);
  const session = (): Session => {
    const words = { affinity, sid0: 7, sid1: 8, sid2: 9, sid3: 10, epoch: 1, owner: server.id };
    return sessionOf({ ...words, kind: 'token', recognised: true });
  };
  const say = (command: Partial<SessionCommand>): Promise<string> =>
    new Promise((done) => {
      const outcome = replicator.responses.keep(
        session(),
        server,
        { put: null, ended: 0, rotate: '', ...command },
        done,
      );
      if (outcome !== null) done(outcome);
    });
  /** As an exchange does: the table, and when that does not know the session the store, and then the table again. */
  const visit = async (): Promise<{ readonly session: Session; readonly nobodys: boolean }> => {
    const visitor = session();
    let owner = owners.find(visitor, now());
    for (let asked = 0; visitor.storeState === 'must-query' && asked < 2; asked++) {
      const answered = await new Promise((done) => replicator.queries.query(visitor, done));
      visitor.onStore(answered === 'ended' ? 'answered-ended' : 'answered');
      owner = owners.find(visitor, now());
    }
    claims.leave(visitor, now());
    return { session: visitor, nobodys: owner === null };
  };
  const at = (after: number, swept: boolean): void => {
    seconds = begin + after;
    if (swept) sweep(table, 100_000, seconds);
  };
  return { say, visit, at };
}

test.each([
  ['sign-out', true],
  ['sign-out', false],
  ['rotation', true],
  ['rotation', false],
] as const)("after a %s the old cookie is a stranger's, at every second (swept: %s)", async (what, swept) => {
  const { say, visit, at } = stage();
  const put = { epoch: 1, version: 1, ttl: 3600, by: 'p', data: Buffer.from('state') };
  expect(await say({ put })).toBe('kept');
  expect((await visit()).nobodys).toBe(false);
  const rotate = 'ab'.repeat(16);
  expect(await say(what === 'sign-out' ? { ended: 1 } : { put: { ...put, version: 2 }, rotate })).toBe('kept');
  for (let after = 0; after < 300; after++) {
    at(after, swept);
    const { session, nobodys } = await visit();
    expect([after, nobodys, session.recognition.recognised]).toEqual([after, true, false]);
    // Only what may have been under way when it ended is kept from beginning a session.
    expect([after, session.endedRecently]).toEqual([after, after < recentEndSeconds]);
  }
});

test('one who comes for the first time long after the end is a stranger, too', async () => {
  for (const after of [59, 60, 61, 120, 3600, 24 * 3600 - 1]) {
    const { say, visit, at } = stage();
    await say({ put: { epoch: 1, version: 1, ttl: 3600, by: 'p', data: Buffer.from('state') } });
    await say({ ended: 1 });
    at(after, false);
    const { session, nobodys } = await visit();
    expect([after, nobodys, session.recognition.recognised, session.endedRecently]).toEqual([
      after,
      true,
      false,
      false,
    ]);
  }
});

test('one whose end the table cannot keep is a stranger by the word of the store alone', async () => {
  // What the store says is dated so far back that the tombstone is over at once.
  const { say, visit, at } = stage(recentEndSeconds);
  await say({ put: { epoch: 1, version: 1, ttl: 3600, by: 'p', data: Buffer.from('state') } });
  await say({ ended: 1 });
  for (const after of [recentEndSeconds, recentEndSeconds + 1, 3600]) {
    at(after, false);
    const { session, nobodys } = await visit();
    expect([after, nobodys, session.recognition.recognised, session.endedRecently]).toEqual([
      after,
      true,
      false,
      false,
    ]);
  }
});
