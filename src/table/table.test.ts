import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sweep } from './expiry.ts';
import { nobody, record, recordsPerPage, tombstonesPerPage } from './layout.ts';
import type { Fingerprint } from './pages.ts';
import { Entry, SessionTable, settledClaim } from './table.ts';

const idle = 100;
const absolute = 1000;
const tombstoneTime = 50;
const now = 1_800_000_000;
const out = new Entry();

function small(capacity = 80, servers = 9): SessionTable {
  return SessionTable.create({ capacity, lifetimes: [{ idle, absolute }], servers, tombstoneTime });
}

/** Fingerprints are uniform; a few of them share a home record and wrap round the page's end. */
function keyOf(n: number) {
  return { hi: Math.imul(n + 1, 0x9e3779b1) >>> 0, lo: n % 3 === 0 ? 0xffff_0000 + n : Math.imul(n, 0x85ebca6b) >>> 0 };
}

interface Model {
  server: number;
  epoch: number;
  born: number;
  seen: number;
  expires: number;
  inflight: number;
  proved: boolean;
  given: boolean;
  ended: boolean;
  copied: boolean;
  version: number;
  claiming: boolean;
  former: number;
  steps: number;
  moving: boolean;
}

const plain = {
  given: false,
  expires: 0,
  inflight: 0,
  proved: false,
  copied: false,
  version: 0,
  claiming: false,
  unsure: false,
  ending: false,
  former: 0,
  steps: 0,
  moving: false,
};
const accepted = { former: 0, steps: 0, moving: false };

function lookOf(model: Model | undefined, now: number): string {
  if (model === undefined) return 'none';
  if (model.ended) return now - model.seen < tombstoneTime ? 'ended' : 'none';
  if (model.expires > 0 && now >= model.expires) return 'old';
  if (now - model.born >= absolute) return 'old';
  if (model.inflight === 0 && now - model.seen >= idle) return 'idle';
  return 'live';
}

/** Few, so that they meet often, and fewer than the tombstones of a page, so that none of those goes early. */
const sessions = 8;
const session = fc.nat(sessions - 1);
const server = fc.integer({ min: 1, max: 9 });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('bind' as const), session, server }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('claim', 'announce', 'move'), session, server, epoch: fc.nat(4) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('offer', 'accept'),
      session,
      server: fc.integer({ min: 1, max: 3 }),
      epoch: fc.nat(6),
      flag: fc.boolean(),
      counted: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('settle' as const), session, server }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('return' as const), session, flag: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('adopt' as const), session, server, epoch: fc.nat(4) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('copy', 'confirm'),
      session,
      epoch: fc.nat(4),
      version: fc.integer({ min: -1, max: 5 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('uncopy', 'bury'), session }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('end', 'touch', 'enter', 'acquire', 'leave'), session }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expire' as const), session, after: fc.nat(200) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 120 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('sweep' as const) }) },
);

