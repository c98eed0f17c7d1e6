import { describe, expect, test } from 'vitest';
import { idOf, lookUp, nothing, putOf, seconds, sessionOf, startReplication } from '../../test/support/replication.ts';
import { anyEpoch } from '../store/store.ts';
import { refOf } from './session-ref.ts';
import { TableUpdates } from './table-updates.ts';

function stage() {
  const around = startReplication();
  const { table, fleet, counters, events } = around;
  const updates = new TableUpdates({ table, fleet, counters, events, now: () => seconds });
  const session = sessionOf({ recognised: true, owner: around.a.id });
  return { ...around, updates, session, ref: refOf('shop', session) };
}

describe('an end of which the client was not told', () => {
  test.each([-1, 0, 1])('is no recent one for a worker whose clock is %i seconds ahead', (ahead) => {
    for (const how of ['noteEnded', 'applyCommand'] as const) {
      const { a, updates, ref, session, worker } = stage();
      if (how === 'noteEnded') updates.noteEnded(ref);
      else updates.applyCommand(ref, a, { ...nothing, ended: anyEpoch }, null);
      expect(worker().owners.find(session, seconds + ahead)).toBeNull();
      expect(session).toMatchObject({ endedRecently: false, recognition: { recognised: false } });
    }
  });

  test('which it was, is', () => {
    const { a, updates, ref, session, worker } = stage();
    updates.applyCommand(ref, a, { ...nothing, ended: 1 }, null);
    expect(worker().owners.find(session, seconds)).toBeNull();
    expect(session.endedRecently).toBe(true);
  });
});

test('a server was given an epoch that the table knows it by, and every epoch that the session is beyond', () => {
  const { a, b, updates, ref } = stage();
  expect(updates.hasBeenGiven(ref, a, 1)).toBeNull();
  updates.applyOwner(ref, 3, b.id);
  expect([2, 3, 4].map((epoch) => updates.hasBeenGiven(ref, b, epoch))).toEqual([true, true, null]);
  expect([2, 3].map((epoch) => updates.hasBeenGiven(ref, a, epoch))).toEqual([true, false]);
});

test('an id is unused as long as the table knows nothing of it', () => {
  const { a, updates, ref, session } = stage();
  expect(updates.isUnusedId(idOf(session))).toBe(true);
  updates.applyCommand(ref, a, putOf(1), 1);
  expect([updates.isUnusedId(idOf(session)), updates.isUnusedId('')]).toEqual([false, true]);
});

test('what the store has lost is in doubt: the next exchange asks', async () => {
  const { a, updates, ref, session, worker, counters } = stage();
  updates.applyCommand(ref, a, putOf(1), 1);
  updates.noteLost(ref);
  const { owners, replicator } = worker();
  owners.find(session, seconds);
  expect(session.storeState).toBe('must-query');
  expect(counters.snapshot().copies_lost).toBe(1);
  await lookUp(replicator, session);
  expect(owners.find(session, seconds)).toBe(a);
});
