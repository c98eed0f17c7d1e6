import { describe, expect, test } from 'vitest';
import {
  claim,
  idOf,
  keep,
  lookUp,
  putOf,
  seconds,
  sessionOf,
  startReplication,
} from '../../test/support/replication.ts';
import { until } from '../../test/support/until.ts';
import type { Server } from '../fleet/server.ts';
import type { Store } from '../store/store.ts';
import { pastEndSeconds, recentEndSeconds, type Session } from './session.ts';

describe('a new owner', () => {
  test('is announced by one worker and may be confirmed by any', async () => {
    const { worker, a, b, look, store } = startReplication();
    const [one, two] = [worker(), worker()];
    await keep(one.replicator, sessionOf(), a, putOf(4));
    const [first, second] = [
      sessionOf({ recognised: true, owner: a.id }),
      sessionOf({ recognised: true, owner: a.id }),
    ];
    expect(one.owners.find(first, seconds)).toBe(a);
    expect(one.claims.claim(first, b, seconds)).toBe(b);
    expect(first).toMatchObject({ epoch: 2, storeState: 'must-announce' });
    expect(two.owners.find(second, seconds)).toBe(b);
    expect(second).toMatchObject({ epoch: 2, storeState: 'must-announce', version: 4, binding: 'changed' });
    expect(await Promise.all([claim(two.replicator, second, b), claim(one.replicator, first, b)])).toEqual([
      true,
      true,
    ]);
    expect(look(first)).toEqual({ server: 2, epoch: 2, version: 4, claiming: false });
    const found = await store.read({ pool: 'shop', id: idOf(first) });
    expect(found).toMatchObject({ state: 'live', copy: { epoch: 2, owner: b.id, version: 4 } });
  });

  test('gets the state with the claim, as long as nothing newer was put', async () => {
    const { worker, a, b } = startReplication();
    const { replicator, owners, claims } = worker();
    await keep(replicator, sessionOf(), a, putOf(4));
    const sentCopy = async (session: Session, server: Server) => {
      owners.find(session, seconds);
      claims.claim(session, server, seconds);
      return new Promise<Session['sentCopy']>((done) =>
        replicator.queries.announce(session, server, (_, state) => done(state)),
      );
    };
    const line = (session: Session, server: Server) => {
      const { bytes, length } = replicator.writeHeader(session, server);
      return bytes.toString('latin1', 0, length);
    };
    const session = sessionOf({ recognised: true, owner: a.id });
    session.sentCopy = await sentCopy(session, b);
    expect(session.sentCopy).toMatchObject({ epoch: 2, version: 4 });
    owners.find(session, seconds);
    expect(line(session, b)).toMatch(/; version=4; .*; ttl=60; data=djQ\r\n$/);
    // Another exchange was there first.
    await keep(replicator, sessionOf({ recognised: true, owner: b.id, epoch: 2 }), b, putOf(5, 2));
    expect(line(session, b)).not.toContain('data=');
    const large = { put: { epoch: 2, version: 6, ttl: 60, by: 'p', data: Buffer.alloc(4000) }, ended: 0, rotate: '' };
    await keep(replicator, sessionOf({ recognised: true, owner: b.id, epoch: 2 }), b, large);
    expect(await sentCopy(sessionOf({ recognised: true, owner: b.id, epoch: 2 }), a)).toBe(null);
  });

  test('is whom the store says when another balancer was faster', async () => {
    const { worker, a, b, look, store } = startReplication();
    const { replicator, owners, claims } = worker();
    await keep(replicator, sessionOf(), a, putOf(1));
    await store.claim({ pool: 'shop', id: idOf(sessionOf()) }, 1, a.id, 60_000);
    const session = sessionOf({ recognised: true, owner: a.id });
    owners.find(session, seconds);
    claims.claim(session, b, seconds);
    expect(await claim(replicator, session, b)).toBe(true);
    expect(look(session)).toMatchObject({ server: 1, epoch: 2, claiming: false });
    // One that this config does not have: the next request makes another owner.
    await store.claim({ pool: 'shop', id: idOf(session) }, 2, 999, 60_000);
    owners.find(session, seconds);
    claims.claim(session, b, seconds);
    await claim(replicator, session, b);
    expect(owners.find(session, seconds)).toBeUndefined();
    expect(claims.claim(session, b, seconds)).toBe(b);
    expect(session).toMatchObject({ epoch: 4, storeState: 'must-announce' });
    await claim(replicator, session, b);
    expect(look(session)).toMatchObject({ server: 2, epoch: 4, claiming: false });
  });

  test('has taken no request: the session goes back to where the store says that it was', async () => {
    const { worker, a, b, look, store } = startReplication();
    const { replicator, owners, claims } = worker();
    await keep(replicator, sessionOf(), a, putOf(1));
    const session = sessionOf({ recognised: true, owner: a.id });
    owners.find(session, seconds);
    claims.claim(session, b, seconds);
    await claim(replicator, session, b);
    expect(claims.leave(session, seconds)).toBe(a);
    const asked = store.claim.bind(store);
    const steps: unknown[] = [];
    const claimed: Store['claim'] = (key, epoch, owner, ttl, details) => {
      steps.push([epoch, owner, details]);
      return asked(key, epoch, b.storeId, ttl);
    };
    Object.assign(store, { claim: claimed });
    replicator.queries.giveBack(session, a);
    await until('the store has answered', () => Object(look(session)).claiming === false);
    expect(steps).toEqual([[2, a.storeId, { step: 'return' }]]);
    expect(look(session)).toMatchObject({ server: b.slot, epoch: 3 });
    replicator.queries.accept(session, b);
    expect(steps.at(-1)).toEqual([2, b.storeId, { step: 'accept' }]);
  });

  test('of a session that has ended is nobody', async () => {
    const { worker, a, b, look, store } = startReplication();
    const { replicator, owners, claims } = worker();
    await keep(replicator, sessionOf(), a, putOf(1));
    await store.destroy({ pool: 'shop', id: idOf(sessionOf()) }, 1);
    const session = sessionOf({ recognised: true, owner: a.id });
    owners.find(session, seconds);
    claims.claim(session, b, seconds);
    await claim(replicator, session, b);
    expect(look(session)).toBe('ended');
    expect(owners.find(session, seconds)).toBeNull();
    expect(session.recognition.recognised).toBe(false);
  });

  test('gets a session that lives elsewhere only when nothing else of it runs', async () => {
    const { worker, a, b } = startReplication();
    const { replicator, owners, claims } = worker();
    await keep(replicator, sessionOf(), a, putOf(1));
    const [first, second] = [
      sessionOf({ recognised: true, owner: a.id }),
      sessionOf({ recognised: true, owner: a.id }),
    ];
    owners.find(first, seconds);
    owners.find(second, seconds);
    expect(claims.move(second, b, seconds)).toBeNull();
    claims.leave(first, seconds);
    expect(claims.move(second, b, seconds)).toBe(b);
    expect(second).toMatchObject({ epoch: 2, storeState: 'must-announce' });
  });
});

