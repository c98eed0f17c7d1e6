import { describe, expect, test } from 'vitest';
import { affinity, named, now, startOwners, token } from '../../test/support/owners.ts';
import { LearnedId } from '../affinity/affinity.ts';
import { Entry, type SessionTable } from '../table/table.ts';
import { Session } from './session.ts';

describe('a claim', () => {
  const recordOf = (table: SessionTable) => {
    const entry = new Entry();
    table.find({ hi: 7, lo: 9 }, now, entry);
    return entry;
  };

  test('is taken back when the server takes no request, and then nothing has changed', () => {
    for (const kind of ['token', 'key'] as const) {
      const { a, b, counters, table, worker } = startOwners();
      const { owners, claims } = worker();
      const session = () => (kind === 'key' ? named() : token(a, 3));
      const learned = Object.assign(new LearnedId(), { state: 'named', sid0: 7, sid1: 9 });
      if (kind === 'key') owners.learn(learned, affinity, new Session(), a, now);
      const first = session();
      expect(owners.find(first, now)).toBe(a);
      const { epoch } = first;
      expect(claims.claim(first, b, now)).toBe(b);
      expect(first).toMatchObject({ epoch: epoch + 1, owner: b.id, counted: true, former: a.slot });
      expect(claims.leave(first, now)).toBeNull();
      expect(recordOf(table)).toMatchObject({ server: a.slot, epoch, former: 0, inflight: 0 });
      expect([table.count(1), table.count(2)]).toEqual([1, 0]);
      expect(counters.snapshot().rebinds).toBe(0);
      const later = session();
      expect(owners.find(later, now)).toBe(a);
      expect(later).toMatchObject({ epoch, binding: 'unchanged' });
    }
  });

  test('stands when the server has taken a request, and counts once', () => {
    const { a, b, counters, table, worker } = startOwners();
    const [one, two] = [worker(), worker()];
    const [first, second] = [token(a, 3), token(a, 3)];
    one.owners.find(first, now);
    one.claims.claim(first, b, now);
    // Another worker’s request follows, and is counted, so that the first one’s end takes nothing away from it.
    expect(two.owners.find(second, now)).toBe(b);
    expect(second).toMatchObject({ epoch: 4, counted: true, former: a.slot });
    one.claims.leave(first, now);
    expect(recordOf(table)).toMatchObject({ server: b.slot, epoch: 4, former: a.slot, inflight: 1 });
    two.claims.accept(second, b, now);
    two.claims.leave(second, now);
    expect(recordOf(table)).toMatchObject({ server: b.slot, epoch: 4, former: 0 });
    expect(second).toMatchObject({ epoch: 4, owner: b.id, binding: 'changed' });
    expect(counters.snapshot().rebinds).toBe(1);
  });

  test('goes on to the next server, and is taken back from there to where the session was', () => {
    const { a, b, table, worker } = startOwners();
    const { owners, claims } = worker();
    const session = token(a, 3);
    owners.find(session, now);
    claims.claim(session, b, now);
    claims.claim(session, a, now);
    claims.claim(session, b, now);
    expect(recordOf(table)).toMatchObject({ server: b.slot, epoch: 6, former: a.slot, inflight: 1 });
    claims.leave(session, now);
    expect(recordOf(table)).toMatchObject({ server: a.slot, epoch: 3, former: 0 });
  });

  test('of a server that answers after others have given it up is the one that counts', () => {
    const { a, b, table, worker } = startOwners();
    const { owners, claims } = worker();
    const [slow, quick] = [token(a, 3), token(a, 3)];
    owners.find(slow, now);
    claims.claim(slow, b, now);
    owners.find(quick, now);
    claims.claim(quick, a, now);
    claims.accept(slow, b, now);
    expect(slow).toMatchObject({ owner: b.id, epoch: 6 });
    claims.accept(quick, a, now);
    expect(quick).toMatchObject({ owner: b.id, epoch: 6, binding: 'changed' });
    claims.leave(slow, now);
    claims.leave(quick, now);
    expect(recordOf(table)).toMatchObject({ server: b.slot, epoch: 6, former: 0 });
  });

  test('of a name that nobody had leaves nothing behind when it is taken back', () => {
    const { a, counters, table, worker } = startOwners();
    const { owners, claims } = worker();
    const session = named();
    expect(owners.find(session, now)).toBeNull();
    expect(owners.assign(session, a, now)).toBe(a);
    claims.leave(session, now);
    expect(table.size).toBe(0);
    expect(owners.find(named(), now)).toBeNull();
    const again = named();
    owners.assign(again, a, now);
    claims.accept(again, a, now);
    claims.leave(again, now);
    expect(table.count(1)).toBe(1);
    expect(counters.snapshot().rebinds).toBe(0);
  });
});
