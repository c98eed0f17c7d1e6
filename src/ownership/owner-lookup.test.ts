import { describe, expect, test } from 'vitest';
import { affinity, named, now, sessionOf, startOwners, token } from '../../test/support/owners.ts';
import { LearnedId } from '../affinity/affinity.ts';
import { Server } from '../fleet/server.ts';
import { Entry } from '../table/table.ts';
import { Session } from './session.ts';

test('a token may name its owner by an id under a former key: the next one names it as present ones do', () => {
  const { a, b } = startOwners();
  const server = new Server(a, 101, a.slot, undefined, { tokenId: 201, formerIds: [301] });
  const { owners } = startOwners().worker([server, b]);
  for (const owner of [301, 101]) {
    const session = sessionOf({ owner, epoch: 1 });
    expect(owners.find(session, now)).toBe(server);
    expect(session).toMatchObject({ owner: 201, binding: 'unchanged' });
  }
});

describe('a session known by name', () => {
  test('is nobody’s at first; of two workers that settle it the first decides for both', () => {
    const { a, b, counters, table, worker } = startOwners();
    const [one, two] = [worker(), worker()];
    const [first, second] = [named(), named()];
    expect([one.owners.find(first, now), two.owners.find(second, now)]).toEqual([null, null]);
    expect(one.owners.assign(first, a, now)).toBe(a);
    expect(two.owners.assign(second, b, now)).toBe(a);
    expect([first.firstPlacement, second.firstPlacement]).toEqual([true, false]);
    expect(second).toMatchObject({ epoch: 1, owner: a.id, counted: true });
    expect([table.count(1), table.count(2)]).toEqual([1, 0]);
    expect(counters.snapshot().sessions_adopted).toBe(1);
  });

  test('does not go idle while an exchange runs, and does after it', () => {
    const { a, worker } = startOwners();
    const { owners, claims } = worker();
    const session = named();
    owners.assign(session, a, now);
    expect(owners.find(named(), now + 10_000)).toBe(a);
    const counted = named();
    owners.find(counted, now + 10_000);
    claims.leave(session, now + 10_000);
    claims.leave(session, now + 10_000);
    expect(owners.find(named(), now + 20_000)).toBe(a);
  });

  test('that the app has ended is recognised no more, and cannot be learned for a while', () => {
    const { a, table, worker } = startOwners();
    const { owners } = worker();
    owners.assign(named(), a, now);
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
    const { b, table, worker } = startOwners();
    const { owners } = worker();
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
    const { a, table, worker } = startOwners();
    const { owners } = worker();
    expect(owners.find(token(a, 3), now)).toBe(a);
    expect(table.count(1)).toBe(1);
    const entry = new Entry();
    table.find({ hi: 7, lo: 9 }, now, entry);
    expect(entry).toMatchObject({ server: 1, epoch: 3 });
  });

  test('of an older epoch than the table’s follows the table, and is told', () => {
    const { a, b, worker } = startOwners();
    const [one, two] = [worker(), worker()];
    const session = token(a, 1);
    expect(one.claims.claim(session, b, now)).toBe(b);
    expect(session).toMatchObject({ epoch: 2, owner: b.id, binding: 'changed' });
    const old = token(a, 1);
    expect(two.owners.find(old, now)).toBe(b);
    expect(old).toMatchObject({ epoch: 2, owner: b.id, binding: 'changed' });
  });

  test('of a newer epoch than the table’s is right, and the table learns it', () => {
    const { a, b, table, worker } = startOwners();
    const { owners } = worker();
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
      const { a, b, worker } = startOwners();
      const [one, two] = [worker(), worker()];
      if (known) one.owners.find(token(a, 1), now);
      const [first, second] = [token(a, 1), token(a, 1)];
      expect(one.claims.claim(first, b, now)).toBe(b);
      expect(two.claims.claim(second, a, now)).toBe(b);
      expect([first.epoch, second.epoch]).toEqual([2, 2]);
    }
  });

  test('whose owner is in the pool no more can be claimed by a server that is', () => {
    const { a, b, table, worker } = startOwners();
    worker().owners.find(token(a, 1), now);
    const { owners, claims } = worker([b]);
    const session = token(a, 1);
    expect(owners.find(session, now)).toBeUndefined();
    expect(claims.claim(session, b, now)).toBe(b);
    expect([table.count(1), table.count(2)]).toEqual([0, 1]);
  });
});

test('a fixed place is looked up nowhere', () => {
  const { b, table, worker } = startOwners();
  expect(worker().owners.find(sessionOf({ kind: 'fixed', owner: b.id, epoch: 0 }), now)).toBe(b);
  expect(table.size).toBe(0);
});