describe('a session that the table does not know', () => {
  test('is what the store says: owner, epoch and version', async () => {
    const { worker, a, b, look, store } = startReplication();
    const { replicator, owners } = worker();
    const key = { pool: 'shop', id: idOf(sessionOf()) };
    await store.put(key, { owner: a.id, epoch: 1, version: 3, by: 'p', data: Buffer.from('x'), ttl: 60_000 });
    await store.claim(key, 1, b.id, 60_000);
    const session = sessionOf({ recognised: true, owner: a.id });
    owners.find(session, seconds);
    expect(session.storeState).toBe('must-query');
    expect(await lookUp(replicator, session)).toBe(true);
    expect(look(session)).toEqual({ server: 2, epoch: 2, version: 3, claiming: false });
    expect(owners.find(session, seconds)).toBe(b);
    expect(session).toMatchObject({ storeState: 'not-asked', epoch: 2, version: 3, binding: 'changed' });
  });

  test('lives where its token says when the store knows less, or nothing', async () => {
    const { worker, a, b, look, store } = startReplication();
    const { replicator } = worker();
    await lookUp(replicator, sessionOf({ recognised: true, owner: a.id }));
    expect(look(sessionOf())).toEqual({ server: 1, epoch: 1, version: 0, claiming: false });
    const other = sessionOf({ recognised: true, owner: b.id, epoch: 5, sid0: 70 });
    const key = { pool: 'shop', id: idOf(other) };
    await store.put(key, { owner: a.id, epoch: 4, version: 3, by: 'p', data: Buffer.from('x'), ttl: 60_000 });
    await lookUp(replicator, other);
    expect(look(other)).toEqual({ server: 2, epoch: 5, version: 0, claiming: false });
  });

  test('is over when the store says so; and nothing is known when it says nothing', async () => {
    const { worker, a, look, store } = startReplication();
    const { replicator } = worker();
    const session = sessionOf({ recognised: true, owner: a.id });
    await store.destroy({ pool: 'shop', id: idOf(session) }, 1);
    expect(await lookUp(replicator, session)).toBe(true);
    expect(look(session)).toBe('ended');
    const broken = startReplication({}, true);
    expect(await lookUp(broken.worker().replicator, session)).toBe(false);
    expect(broken.look(session)).toBe('none');
  });

  test('begins no new session when it has ended elsewhere while this request ran', () => {
    const { worker, a, table } = startReplication();
    const { owners } = worker();
    const session = sessionOf({ recognised: true, owner: a.id });
    owners.assign(session, a, seconds);
    expect(owners.find(session, seconds)).toBe(a);
    const { sid0: hi, sid1: lo } = session.recognition;
    // As another balancer tells it: whoever comes from now on may begin anew.
    table.bury({ hi, lo }, seconds, seconds - pastEndSeconds);
    const next = sessionOf({ recognised: true, owner: a.id });
    expect([owners.find(session, seconds), owners.find(next, seconds)]).toEqual([null, null]);
    expect([session.endedRecently, next.endedRecently]).toEqual([true, false]);
  });

  test.each([
    [0, 'rotated', true],
    [recentEndSeconds * 1000 - 1, 'rotated', true],
    [recentEndSeconds * 1000 + 1000, 'ended', false],
  ] as const)('begins no new session when it got another id %i ms ago: %s', async (rotatedAgoMs, outcome, isRecent) => {
    const { worker, a, store } = startReplication();
    const { replicator, owners } = worker();
    Object.assign(store, { read: async () => ({ state: 'ended', rotatedAgoMs }) });
    const session = sessionOf({ recognised: true, owner: a.id });
    expect(await new Promise((done) => replicator.queries.query(session, done))).toBe(outcome);
    // Whoever comes next with the old id finds the end in the table.
    const next = sessionOf({ recognised: true, owner: a.id });
    expect(owners.find(next, seconds)).toBeNull();
    expect(next.endedRecently).toBe(isRecent);
  });
});