describe('any sequence of calls', () => {
  test('answers as a Map of sessions would', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
        const table = small();
        const model = new Map<number, Model>();
        let now = 1_000_000;
        for (const one of steps) {
          if (one.kind === 'wait') {
            now += one.seconds;
            // Swept or not: of a tombstone whose time is over nothing is left.
            for (const [n, entry] of model) if (lookOf(entry, now) === 'none') model.delete(n);
          }
          if (one.kind === 'sweep') {
            sweep(table, 1000, now);
            for (const [n, entry] of model) if (!['live', 'ended'].includes(lookOf(entry, now))) model.delete(n);
          } else if (one.kind !== 'wait') perform(table, model, one, now);
          for (let n = 0; n < sessions; n++) {
            const expected = model.get(n);
            expect(table.find(keyOf(n), now, out)).toBe(lookOf(expected, now));
            if (expected === undefined) expect(out.epoch).toBe(0);
            else {
              const { ended, ...fields } = expected;
              expect(out).toEqual({ ...fields, lifetime: 0 });
            }
          }
        }
        for (let n = 1; n <= 9; n++) {
          expect(table.count(n)).toBe([...model.values()].filter((entry) => entry.server === n).length);
        }
      }),
      { numRuns: 150 },
    );
  });

  function perform(
    table: SessionTable,
    model: Map<number, Model>,
    one: {
      kind: string;
      session: number;
      server?: number;
      epoch?: number;
      after?: number;
      version?: number;
      flag?: boolean;
      entered?: boolean;
    },
    now: number,
  ): void {
    const key = keyOf(one.session);
    const known = model.get(one.session);
    const lookup = lookOf(known, now);
    if (one.kind === 'bind') {
      const expected = lookup === 'live' ? 'held' : lookup === 'ended' ? 'ended' : 'bound';
      expect(table.bind(key, one.server!, now, out)).toBe(expected);
      const fresh = { ...plain, server: one.server!, born: now, seen: now, ended: false };
      if (expected === 'bound') model.set(one.session, { ...fresh, epoch: (known?.epoch ?? 0) + 1 });
    } else if (one.kind === 'claim' || one.kind === 'announce' || one.kind === 'move') {
      const lost = lookup === 'live' && known!.epoch > one.epoch!;
      const busy = lookup === 'live' && one.kind === 'move' && known!.inflight > 1;
      const expected = lookup !== 'live' ? lookup : lost ? 'lost' : busy ? 'busy' : 'claimed';
      const most = one.kind === 'move' ? 1 : Number.POSITIVE_INFINITY;
      const announce = one.kind !== 'claim';
      const how = { ...settledClaim, announce, most };
      expect(table.claim(key, one.epoch!, one.server!, now, out, how)).toBe(expected);
      if (expected !== 'claimed') return;
      Object.assign(known!, accepted, { server: one.server, epoch: one.epoch! + 1, seen: now, claiming: announce });
    } else if (one.kind === 'offer') {
      const expected = lookup !== 'live' ? lookup : known!.epoch > one.epoch! ? 'lost' : 'claimed';
      const how = { ...settledClaim, provisional: true, counted: one.entered!, moving: one.flag!, announce: one.flag! };
      expect(table.claim(key, one.epoch!, one.server!, now, out, how)).toBe(expected);
      if (expected !== 'claimed') return;
      const { former, server, steps, moving, epoch, inflight } = known!;
      const back = former === 0 ? server : former;
      const away = {
        former: back,
        steps: former === 0 ? 1 : Math.min(7, steps + 1),
        moving: former === 0 ? one.flag! : moving,
      };
      Object.assign(known!, accepted, epoch === one.epoch ? away : {});
      const claim = { server: one.server, epoch: one.epoch! + 1, seen: now, claiming: one.flag! };
      Object.assign(known!, claim, { inflight: inflight + (one.entered! ? 0 : 1) });
    } else if (one.kind === 'accept') {
      const { epoch, server, former, moving } = known ?? { epoch: 0, server: 0, former: 0, moving: false };
      const ours = epoch === one.epoch && server === one.server;
      const late = lookup === 'live' && !ours && (epoch < one.epoch! || (one.flag! && former !== 0));
      const provisional = former !== 0;
      const from = provisional ? former : server;
      const first = (late || (ours && provisional)) && from !== nobody && from !== one.server;
      const expected = lookup !== 'live' ? 'gone' : !late && !ours ? 'lost' : first ? 'accepted' : 'held';
      expect(table.accept(key, one.epoch!, one.server!, now, out, one.flag!)).toBe(expected);
      if (expected === 'accepted') expect(out.moving).toBe(moving);
      if (late)
        Object.assign(known!, {
          server: one.server,
          epoch: Math.max(one.epoch!, epoch + 1),
          seen: now,
          claiming: false,
        });
      if (lookup === 'live' && (late || ours)) Object.assign(known!, accepted);
    } else if (one.kind === 'settle') {
      const expected = lookup === 'live' ? 'held' : lookup === 'ended' ? 'ended' : 'bound';
      expect(table.bind(key, one.server!, now, out, 0, 1, false, true)).toBe(expected);
      const away = { former: nobody, steps: 1, moving: false, inflight: 1 };
      const fresh = { ...plain, ...away, server: one.server!, born: now, seen: now, ended: false };
      if (expected === 'bound') model.set(one.session, { ...fresh, epoch: (known?.epoch ?? 0) + 1 });
    } else if (one.kind === 'return') {
      const tell = table.leave(key, now, out, one.flag!);
      if (lookup !== 'live') {
        expect(tell).toBe(false);
        return;
      }
      Object.assign(known!, { seen: now, inflight: Math.max(0, known!.inflight - 1) });
      const { former, steps, epoch } = known!;
      if (former === 0 || known!.inflight > 0) {
        expect(tell).toBe(false);
        return;
      }
      const isUnpublished = !one.flag! && steps < 7;
      expect(tell).toBe(former !== nobody && one.flag!);
      if (former === nobody && isUnpublished) model.delete(one.session);
      else if (former === nobody) Object.assign(known!, accepted);
      else {
        const back = { server: former, epoch: isUnpublished ? epoch - steps : epoch + 1, claiming: tell };
        Object.assign(known!, accepted, back);
      }
    } else if (one.kind === 'adopt') {
      const right = lookup === 'live' && (known!.epoch < one.epoch! || (known!.epoch === one.epoch && known!.claiming));
      expect(table.adopt(key, one.epoch!, one.server!, now, out)).toBe(right);
      const same = right && known!.epoch === one.epoch && known!.server === one.server;
      if (same) known!.claiming = false;
      else if (right)
        Object.assign(known!, accepted, { server: one.server, epoch: one.epoch, seen: now, claiming: false });
    } else if (one.kind === 'copy') {
      const current = lookup === 'live' && known!.epoch === one.epoch;
      expect(table.copy(key, one.epoch!, one.version!, now)).toBe(current);
      if (current && one.version! > known!.version) copyOf(known!, one.version!);
    } else if (one.kind === 'confirm') {
      const server = known?.server ?? 1;
      expect(table.confirm(key, one.epoch!, (server % 9) + 1, one.version!, now)).toBe(false);
      const current = lookup === 'live' && known!.epoch === one.epoch;
      expect(table.confirm(key, one.epoch!, server, one.version!, now)).toBe(current);
      if (!current) return;
      if (one.version! > 0 && (known!.claiming || !known!.copied)) copyOf(known!, one.version!);
      if (one.version === 0 && known!.claiming) Object.assign(known!, { copied: false, version: 0, expires: 0 });
      known!.claiming = false;
    } else if (one.kind === 'uncopy') {
      table.uncopy(key, now);
      if (lookup === 'live' && known!.copied) Object.assign(known!, { copied: false, version: 0 });
    } else if (one.kind === 'bury') {
      table.bury(key, now);
      if (lookup === 'live') bury(known!, now);
      // A record that nobody needs any more is not in the way.
      else if (lookup !== 'ended') {
        model.set(one.session, { ...plain, given: true, server: 0, epoch: 0, born: 0, seen: now, ended: true });
      }
    } else if (one.kind === 'end') {
      expect(table.end(key, now)).toBe(lookup === 'live');
      if (lookup === 'live') bury(known!, now);
    } else if (one.kind === 'touch') {
      expect(table.touch(key, now)).toBe(lookup === 'live');
      if (lookup === 'live') Object.assign(known!, { seen: now, proved: true });
    } else if (one.kind === 'enter') {
      expect(table.enter(key, now, out)).toBe(lookup);
      if (lookup === 'live') {
        Object.assign(known!, { seen: now, proved: true, inflight: known!.inflight + 1 });
        expect(out).toMatchObject({ seen: now, proved: true, inflight: known!.inflight });
      } else expect(out.epoch).toBe(known?.epoch ?? 0);
    } else if (one.kind === 'acquire') {
      expect(table.acquire(key, now)).toBe(lookup === 'live');
      if (lookup === 'live') Object.assign(known!, { seen: now, inflight: known!.inflight + 1 });
    } else if (one.kind === 'leave') {
      perform(table, model, { ...one, kind: 'return', flag: false }, now);
    } else if (one.kind === 'expire') {
      const expires = one.after === 0 ? 0 : now + one.after! - 10;
      expect(table.setExpires(key, expires, now)).toBe(lookup === 'live');
      if (lookup === 'live' && !known!.copied) known!.expires = expires;
    }
  }

  function copyOf(known: Model, version: number): void {
    Object.assign(known, { copied: true, version, expires: 0 });
  }

  /** A time of the client's stays in the tombstone, unread; a version does not. */
  function bury(known: Model, now: number): void {
    Object.assign(known, accepted, { server: 0, seen: now, inflight: 0, ended: true });
    Object.assign(known, { copied: false, version: 0, claiming: false });
  }
});

