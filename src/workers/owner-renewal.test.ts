import { beforeEach, expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { until } from '../../test/support/until.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { formatHalfId } from '../ownership/session-id.ts';
import { MemoryStore } from '../store/memory.ts';
import { type Store, StoreError, silentEviction } from '../store/store.ts';
import { Entry, SessionTable } from '../table/table.ts';
import type { FollowedPool } from './followed-pools.ts';
import { OwnerRenewal } from './owner-renewal.ts';

const idle = 600;
/** Of the session table: sessions that clients name, and those of a cookie. */
const [named, ofCookie] = [0, 1];
const owner = { slot: 1, storeId: 77 };
const shop: FollowedPool = {
  name: 'shop',
  fleet: { servers: [owner], at: (slot: number) => (slot === owner.slot ? owner : undefined) } as unknown as Fleet,
  ttl: 1500 * idle,
  hasCopies: false,
  cookie: ofCookie,
  named: new Set([named]),
};

let time: HandTime;
let table: SessionTable;
let memory: MemoryStore;
let isAway: boolean;
let called: string[];

beforeEach(() => {
  time = new HandTime(1_000_000_000);
  const lifetimes = Array.from({ length: 2 }, () => ({ idle, absolute: 0 }));
  table = SessionTable.create({ capacity: 1000, lifetimes });
  memory = new MemoryStore({ maxBytes: 1e6, stateBytes: 1000, tombstoneTime: 60_000, eviction: silentEviction }, () =>
    time.now(),
  );
  isAway = false;
  called = [];
});

function renewalOf(pool: FollowedPool): OwnerRenewal {
  const call = <T>(what: string, run: () => Promise<T>): Promise<T> => {
    called.push(what);
    return isAway ? Promise.reject(new StoreError('unavailable', 'it is away')) : run();
  };
  const store: Pick<Store, 'touch' | 'claim'> = {
    touch: (...args) => call('touch', () => memory.touch(...args)),
    claim: (key, epoch, server, ttl) => call('claim', () => memory.claim(key, epoch, server, ttl)),
  };
  const renewal = new OwnerRenewal({ table, store, clock: time, timers: time });
  renewal.follow([pool]);
  return renewal;
}

/** Spreads the sessions over the pages of the table. */
const hiOf = (lo: number) => Math.imul(lo, 0x9e3779b1) >>> 0;
const key = (lo: number) => ({ pool: 'shop', id: formatHalfId(hiOf(lo), lo) });
const seconds = () => time.now() / 1000;
const use = (lo: number) => table.enter({ hi: hiOf(lo), lo }, seconds(), new Entry());
const begin = (lo: number, { lifetime = named, epoch = 1 } = {}) =>
  table.bind({ hi: hiOf(lo), lo }, owner.slot, seconds(), new Entry(), lifetime, epoch);
const ownerOf = async (lo: number) => {
  const found = await memory.read(key(lo));
  return found.state === 'live' ? [found.copy.owner, found.copy.epoch] : found.state;
};

test('an owner is kept as long as its session is used, and no longer', async () => {
  const renewal = renewalOf(shop);
  for (const lo of [1, 2]) {
    begin(lo);
    await memory.claim(key(lo), 0, owner.storeId, shop.ttl);
  }
  for (let quarter = 0; quarter < 12; quarter++) {
    time.advance((1000 * idle) / 4);
    use(1);
    await renewal.run();
  }
  expect(await ownerOf(1)).toEqual([owner.storeId, 1]);
  expect(await ownerOf(2)).toBe('none');
});

test('an owner that the store has lost is recorded again, with its epoch', async () => {
  begin(1, { epoch: 3 });
  await renewalOf(shop).run();
  expect(await ownerOf(1)).toEqual([owner.storeId, 3]);
});

test('of a session with a copy none is recorded: the store knows it by its whole id', async () => {
  begin(1);
  await renewalOf({ ...shop, hasCopies: true }).run();
  expect(called).toEqual(['touch']);
});

test('a session of a cookie that has never moved is not in the store, and stays out of it', async () => {
  begin(1, { lifetime: ofCookie });
  begin(2, { lifetime: ofCookie, epoch: 2 });
  await renewalOf(shop).run();
  expect([await ownerOf(1), await ownerOf(2)]).toEqual(['none', [owner.storeId, 2]]);
});

test('a server that has left the config is not recorded, and a pool that has gone is passed over', async () => {
  begin(1);
  await renewalOf({
    ...shop,
    fleet: { ...shop.fleet, servers: [owner], at: () => undefined } as unknown as Fleet,
  }).run();
  expect(called).toEqual(['touch']);
  const renewal = renewalOf(shop);
  renewal.follow([]);
  await renewal.run();
  expect(called).toEqual(['touch']);
});

test('a store that does not answer ends no round: what was used is renewed with the next one', async () => {
  const renewal = renewalOf(shop);
  for (let lo = 1; lo <= 200; lo++) begin(lo);
  isAway = true;
  await renewal.run();
  expect(called).toEqual(Array(200).fill('touch'));
  isAway = false;
  for (let lo = 1; lo <= 200; lo++) use(lo);
  await renewal.run();
  expect(await ownerOf(200)).toEqual([owner.storeId, 1]);
});

test('rounds are a quarter of the longest idle time apart, and end with `stop`', async () => {
  const renewal = renewalOf(shop);
  const quarter = (1000 * idle) / 4;
  begin(1);
  renewal.start();
  time.advance(quarter - 1);
  expect(called).toEqual([]);
  time.advance(1);
  // The next one is due when this one is over.
  await until('the round is over', () => time.pending === 1);
  expect(called).toContain('touch');
  renewal.stop();
  expect(time.pending).toBe(0);
});

test('`stop` while a round is under way: it is the last one', async () => {
  const renewal = renewalOf(shop);
  const running = renewal.run;
  let ended: Promise<void> = Promise.resolve();
  renewal.run = () => (ended = running.call(renewal));
  renewal.start();
  time.advance((1000 * idle) / 4);
  renewal.stop();
  await ended;
  expect(time.pending).toBe(0);
});
