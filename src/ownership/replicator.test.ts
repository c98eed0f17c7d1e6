import { describe, expect, test } from 'vitest';
import { sessionOf as anySession } from '../../test/support/session.ts';
import type { Affinity, Recognition } from '../affinity/affinity.ts';
import { Fleet } from '../fleet/fleet.ts';
import { Load } from '../fleet/load.ts';
import { Server } from '../fleet/server.ts';
import type { SessionWord } from '../http/session-headers.ts';
import { Counters } from '../metrics/counters.ts';
import { MemoryStore } from '../store/memory.ts';
import { type Store, StoreError, silentEviction } from '../store/store.ts';
import { Entry, SessionTable } from '../table/table.ts';
import { OwnerLookup } from './owner-lookup.ts';
import { Replicator, type ReplicatorSettings, type Verdict } from './replicator.ts';
import { RotationProofs } from './rotation-proof.ts';
import { Session } from './session.ts';
import { idOf as idOfWords } from './session-header.ts';

const seconds = 1_800_000_000;
const affinity = { name: 'cookie', lifetime: 1 } as Affinity;
const nothing: SessionWord = { put: null, ended: 0, rotate: '' };

/** Two servers, and as many workers as wanted over one table and one store. */
function stage(change: Partial<ReplicatorSettings> = {}, failing = false) {
  const table = SessionTable.create({ capacity: 1000 });
  table.setLifetime(1, { idle: 600, absolute: 0 });
  const store = new MemoryStore(
    { tombstoneTime: 1000, stateBytes: 5000, maxBytes: 2 ** 20, eviction: silentEviction },
    () => seconds * 1000,
  );
  const broken = () => Promise.reject(new StoreError('unavailable', 'down'));
  const counters = new Counters();
  const load = new Load(Load.create(4, 1), 4, 0);
  const [a, b] = [1, 2].map((slot) => {
    const address = { kind: 'tcp', host: '127.0.0.1', port: slot } as const;
    return new Server({ name: `s${slot}`, address, weight: 1, maxRequests: 0 }, slot + 100, slot, load);
  }) as [Server, Server];
  const fleet = new Fleet([a, b], { panicThreshold: 0, slowStart: 0 }, load, 3);
  const settings: ReplicatorSettings = {
    pool: 'shop',
    replication: 'sync',
    degrade: false,
    timeout: 1000,
    lag: 2,
    secret: '',
    claimTime: 60_000,
    ...change,
  };
  const used: Store = failing
    ? Object.assign(store, { put: broken, claim: broken, read: broken, destroy: broken })
    : store;
  const proofs = new RotationProofs([Buffer.alloc(32, 'k')], 'shop');
  const parts = {
    store: used,
    table,
    fleet,
    counters,
    proofs,
    storeOf: String,
    now: () => seconds,
    wall: () => seconds,
  };
  const worker = () => ({
    copies: new Replicator(settings, parts),
    owners: new OwnerLookup(table, fleet, counters, true),
  });
  const out = new Entry();
  const look = (session: Session) => {
    const { sid0, sid1 } = session.recognition;
    const state = table.find({ hi: sid0, lo: sid1 }, seconds, out);
    return state === 'live'
      ? { server: out.server, epoch: out.epoch, version: out.version, claiming: out.claiming }
      : state;
  };
  return { table, store, counters, a, b, fleet, worker, look };
}

function sessionOf(change: Partial<Recognition> = {}): Session {
  return anySession({ affinity, sid0: 7, sid1: 8, sid2: 9, sid3: 10, epoch: 1, ...change });
}

const idOf = ({ recognition }: Session): string => idOfWords(recognition);

const putOf = (version: number, epoch = 1, rotate = ''): SessionWord => ({
  put: { epoch, version, ttl: 60, by: 'p', data: Buffer.from(`v${version}`) },
  ended: 0,
  rotate,
});

const keep = (copies: Replicator, session: Session, server: Server, word: SessionWord) =>
  new Promise<Verdict>((done) => {
    const verdict = copies.keep(session, server, word, done);
    if (verdict !== null) done(verdict);
  });
const claim = (copies: Replicator, session: Session, server: Server) =>
  new Promise<boolean>((done) => copies.claim(session, server, (answered) => done(answered === 'known')));