test('bind answers what it wrote; a token that knows a later epoch is believed', () => {
  const table = small();
  expect(table.bind(keyOf(1), 7, 5000, out, 0, 12)).toBe('bound');
  expect(out).toEqual({
    ...plain,
    server: 7,
    epoch: 12,
    born: 5000,
    seen: 5000,
    expires: 0,
    inflight: 0,
    lifetime: 0,
    proved: false,
  });
  expect(table.bind(keyOf(1), 8, 5001, out)).toBe('held');
  expect(out).toMatchObject({ server: 7, epoch: 12 });
});

test('a session whose client has forgotten its name is old, in flight or not, until the app names it anew', () => {
  const table = small();
  table.bind(keyOf(1), 1, 5000, out);
  table.enter(keyOf(1), 5000, out);
  expect(table.setExpires(keyOf(1), 5030, 5001)).toBe(true);
  expect(table.setExpires(keyOf(1), 5020, 5002)).toBe(true);
  expect(table.find(keyOf(1), 5019, out)).toBe('live');
  expect(table.enter(keyOf(1), 5020, out)).toBe('old');
  expect(out).toMatchObject({ server: 1, expires: 5020, inflight: 1 });
  expect(table.setExpires(keyOf(1), 6000, 5020)).toBe(false);
  expect(sweep(table, 1000, 5019)).toBe(0);
  expect(table.bind(keyOf(1), 2, 5020, out)).toBe('bound');
  expect(out).toMatchObject({ server: 2, epoch: 2, expires: 0, inflight: 0, proved: false });
  table.setExpires(keyOf(1), 5040, 5021);
  expect(sweep(table, 1000, 5040)).toBe(1);
  expect(table.count(2)).toBe(0);
});

