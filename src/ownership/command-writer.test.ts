import { describe, expect, test } from 'vitest';
import { idOf, nothing, putOf, seconds, sessionOf, startReplication } from '../../test/support/replication.ts';
import type { SessionCommand } from '../http/session-headers.ts';
import { type Store, StoreError } from '../store/store.ts';
import { CommandWriter } from './command-writer.ts';
import { refOf } from './session-ref.ts';
import { StoreAccess } from './store-access.ts';
import { TableUpdates } from './table-updates.ts';

function stage() {
  const around = startReplication();
  const { store, table, fleet, counters, events } = around;
  const updates = new TableUpdates({ table, fleet, counters, events, now: () => seconds });
  const session = sessionOf();
  const key = { pool: 'shop', id: idOf(session) };
  return {
    ...around,
    session,
    key,
    ref: refOf('shop', session),
    writer: new CommandWriter(new StoreAccess(store), updates, counters, events),
  };
}

test('a put is in the store, then in the table', async () => {
  const { writer, ref, key, a, session, store, look, counters } = stage();
  expect(await writer.write(ref, a, putOf(2))).toEqual({ outcome: 'kept', epoch: 0 });
  expect(await store.read(key)).toMatchObject({ state: 'live', copy: { owner: a.id, version: 2 } });
  expect(look(session)).toMatchObject({ server: a.slot, version: 2 });
  expect(counters.snapshot().copies_stored).toBe(1);
});

test('a put of a version that the store has already is kept, and renews its time', async () => {
  const { writer, ref, key, a, store, counters } = stage();
  await writer.write(ref, a, putOf(2));
  const touched: unknown[] = [];
  Object.assign(store, { touch: (...args: unknown[]) => Promise.resolve(touched.push(args)) });
  expect((await writer.write(ref, a, putOf(1))).outcome).toBe('kept');
  expect(touched).toEqual([[key, 1, 60_000]]);
  expect(counters.snapshot().copies_superseded).toBe(1);
});

test.each<[string, SessionCommand, object]>([
  ['a put', putOf(6), { version: 0 }],
  ['an end', { ...nothing, ended: 1 }, { version: 5 }],
])('%s that fails leaves in the table what is certain', async (_, command, left) => {
  const { writer, ref, a, session, store, look, counters } = stage();
  await writer.write(ref, a, putOf(5));
  const down = () => Promise.reject(new StoreError('unavailable', 'down'));
  Object.assign(store, { put: down, destroy: down } satisfies Partial<Store>);
  expect((await writer.write(ref, a, command)).outcome).toBe('failed');
  expect(look(session)).toMatchObject(left);
  expect(counters.snapshot().copies_failed).toBe(1);
});

test('what has ended ends once more, and takes no put', async () => {
  const { writer, ref, a, session, look, reported } = stage();
  await writer.write(ref, a, putOf(1));
  await writer.write(ref, a, { ...nothing, ended: 1 });
  expect((await writer.write(ref, a, { ...nothing, ended: 1 })).outcome).toBe('kept');
  expect((await writer.write(ref, a, putOf(1))).outcome).toBe('ended');
  expect(look(session)).toBe('ended');
  const tag = session.recognition.sid3;
  expect(reported).toEqual([`ended ${tag} s1: the app has ended it`, `fenced ${tag} s1: the session has ended`]);
});

describe('an epoch that the table does not have', () => {
  test('is right when the store has it for that server, or a later one', async () => {
    const { writer, ref, key, a, b, session, store, reported } = stage();
    await writer.write(ref, a, putOf(1));
    await store.claim(key, 1, b.id, 60_000);
    expect((await writer.writeIfGiven(ref, b, putOf(2, 2))).outcome).toBe('kept');
    expect((await writer.writeIfGiven(ref, a, putOf(3, 2))).outcome).toBe('refused');
    expect((await writer.writeIfGiven(ref, b, putOf(3, 3))).outcome).toBe('refused');
    expect(await writer.writeIfGiven(ref, a, putOf(3, 1))).toEqual({ outcome: 'fenced', epoch: 2 });
    expect(reported).toEqual([`fenced ${session.recognition.sid3} s1: another server has the session`]);
  });

  test('of a session that nobody has can only be the first, but every end is taken', async () => {
    const { writer, a, ref } = stage();
    expect((await writer.writeIfGiven(ref, a, putOf(1, 2))).outcome).toBe('refused');
    expect((await writer.writeIfGiven(ref, a, { ...nothing, ended: 7 })).outcome).toBe('kept');
    expect((await stage().writer.writeIfGiven(ref, a, putOf(1, 1))).outcome).toBe('kept');
  });

  test('is not known while the store is down', async () => {
    const { writer, ref, a, store } = stage();
    Object.assign(store, { read: () => Promise.reject(new StoreError('unavailable', 'down')) });
    expect((await writer.writeIfGiven(ref, a, putOf(1, 2))).outcome).toBe('failed');
  });
});