const lookUp = (copies: Replicator, session: Session) =>
  new Promise<boolean>((done) =>
    copies.look(session, (answered) => done(answered === 'known' || answered === 'ended')),
  );

describe('what a server puts', () => {
  test('begins the session: the table knows it, and the client is to be told', async () => {
    const { worker, a, look } = stage();
    const { copies } = worker();
    const session = sessionOf();
    expect(await keep(copies, session, a, putOf(1))).toBe('kept');
    copies.apply(session, putOf(1));
    expect(look(session)).toEqual({ server: 1, epoch: 1, version: 1, claiming: false });
    expect(session).toMatchObject({ binding: 'must-bind', version: 1 });
  });

  test('of a former owner is fenced, and the table learns who has it now', async () => {
    const { worker, a, b, look, store } = stage();
    const { copies } = worker();
    const session = sessionOf();
    await keep(copies, session, a, putOf(1));
    // Another balancer has made b the owner.
    await store.claim({ pool: 'shop', id: idOf(session) }, 1, b.id, 60_000);
    expect(await keep(copies, session, a, putOf(2))).toBe('fenced');
    expect(look(session)).toEqual({ server: 2, epoch: 2, version: 1, claiming: false });
  });

  test('after its end changes nothing, and the end itself ends', async () => {
    const { worker, a, look } = stage();
    const { copies } = worker();
    const session = sessionOf();
    await keep(copies, session, a, putOf(1));
    expect(await keep(copies, session, a, { ...nothing, ended: 1 })).toBe('kept');
    expect(look(session)).toBe('ended');
    expect(await keep(copies, session, a, putOf(2))).toBe('fenced');
    expect(look(session)).toBe('ended');
  });

  test('goes on under another id, and only under one that nobody has', async () => {
    const { worker, a, look } = stage();
    const { copies } = worker();
    const session = sessionOf({ recognised: true });
    await keep(copies, session, a, putOf(1));
    const to = '0000000100000002000000030000000a';
    expect(await keep(copies, session, a, putOf(2, 1, to))).toBe('kept');
    expect(look(session)).toBe('ended');
    copies.apply(session, putOf(2, 1, to));
    expect(session).toMatchObject({ recognition: { sid0: 1, sid1: 2, sid2: 3, sid3: 10 }, binding: 'must-bind' });
    expect(look(session)).toEqual({ server: 1, epoch: 1, version: 2, claiming: false });
    expect(await keep(copies, session, a, putOf(3, 1, to))).toBe('refused');
    expect(await keep(copies, sessionOf({ kind: 'key' }), a, putOf(1, 1, to))).toBe('refused');
    expect(await keep(copies, session, a, { ...nothing, rotate: 'ab'.repeat(16) })).toBe('refused');
    const proof = copies.proofOf(a, 'ff'.repeat(16), to);
    expect(await keep(copies, session, a, { ...nothing, rotate: to })).toBe('refused');
    expect(await keep(copies, session, a, { ...nothing, rotate: to, proof })).toBe('refused');
  });

  test('through the store interface goes on under another id, and the response has to prove that', async () => {
    const { worker, a, b } = stage();
    const { copies } = worker();
    const [session, other] = [sessionOf(), sessionOf({ sid0: 5 })];
    for (const one of [session, other]) await keep(copies, one, a, putOf(1));
    const to = '0000000100000002000000030000000a';
    expect(await copies.tell(idOf(session), 1, a, putOf(2, 1, to))).toMatchObject({ verdict: 'kept' });
    const proof = copies.proofOf(a, idOf(session), to);
    const follow = (of: Session, server: Server, shown: string) =>
      keep(copies, of, server, { ...nothing, rotate: to, proof: shown });
    expect(await follow(session, a, '')).toBe('refused');
    expect(await follow(session, a, proof.slice(1))).toBe('refused');
    expect(await follow(other, a, proof)).toBe('refused');
    expect(await follow(session, b, proof)).toBe('refused');
    expect(await follow(session, a, proof)).toBe('kept');
    await copies.tell(to, 1, a, { ...nothing, ended: 1 });
    expect(await follow(session, a, proof)).toBe('refused');
  });

  test.each(['sync', 'async', 'none'] as const)(
    'with an epoch that nobody gave it is refused (%s)',
    async (replication) => {
      const { worker, a, b, look, store } = stage({ replication });
      const { copies } = worker();
      const session = sessionOf({ epoch: 2 });
      expect(await keep(copies, session, a, putOf(1, 2))).toBe('kept');
      for (const epoch of [3, 4_294_967_295]) {
        expect(await keep(copies, session, a, putOf(9, epoch))).toBe('refused');
        expect(await keep(copies, session, a, { ...nothing, ended: epoch })).toBe('refused');
        expect(await copies.tell(idOf(session), 1, a, putOf(9, epoch))).toMatchObject({ verdict: 'refused' });
        expect(await copies.tell(idOf(session), 1, a, { ...nothing, ended: epoch })).toMatchObject({
          verdict: 'refused',
        });
      }
      // The epoch is right, and another server's.
      expect(await copies.tell(idOf(session), 1, b, putOf(9, 2))).toMatchObject({ verdict: 'refused' });
      // Of a session that nobody knows only the first can be.
      expect(await copies.tell('ab'.repeat(16), 1, a, putOf(1, 2))).toMatchObject({ verdict: 'refused' });
      expect(look(session)).toMatchObject({ server: 1, epoch: 2 });
      if (replication === 'sync') {
        expect(await store.read({ pool: 'shop', id: idOf(session) })).toMatchObject({ copy: { epoch: 2, version: 1 } });
        expect(await copies.tell('cd'.repeat(16), 1, a, putOf(1, 1))).toMatchObject({ verdict: 'kept' });
      }
    },
  );

  test('with a later epoch than its request had counts when the table or the store knows that it was given', async () => {
    const { worker, a, b, store } = stage();
    const { copies } = worker();
    const session = sessionOf();
    await keep(copies, session, a, putOf(1));
    // Another node has moved it away and back.
    await store.claim({ pool: 'shop', id: idOf(session) }, 1, b.id, 60_000);
    await store.claim({ pool: 'shop', id: idOf(session) }, 2, a.id, 60_000);
    expect(await keep(copies, session, b, putOf(2, 3))).toBe('refused');
    expect(await keep(copies, session, a, putOf(2, 3))).toBe('kept');
    expect(await keep(copies, sessionOf(), a, putOf(3, 3))).toBe('kept');
    expect(await keep(copies, sessionOf(), a, putOf(4, 4))).toBe('refused');
  });

  test('is refused of a session that the server was not told of', async () => {
    const { worker, a } = stage();
    const { copies } = worker();
    expect(await keep(copies, new Session(), a, putOf(1))).toBe('refused');
    expect(await keep(copies, Object.assign(sessionOf(), { substitute: true }), a, putOf(1))).toBe('refused');
  });

  test('and could not be kept: what is there counts no more, and nothing leaves its server', async () => {
    const { worker, a, table, look } = stage({}, true);
    const { copies } = worker();
    const session = sessionOf();
    table.bind({ hi: 7, lo: 8 }, 1, seconds, new Entry(), 1);
    table.copy({ hi: 7, lo: 8 }, 1, 5, seconds);
    expect(await keep(copies, session, a, putOf(6))).toBe('failed');
    expect(look(session)).toMatchObject({ version: 0 });
    expect(copies.well).toBe(false);
  });

  test('in async: at once, as long as not too many are under way', async () => {
    const { worker, a, look, counters } = stage({ replication: 'async' });
    const { copies } = worker();
    const verdicts = [1, 2, 3].map((n) => copies.keep(sessionOf({ sid3: n }), a, putOf(1), () => {}));
    expect(verdicts).toEqual(['kept', 'kept', null]);
    expect(counters.snapshot()).toMatchObject({ copies_lag: 2, copies_delayed: 1 });
    expect(look(sessionOf())).toMatchObject({ version: 0 });
    await new Promise((soon) => setImmediate(soon));
    expect(counters.snapshot()).toMatchObject({ copies_lag: 0, copies_stored: 3 });
    expect(look(sessionOf())).toMatchObject({ version: 1 });
  });

  test('with replication none: dropped and counted, and the session is one', async () => {
    const { worker, a, look, counters } = stage({ replication: 'none' });
    expect(worker().copies.keep(sessionOf(), a, putOf(1), () => {})).toBe('kept');
    expect(look(sessionOf())).toEqual({ server: 1, epoch: 1, version: 0, claiming: false });
    expect(counters.snapshot()).toMatchObject({ copies_dropped: 1, copies_stored: 0 });
  });
});