test('what is seen late does not make a session older', () => {
  const table = small();
  table.bind(keyOf(1), 1, 5000, out);
  table.touch(keyOf(1), 5050);
  table.touch(keyOf(1), 5040);
  table.find(keyOf(1), 5050, out);
  expect(out.seen).toBe(5050);
});

test('fingerprints that differ in one half only are two sessions', () => {
  const table = small();
  const keys = [
    { hi: 0xffffffff, lo: 0xffffffff },
    { hi: 0xfffffffe, lo: 0xffffffff },
    { hi: 0xffffffff, lo: 0xfffffffe },
    { hi: 0, lo: 0 },
  ];
  for (const [n, key] of keys.entries()) expect(table.bind(key, n + 1, 1, out)).toBe('bound');
  for (const [n, key] of keys.entries()) {
    expect(table.find(key, 1, out)).toBe('live');
    expect(out.server).toBe(n + 1);
  }
});

test('times and epochs beyond 2^31', () => {
  const table = small();
  const now = 0xf0000000;
  table.bind(keyOf(1), 1, now, out, 0, 0xfffffff0);
  expect(table.find(keyOf(1), now + idle - 1, out)).toBe('live');
  expect(out).toMatchObject({ born: now, epoch: 0xfffffff0 });
  expect(table.find(keyOf(1), now + idle, out)).toBe('idle');
});

