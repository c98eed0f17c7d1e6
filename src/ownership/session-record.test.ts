import { expect, test } from 'vitest';
import { affinity, now, startOwners } from '../../test/support/owners.ts';
import { sessionOf } from '../../test/support/session.ts';
import { SessionRecord } from './session-record.ts';

function stage(copies = true, owners = false) {
  const { table, fleet, a, b } = startOwners();
  const record = new SessionRecord(table, fleet, { copies, owners });
  const session = sessionOf({ affinity, recognised: true, sid0: 7, sid1: 9, sid2: 1, sid3: 2, epoch: 3, owner: a.id });
  return { record, session, table, a, b };
}

test('a session is recorded as its token has it, and a record that is there stays', () => {
  const { record, session, a, b } = stage();
  record.bindAsNamed(session, a.slot, now);
  record.bindAsNamed(session, b.slot, now);
  expect(record.entry).toMatchObject({ server: a.slot, epoch: 3 });
});

test('a session takes the owner of its record; one that has left the pool has no id', () => {
  const { record, session, table, b } = stage();
  record.bindAsNamed(session, b.slot, now);
  expect(record.apply(session)).toBe(b);
  expect(session).toMatchObject({ owner: b.id, epoch: 3, former: 0 });
  const other = sessionOf({ sid0: 8, sid1: 9, epoch: 2 });
  record.bindAsNamed(other, 200, now);
  expect(table.find(record.keyOf(other), now, record.entry)).toBe('live');
  expect(record.apply(other)).toBeUndefined();
  expect(other).toMatchObject({ owner: 0, epoch: 2 });
});

test('only a session with a whole id has copies, in a pool that keeps them', () => {
  const { record, session } = stage();
  expect(record.isCopied(session)).toBe(true);
  expect(record.isCopied(sessionOf({ sid0: 7, sid1: 9 }))).toBe(false);
  expect(stage(false).record.isCopied(session)).toBe(false);
});

test('whether the owner still has to be announced is a state of the session', () => {
  const { record, session } = stage();
  record.applyAnnounced(session, true);
  expect(session.storeState).toBe('must-announce');
  record.applyAnnounced(session);
  expect(session.storeState).toBe('not-asked');
});