describe('a new owner', () => {
  test('is announced by one worker and may be confirmed by any', async () => {
    const { worker, a, b, look, store } = stage();
    const [one, two] = [worker(), worker()];
    await keep(one.copies, sessionOf(), a, putOf(4));
    const [first, second] = [
      sessionOf({ recognised: true, owner: a.id }),
      sessionOf({ recognised: true, owner: a.id }),
    ];
    expect(one.owners.find(first, seconds)).toBe(a);
    expect(one.owners.claim(first, b, seconds)).toBe(b);
    expect(first).toMatchObject({ epoch: 2, storeState: 'must-announce' });
    expect(two.owners.find(second, seconds)).toBe(b);
    expect(second).toMatchObject({ epoch: 2, storeState: 'must-announce', version: 4, binding: 'changed' });
    expect(await Promise.all([claim(two.copies, second, b), claim(one.copies, first, b)])).toEqual([true, true]);
    expect(look(first)).toEqual({ server: 2, epoch: 2, version: 4, claiming: false });
    const found = await store.read({ pool: 'shop', id: idOf(first) });
    expect(found).toMatchObject({ state: 'live', copy: { epoch: 2, owner: b.id, version: 4 } });
  });

  test('gets the state with the claim, as long as nothing newer was put', async () => {
    const { worker, a, b } = stage();
    const { copies, owners } = worker();
    await keep(copies, sessionOf(), a, putOf(4));
    const sentCopy = async (session: Session, server: Server) => {
      owners.find(session, seconds);
      owners.claim(session, server, seconds);
      return new Promise<Session['sentCopy']>((done) => copies.claim(session, server, (_, state) => done(state)));
    };
    const line = (session: Session, server: Server) => {
      const { bytes, length } = copies.writeLine(session, server);
      return bytes.toString('latin1', 0, length);
    };
    const session = sessionOf({ recognised: true, owner: a.id });
    session.sentCopy = await sentCopy(session, b);
    expect(session.sentCopy).toMatchObject({ epoch: 2, version: 4 });
    owners.find(session, seconds);
    expect(line(session, b)).toMatch(/; version=4; .*; ttl=60; data=djQ\r\n$/);
    // Another exchange was there first.
    await keep(copies, sessionOf({ recognised: true, owner: b.id, epoch: 2 }), b, putOf(5, 2));
    expect(line(session, b)).not.toContain('data=');
    const large = { put: { epoch: 2, version: 6, ttl: 60, by: 'p', data: Buffer.alloc(4000) }, ended: 0, rotate: '' };
    await keep(copies, sessionOf({ recognised: true, owner: b.id, epoch: 2 }), b, large);
    expect(await sentCopy(sessionOf({ recognised: true, owner: b.id, epoch: 2 }), a)).toBe(null);
  });

  test('is whom the store says when another balancer was faster', async () => {
    const { worker, a, b, look, store } = stage();
    const { copies, owners } = worker();
    await keep(copies, sessionOf(), a, putOf(1));
    await store.claim({ pool: 'shop', id: idOf(sessionOf()) }, 1, a.id, 60_000);
    const session = sessionOf({ recognised: true, owner: a.id });
    owners.find(session, seconds);
    owners.claim(session, b, seconds);
    expect(await claim(copies, session, b)).toBe(true);
    expect(look(session)).toMatchObject({ server: 1, epoch: 2, claiming: false });
    // One that this config does not have: the next request makes another owner.
    await store.claim({ pool: 'shop', id: idOf(session) }, 2, 999, 60_000);
    owners.find(session, seconds);
    owners.claim(session, b, seconds);
    await claim(copies, session, b);
    expect(owners.find(session, seconds)).toBeUndefined();
    expect(owners.claim(session, b, seconds)).toBe(b);
    expect(session).toMatchObject({ epoch: 4, storeState: 'must-announce' });
    await claim(copies, session, b);
    expect(look(session)).toMatchObject({ server: 2, epoch: 4, claiming: false });
  });

  test('of a session that has ended is nobody', async () => {
    const { worker, a, b, look, store } = stage();
    const { copies, owners } = worker();
    await keep(copies, sessionOf(), a, putOf(1));
    await store.destroy({ pool: 'shop', id: idOf(sessionOf()) }, 1);
    const session = sessionOf({ recognised: true, owner: a.id });
    owners.find(session, seconds);
    owners.claim(session, b, seconds);
    await claim(copies, session, b);
    expect(look(session)).toBe('ended');
    expect(owners.find(session, seconds)).toBeNull();
    expect(session.recognition.recognised).toBe(false);
  });

  test('gets a session that lives elsewhere only when nothing else of it runs', async () => {
    const { worker, a, b } = stage();
    const { copies, owners } = worker();
    await keep(copies, sessionOf(), a, putOf(1));
    const [first, second] = [
      sessionOf({ recognised: true, owner: a.id }),
      sessionOf({ recognised: true, owner: a.id }),
    ];
    owners.find(first, seconds);
    owners.find(second, seconds);
    expect(owners.move(second, b, seconds)).toBeNull();
    owners.leave(first, seconds);
    expect(owners.move(second, b, seconds)).toBe(b);
    expect(second).toMatchObject({ epoch: 2, storeState: 'must-announce' });
  });
});