test('each lifetime has its own limits, and a change counts for the sessions that are there', () => {
  const lifetimes = [
    { idle: 10, absolute: 0 },
    { idle: 0, absolute: 20 },
    { idle: 0, absolute: 0 },
  ];
  const table = SessionTable.create({ capacity: 10, lifetimes });
  for (const n of lifetimes.keys()) table.bind(keyOf(n), 1, 1000, out, n);
  const looks = (now: number) => [...lifetimes.keys()].map((n) => table.find(keyOf(n), now, out));
  expect(looks(1009)).toEqual(['live', 'live', 'live']);
  expect(looks(1020)).toEqual(['idle', 'old', 'live']);
  table.setLifetime(2, { idle: 5, absolute: 0 });
  expect(looks(1009)).toEqual(['live', 'live', 'idle']);
});

describe('a full page', () => {
  /** A table of one page, with one session more than fits. */
  function overfull(prepare: (table: SessionTable) => void): SessionTable {
    const table = small(1);
    for (let n = 0; n < recordsPerPage; n++) table.bind(keyOf(n), 1 + (n % 3), 2000 + ((n * 50) % 99), out);
    prepare(table);
    expect(table.bind(keyOf(500), 9, 2099, out)).toBe('bound');
    expect(table.find(keyOf(500), 2099, out)).toBe('live');
    return table;
  }

  test('forgets the session seen longest ago, and counts it', () => {
    const table = overfull((full) => {
      full.acquire(keyOf(0), 2099);
      full.leave(keyOf(0), 2099, out);
    });
    // Sessions 0 and 99 were seen at 2000, but 0 was seen again.
    expect(table.find(keyOf(99), 2099, out)).toBe('none');
    expect(table.find(keyOf(0), 2099, out)).toBe('live');
    expect(table.counters).toMatchObject({ bound: recordsPerPage + 1, evicted: 1, expired: 0 });
    expect(table.size).toBe(recordsPerPage);
  });

  test('spares what is in flight', () => {
    const table = overfull((full) => {
      full.acquire(keyOf(0), 2000);
      full.acquire(keyOf(99), 2000);
    });
    expect(table.find(keyOf(0), 2099, out)).toBe('live');
    expect(table.find(keyOf(99), 2099, out)).toBe('live');
    expect(table.find(keyOf(2), 2099, out)).toBe('none');
  });

  test('spares what came back before what is only seen lately, and what is in flight before both', () => {
    const table = overfull((full) => {
      for (let n = 0; n < recordsPerPage; n++) if (n !== 40 && n !== 41) full.touch(keyOf(n), 2099);
      full.acquire(keyOf(41), 2010);
    });
    // Session 40 never came back and was bound last of all but those seen at its own second.
    expect(table.find(keyOf(40), 2099, out)).toBe('none');
    // The next to go is the new one, then the one of those that came back.
    table.bind(keyOf(501), 9, 2099, out);
    expect(table.find(keyOf(500), 2099, out)).toBe('none');
    table.touch(keyOf(501), 2099);
    table.bind(keyOf(502), 9, 2099, out);
    expect(table.find(keyOf(41), 2099, out)).toBe('live');
    expect(table.counters.evicted).toBe(3);
  });

  test('forgets the expired before any other', () => {
    const table = overfull((full) => {
      for (let n = 0; n < recordsPerPage; n++) if (n !== 60) full.acquire(keyOf(n), 2098);
      full.touch(keyOf(60), 2098);
      full.setExpires(keyOf(60), 2099, 2098);
    });
    expect(table.counters).toMatchObject({ evicted: 0, expired: 1 });
    expect(table.find(keyOf(60), 2099, out)).toBe('none');
  });

  test('takes new sessions for ever, and its counts stay exact', () => {
    const table = small(300);
    for (let n = 0; n < 5000; n++) {
      table.bind(keyOf(n * 7 + 1), 1 + (n % 9), 3000 + (n >> 6), out);
      if (n % 5 === 0) table.end(keyOf(n * 7 + 1), 3000 + (n >> 6));
    }
    let found = 0;
    const perServer = new Array<number>(10).fill(0);
    for (let n = 0; n < 5000; n++) {
      if (table.find(keyOf(n * 7 + 1), 3079, out) !== 'live') continue;
      found++;
      perServer[out.server]!++;
    }
    expect(found).toBeGreaterThan(300);
    expect(table.size).toBe(found);
    for (let server = 1; server <= 9; server++) expect(table.count(server)).toBe(perServer[server]);
    const { bound, ended, evicted, expired } = table.counters;
    expect(bound - ended - evicted - expired).toBe(found);
  });
});

