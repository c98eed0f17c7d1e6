import { describe, expect, test } from 'vitest';
import { type Affinity, Session } from '../affinity/affinity.ts';
import { Fleet } from '../fleet/fleet.ts';
import { Load } from '../fleet/load.ts';
import { Server } from '../fleet/server.ts';
import type { SessionWord } from '../http/session-headers.ts';
import { Counters } from '../metrics/counters.ts';
import { MemoryStore } from '../store/memory.ts';
import { type Store, StoreError } from '../store/store.ts';
import { Entry, SessionTable } from '../table/table.ts';
import { Copies, type CopySettings, type Verdict } from './copies.ts';
import { Owners } from './owners.ts';
import { idOf } from './session-line.ts';

const seconds = 1_800_000_000;
const affinity = { name: 'cookie', lifetime: 1 } as Affinity;
const nothing: SessionWord = { put: null, ended: 0, rotate: '' };

/** Two servers, and as many workers as wanted over one table and one store. */
function stage(change: Partial<CopySettings> = {}, failing = false) {
  const table = SessionTable.create({ capacity: 1000 });
  table.setLifetime(1, { idle: 600, absolute: 0 });
  const store = new MemoryStore({ tombstoneTime: 1000, stateBytes: 5000, maxBytes: 2 ** 20 }, () => seconds * 1000);
  const broken = () => Promise.reject(new StoreError('unavailable', 'down'));
  const counters = new Counters();
  const load = new Load(Load.create(4, 1), 4, 0);
  const [a, b] = [1, 2].map((slot) => {
    const address = { kind: 'tcp', host: '127.0.0.1', port: slot } as const;
    return new Server({ name: `s${slot}`, address, weight: 1, maxRequests: 0 }, slot - 1, slot + 100, load, slot);
  }) as [Server, Server];
  const fleet = new Fleet([a, b], { panicThreshold: 0, slowStart: 0 }, load, 3);
  const settings: CopySettings = {
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
  const parts = { store: used, table, fleet, counters, storeOf: String, now: () => seconds, wall: () => seconds };
  const worker = () => ({ copies: new Copies(settings, parts), owners: new Owners(table, fleet, counters, true) });
  const out = new Entry();
  const look = (session: Session) => {
    const state = table.find({ hi: session.sid0, lo: session.sid1 }, seconds, out);
    return state === 'live'
      ? { server: out.server, epoch: out.epoch, version: out.version, claiming: out.claiming }
      : state;
  };
  return { table, store, counters, a, b, fleet, worker, look };
}

function sessionOf(change: Partial<Session> = {}): Session {
  return Object.assign(new Session(), { affinity, sid0: 7, sid1: 8, sid2: 9, sid3: 10, epoch: 1, ...change });
}

const putOf = (version: number, epoch = 1, rotate = ''): SessionWord => ({
  put: { epoch, version, ttl: 60, by: 'p', data: Buffer.from(`v${version}`) },
  ended: 0,
  rotate,
});

const keep = (copies: Copies, session: Session, server: Server, word: SessionWord) =>
  new Promise<Verdict>((done) => {
    const verdict = copies.keep(session, server, word, done);
    if (verdict !== null) done(verdict);
  });
const claim = (copies: Copies, session: Session, server: Server) =>
  new Promise<boolean>((done) => copies.claim(session, server, done));
const lookUp = (copies: Copies, session: Session) => new Promise<boolean>((done) => copies.look(session, done));

describe('what a server puts', () => {
  test('begins the session: the table knows it, and the client is to be told', async () => {
    const { worker, a, look } = stage();
    const { copies } = worker();
    const session = sessionOf();
    expect(await keep(copies, session, a, putOf(1))).toBe('kept');
    copies.apply(session, putOf(1));
    expect(look(session)).toEqual({ server: 1, epoch: 1, version: 1, claiming: false });
    expect(session).toMatchObject({ changed: true, owed: true, version: 1 });
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
    expect(session).toMatchObject({ sid0: 1, sid1: 2, sid2: 3, sid3: 10, changed: true, owed: true });
    expect(look(session)).toEqual({ server: 1, epoch: 1, version: 2, claiming: false });
    expect(await keep(copies, session, a, putOf(3, 1, to))).toBe('refused');
    expect(await keep(copies, sessionOf({ kind: 'key' }), a, putOf(1, 1, to))).toBe('refused');
    expect(await keep(copies, session, a, { ...nothing, rotate: 'ab'.repeat(16) })).toBe('refused');
    expect(await keep(copies, session, a, { ...nothing, rotate: to })).toBe('kept');
  });

  test('is refused of a session that the server was not told of', async () => {
    const { worker, a } = stage();
    const { copies } = worker();
    expect(await keep(copies, new Session(), a, putOf(1))).toBe('refused');
    expect(await keep(copies, sessionOf({ lent: true }), a, putOf(1))).toBe('refused');
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
    expect(first).toMatchObject({ epoch: 2, claiming: true });
    expect(two.owners.find(second, seconds)).toBe(b);
    expect(second).toMatchObject({ epoch: 2, claiming: true, version: 4, changed: true });
    expect(await Promise.all([claim(two.copies, second, b), claim(one.copies, first, b)])).toEqual([true, true]);
    expect(look(first)).toEqual({ server: 2, epoch: 2, version: 4, claiming: false });
    const found = await store.read({ pool: 'shop', id: idOf(first) });
    expect(found).toMatchObject({ state: 'live', copy: { epoch: 2, owner: b.id, version: 4 } });
  });

  test('gets the state with the claim, as long as nothing newer was put', async () => {
    const { worker, a, b } = stage();
    const { copies, owners } = worker();
    await keep(copies, sessionOf(), a, putOf(4));
    const carried = async (session: Session, server: Server) => {
      owners.find(session, seconds);
      owners.claim(session, server, seconds);
      return new Promise<Session['carried']>((done) => copies.claim(session, server, (_, state) => done(state)));
    };
    const line = (session: Session, server: Server) => {
      const { bytes, length } = copies.writeLine(session, server);
      return bytes.toString('latin1', 0, length);
    };
    const session = sessionOf({ recognised: true, owner: a.id });
    session.carried = await carried(session, b);
    expect(session.carried).toMatchObject({ epoch: 2, version: 4 });
    owners.find(session, seconds);
    expect(line(session, b)).toMatch(/; version=4; .*; ttl=60; data=djQ\r\n$/);
    // Another exchange was there first.
    await keep(copies, sessionOf({ recognised: true, owner: b.id, epoch: 2 }), b, putOf(5, 2));
    expect(line(session, b)).not.toContain('data=');
    const large = { put: { epoch: 2, version: 6, ttl: 60, by: 'p', data: Buffer.alloc(4000) }, ended: 0, rotate: '' };
    await keep(copies, sessionOf({ recognised: true, owner: b.id, epoch: 2 }), b, large);
    expect(await carried(sessionOf({ recognised: true, owner: b.id, epoch: 2 }), a)).toBe(null);
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
    expect(session).toMatchObject({ epoch: 4, claiming: true });
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
    expect(session.recognised).toBe(false);
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
    expect(second).toMatchObject({ epoch: 2, claiming: true });
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
    expect(session.unknown).toBe(true);
    expect(await lookUp(copies, session)).toBe(true);
    expect(look(session)).toEqual({ server: 2, epoch: 2, version: 3, claiming: false });
    expect(owners.find(session, seconds)).toBe(b);
    expect(session).toMatchObject({ unknown: false, epoch: 2, version: 3, changed: true });
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