describe('a session that the table does not know', () => {
  test('is what the store says: owner, epoch and version', async () => {
    const { worker, a, b, look, store } = stage();
    const { copies, owners } = worker();
    const key = { pool: 'shop', id: idOf(sessionOf()) };
    await store.put(key, { owner: a.id, epoch: 1, version: 3, by: 'p', data: Buffer.from('x'), ttl: 60_000 });
    await store.claim(key, 1, b.id, 60_000);
    const session = sessionOf({ recognised: true, owner: a.id });
    owners.find(session, seconds);
    expect(session.storeState).toBe('must-query');
    expect(await lookUp(copies, session)).toBe(true);
    expect(look(session)).toEqual({ server: 2, epoch: 2, version: 3, claiming: false });
    expect(owners.find(session, seconds)).toBe(b);
    expect(session).toMatchObject({ storeState: 'not-asked', epoch: 2, version: 3, binding: 'changed' });
  });

  test('lives where its token says when the store knows less, or nothing', async () => {
    const { worker, a, b, look, store } = stage();
    const { copies } = worker();
    await lookUp(copies, sessionOf({ recognised: true, owner: a.id }));
    expect(look(sessionOf())).toEqual({ server: 1, epoch: 1, version: 0, claiming: false });
    const other = sessionOf({ recognised: true, owner: b.id, epoch: 5, sid0: 70 });
    const key = { pool: 'shop', id: idOf(other) };
    await store.put(key, { owner: a.id, epoch: 4, version: 3, by: 'p', data: Buffer.from('x'), ttl: 60_000 });
    await lookUp(copies, other);
    expect(look(other)).toEqual({ server: 2, epoch: 5, version: 0, claiming: false });
  });

  test('is over when the store says so; and nothing is known when it says nothing', async () => {
    const { worker, a, look, store } = stage();
    const { copies } = worker();
    const session = sessionOf({ recognised: true, owner: a.id });
    await store.destroy({ pool: 'shop', id: idOf(session) }, 1);
    expect(await lookUp(copies, session)).toBe(true);
    expect(look(session)).toBe('ended');
    const broken = stage({}, true);
    expect(await lookUp(broken.worker().copies, session)).toBe(false);
    expect(broken.look(session)).toBe('none');
  });
});