test('exchanges of threads that are gone count no more', () => {
  const table = small(2000);
  for (let n = 0; n < 300; n++) {
    table.bind(keyOf(n), 1, now, out);
    for (let running = 0; running < n % 3; running++) table.acquire(keyOf(n), now);
  }
  table.recover(1);
  for (let n = 0; n < 300; n++) {
    expect(table.find(keyOf(n), now, out)).toBe('live');
    expect(out).toMatchObject({ server: 1, epoch: 1, inflight: 0 });
    expect(table.find(keyOf(n), now + idle, out)).toBe('idle');
  }
});

describe('tombstones', () => {
  test('stop late binds until their time is over, and then nothing is left of them, swept or not', () => {
    const table = small();
    table.bind(keyOf(1), 1, 1000, out);
    expect(table.end(keyOf(1), 1000)).toBe(true);
    expect(table.end(keyOf(1), 1000)).toBe(false);
    expect(table.count(1)).toBe(0);
    expect(table.bind(keyOf(1), 2, 1000 + tombstoneTime - 1, out)).toBe('ended');
    expect(table.claim(keyOf(1), 1, 2, 1000 + tombstoneTime - 1, out)).toBe('ended');
    expect(table.acquire(keyOf(1), 1000 + tombstoneTime - 1)).toBe(false);
    expect(table.bind(keyOf(1), 2, 1000 + tombstoneTime, out)).toBe('bound');
    expect(out.epoch).toBe(1);
  });

  test.each([true, false])("whose time is over are in nobody's way (swept: %s)", (swept) => {
    const at = 1000 + tombstoneTime;
    const left = (): SessionTable => {
      const table = small();
      table.bind(keyOf(1), 1, 1000, out);
      table.end(keyOf(1), 1000);
      if (swept) sweep(table, 1000, at);
      return table;
    };
    const live = Object.assign(new Entry(), { server: 3, epoch: 7, born: at - 5, seen: at });
    const answers = [
      left().find(keyOf(1), at, out),
      { ...out },
      left().enter(keyOf(1), at, out),
      left().claim(keyOf(1), 1, 2, at, out),
      { ...out },
      left().bind(keyOf(1), 2, at, out, 0, 5),
      { ...out },
      left().end(keyOf(1), at),
    ];
    const buried = left();
    buried.bury(keyOf(1), at);
    answers.push(buried.find(keyOf(1), at + tombstoneTime - 1, out), buried.find(keyOf(1), at + tombstoneTime, out));
    const restored = left();
    answers.push(restored.restore(keyOf(1), live, at), restored.find(keyOf(1), at, out), { ...out });
    const nothing = { ...new Entry() };
    expect(answers).toEqual([
      ...['none', nothing, 'none', 'none', nothing],
      ...['bound', { ...nothing, server: 2, epoch: 5, born: at, seen: at }, false],
      ...['ended', 'none'],
      ...[true, 'live', { ...live }],
    ]);
  });

  test('are bounded: the oldest of a page goes first', () => {
    const table = small(1);
    for (let n = 0; n <= tombstonesPerPage; n++) {
      table.bind(keyOf(n), 1, 1000 + n, out);
      table.end(keyOf(n), 1000 + n);
    }
    const looks = Array.from({ length: tombstonesPerPage + 1 }, (_, n) => table.find(keyOf(n), 1020, out));
    expect(looks).toEqual(['none', ...Array.from({ length: tombstonesPerPage }, () => 'ended')]);
  });
});

test('the sweep goes round the table in bounded steps and lets counts fall', () => {
  const table = small(1000);
  for (let n = 0; n < 1000; n++) table.bind(keyOf(n), 1, n < 400 ? 1000 : 1090, out);
  expect(table.count(1)).toBe(1000);
  const steps = Array.from({ length: 12 }, () => sweep(table, recordsPerPage, 1000 + idle));
  expect(steps.every((forgotten) => forgotten <= recordsPerPage)).toBe(true);
  expect(steps.reduce((sum, forgotten) => sum + forgotten)).toBe(400);
  expect(table.count(1)).toBe(600);
  expect(table.counters.expired).toBe(400);
  for (let n = 400; n < 1000; n++) expect(table.find(keyOf(n), 1100, out)).toBe('live');
});

describe('a thread that was killed while it wrote', () => {
  test('leaves a page that recover gives back, without a session lost', () => {
    const table = small(1);
    for (let n = 0; n < 100; n++) table.bind(keyOf(n), 1, 1000, out);
    table.acquire(keyOf(5), 1000);
    const dying = SessionTable.attach(table.buffer, 3);
    const page = dying.pages.first;
    dying.pages.lock(page);
    // Killed in the middle of closing a gap: session 0 is gone, what stood behind it cannot be found.
    const at = dying.pages.probe(page, keyOf(0));
    dying.pages.set(at, record.state, 0);
    expect(table.pages.tryLock(page)).toBe(false);
    expect(sweep(table, 1000, 1000)).toBe(0);
    table.recover(4);
    expect(table.pages.tryLock(page)).toBe(false);
    table.recover(3);
    expect(table.find(keyOf(0), 1000, out)).toBe('none');
    for (let n = 1; n < 100; n++) expect(table.find(keyOf(n), 1000, out)).toBe('live');
    table.find(keyOf(5), 1000, out);
    expect(out.inflight).toBe(0);
    expect(table.bind(keyOf(0), 2, 1000, out)).toBe('bound');
  });
});

test.each([
  ['no room', { capacity: 0, lifetimes: [{ idle, absolute }] }],
  ['no lifetime', { capacity: 10, lifetimes: [] }],
  ['too many servers', { capacity: 10, lifetimes: [{ idle, absolute }], servers: 70_000 }],
])('options out of range are refused: %s', (_what, options) => {
  expect(() => SessionTable.create(options)).toThrow(RangeError);
});

test('a server number or lifetime that is not there is refused and locks nothing', () => {
  const table = small();
  expect(() => table.bind(keyOf(1), 10, 1, out)).toThrow(RangeError);
  expect(() => table.bind(keyOf(1), 0, 1, out)).toThrow(RangeError);
  expect(() => table.bind(keyOf(1), 1, 1, out, 1)).toThrow(RangeError);
  expect(table.bind(keyOf(1), 1, 1, out)).toBe('bound');
  expect(() => SessionTable.attach(new SharedArrayBuffer(8192), 1)).toThrow('no session table');
});