describe('a copy that the store has lost', () => {
  const forget = (store: Store) =>
    Object.assign(store, {
      read: () => Promise.resolve({ state: 'none' }),
      claim: (_: unknown, epoch: number, owner: number) =>
        Promise.resolve({
          state: 'claimed',
          copy: { owner, epoch: epoch + 1, version: 0, by: '', data: new Uint8Array(0), expires: 1 },
        }),
    });

  test('is told to its owner once; then the table says that there is none', async () => {
    const { worker, a, b, look, store, counters, table } = stage();
    const { copies, owners } = worker();
    await keep(copies, sessionOf(), a, putOf(3));
    forget(store);
    // Another server knows nothing of it.
    expect(await copies.recall(idOf(sessionOf()), b)).toEqual({ state: 'none' });
    expect(counters.snapshot().copies_lost).toBe(0);
    expect(await copies.recall(idOf(sessionOf()), a)).toEqual({ state: 'none' });
    expect(counters.snapshot().copies_lost).toBe(1);
    const session = sessionOf({ recognised: true, owner: a.id });
    owners.find(session, seconds);
    expect(session.storeState).toBe('must-query');
    await lookUp(copies, session);
    expect(look(session)).toMatchObject({ server: 1, version: 0 });
    expect(owners.find(session, seconds)).toBe(a);
    expect(session).toMatchObject({ storeState: 'not-asked', version: 0 });
    expect(table.count(1)).toBe(1);
  });

  test('is told when another server becomes the owner, who would begin with nothing', async () => {
    const { worker, a, b, store, counters } = stage();
    const { copies, owners } = worker();
    await keep(copies, sessionOf(), a, putOf(3));
    forget(store);
    const session = sessionOf({ recognised: true, owner: a.id });
    owners.find(session, seconds);
    owners.claim(session, b, seconds);
    const answered = await new Promise((done) => copies.claim(session, b, done));
    expect(answered).toBe('lost');
    expect(counters.snapshot().copies_lost).toBe(1);
  });
});

describe('an end that the store cannot take', () => {
  const ending = () => Promise.reject(new StoreError('ending', 'waits'));

  test('is not told as done, with async neither; nor is what comes after it', async () => {
    for (const replication of ['sync', 'async'] as const) {
      const { worker, a, b, store, look, counters } = stage({ replication });
      const { copies, owners } = worker();
      const session = sessionOf({ recognised: true, owner: a.id });
      await store.put({ pool: 'shop', id: idOf(session) }, { ...putOf(1).put!, owner: a.id, ttl: 60_000 } as never);
      await lookUp(copies, session);
      Object.assign(store, { destroy: ending, put: ending, rotate: ending, read: ending, claim: ending });
      expect(await keep(copies, session, a, { ...nothing, ended: 1 })).toBe('ending');
      // The table is told by whoever keeps the end.
      expect(look(session)).toMatchObject({ server: 1 });
      expect(await keep(copies, session, a, putOf(2, 1, 'ab'.repeat(16)))).toBe('ending');
      expect(await copies.recall(idOf(session), a)).toEqual({ state: 'ending' });
      expect((await copies.tell(idOf(session), 1, a, putOf(2))).verdict).toBe('ending');
      owners.find(session, seconds);
      owners.claim(session, b, seconds);
      expect(await new Promise((done) => copies.claim(session, b, done))).toBe('ending');
      expect(await new Promise((done) => copies.look(session, done))).toBe('ending');
      expect(counters.snapshot().sessions_ended).toBe(0);
    }
  });

  test('has no owner in the table, and no time ends that', () => {
    const { worker, a, table } = stage();
    const { owners } = worker();
    const key = { hi: 7, lo: 8 };
    table.bind(key, 1, seconds, new Entry(), 1);
    table.beginEnding(key, seconds);
    for (const later of [seconds, seconds + 1_000_000]) {
      const session = sessionOf({ recognised: true, owner: a.id });
      expect(owners.find(session, later)).toBeNull();
      expect(session).toMatchObject({ storeState: 'ending', recognition: { recognised: true } });
    }
    table.endKept(key, seconds + 1_000_000);
    const session = sessionOf({ recognised: true, owner: a.id });
    expect(owners.find(session, seconds + 1_000_000)).toBeNull();
    expect(session).toMatchObject({ storeState: 'not-asked', recognition: { recognised: false } });
  });
});

test('a rotation that failed leaves the old id in doubt: the store is asked what became of it', async () => {
  const { worker, a, look, store } = stage();
  const { copies, owners } = worker();
  await keep(copies, sessionOf(), a, putOf(1));
  const { rotate } = store;
  const to = 'ab'.repeat(16);
  // It was done, and the answer was lost.
  Object.assign(store, {
    rotate: async (...args: Parameters<Store['rotate']>) => {
      await rotate.apply(store, args);
      throw new StoreError('unavailable', 'no answer');
    },
  });
  expect(await keep(copies, sessionOf(), a, putOf(2, 1, to))).toBe('failed');
  const session = sessionOf({ recognised: true, owner: a.id });
  owners.find(session, seconds);
  expect(session.storeState).toBe('must-query');
  await lookUp(copies, session);
  expect(look(session)).toBe('ended');
});