test('what was read from a file is unsure until the store has been asked', () => {
  const table = SessionTable.create({ capacity: 100 });
  const saved = new Entry();
  Object.assign(saved, { server: 1, epoch: 2, born: now, seen: now, copied: true, version: 5, unsure: true });
  const lookup = (n: number) => {
    expect(table.find({ hi: n, lo: n }, now, out)).toBe('live');
    const { server, epoch, version, unsure } = out;
    return { server, epoch, version, unsure };
  };
  for (let n = 1; n <= 3; n++) table.restore({ hi: n, lo: n }, saved, now);
  expect(lookup(1)).toEqual({ server: 1, epoch: 2, version: 5, unsure: true });
  table.vouch({ hi: 1, lo: 1 }, 4, 2, 9, now, out);
  expect(lookup(1)).toEqual({ server: 2, epoch: 4, version: 9, unsure: false });
  expect([table.count(1), table.count(2)]).toEqual([2, 1]);
  // Nothing is there: the file's owner keeps it, and there is no copy.
  table.vouch({ hi: 2, lo: 2 }, 2, 0, 0, now, out);
  expect(lookup(2)).toEqual({ server: 1, epoch: 2, version: 0, unsure: false });
  // What is known is not taken back by an answer that comes late.
  table.vouch({ hi: 1, lo: 1 }, 3, 1, 7, now, out);
  expect(lookup(1)).toEqual({ server: 2, epoch: 4, version: 9, unsure: false });
  expect(table.end({ hi: 3, lo: 3 }, now)).toBe(true);
  expect(table.find({ hi: 3, lo: 3 }, now, out)).toBe('ended');
});

test('an end of which the store does not know lasts until it does, in a full page, too', () => {
  const table = SessionTable.create({ capacity: 80, lifetimes: [{ idle: 10, absolute: 0 }], tombstoneTime: 60 });
  const out = new Entry();
  const ofPage = (n: number) => ({ hi: n, lo: n });
  // One that is live, one that nobody knows, one that has been idle for long.
  const [live, unknown, idle] = [1, 2, 3].map(ofPage) as [Fingerprint, Fingerprint, Fingerprint];
  table.bind(live, 1, 1000, out);
  table.bind(idle, 1, 900, out);
  for (const one of [live, unknown, idle]) table.beginEnding(one, 1000);
  for (let n = 10; n < 3000; n++) {
    table.bind(ofPage(n), 1, 1000 + n, out);
    if (n % 3 === 0) table.end(ofPage(n), 1000 + n);
  }
  for (const one of [live, unknown, idle]) {
    expect([table.find(one, 1_000_000, out), out.ending]).toEqual(['ended', true]);
    expect(table.bind(one, 1, 1_000_000, out)).toBe('ended');
    table.endKept(one, 1_000_000);
    expect([table.find(one, 1_000_059, out), out.ending]).toEqual(['ended', false]);
    expect(table.find(one, 1_000_060, out)).toBe('none');
  }
});

test('goes back to where the store says that it was, or nowhere when its provisional owner is that server', () => {
  const [key, now, out] = [{ hi: 7, lo: 9 }, 1000, new Entry()];
  const claim = { ...settledClaim, provisional: true, announce: true };
  for (const [former, owner] of [
    [3, 3],
    [2, 2],
  ] as const) {
    const table = SessionTable.create({ capacity: 100 });
    table.bind(key, 1, now, out);
    table.claim(key, 1, 2, now, out, claim);
    // Another record by now: nothing happens.
    table.setFormer(key, 1, 1, 4, now, out);
    table.setFormer(key, 2, 2, former, now, out);
    const isBack = table.leave(key, now, out, true);
    table.find(key, now, out);
    expect([isBack, out.server, out.former]).toEqual([former === 3, owner, 0]);
  }
});

test('a refused claim is taken back; of several in a row the store may have recorded the first ones', () => {
  const [key, now, out] = [{ hi: 7, lo: 9 }, 1000, new Entry()];
  const claim = { ...settledClaim, provisional: true, announce: true };
  const table = SessionTable.create({ capacity: 100 });
  table.bind(key, 1, now, out);
  table.claim(key, 1, 2, now, out, claim);
  table.retract(key, 2, 2, now, out);
  table.find(key, now, out);
  expect([out.server, out.epoch, out.unsure]).toEqual([1, 1, false]);
  table.claim(key, 1, 2, now, out, claim);
  table.confirm(key, 2, 2, 0, now);
  table.claim(key, 2, 3, now, out, claim);
  table.retract(key, 3, 3, now, out);
  table.find(key, now, out);
  expect([out.server, out.epoch, out.unsure]).toEqual([1, 1, true]);
});
