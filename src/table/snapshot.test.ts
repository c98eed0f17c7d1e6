import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UsageError } from '../errors.ts';
import { Fingerprints } from './fingerprint.ts';
import { ServerNumbers } from './numbers.ts';
import { loadTable, type Saved, saveTable } from './snapshot.ts';
import { Entry, SessionTable, settledClaim } from './table.ts';

const secret = Buffer.alloc(32, 7);
const fingerprints = Fingerprints.of(secret, 'shop learn JSESSIONID');
const now = 1_800_000_000;
const out = new Entry();

let folder = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'limpet-table-'));
  file = join(folder, 'sessions');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const idOf = (n: number) => `JSESSION-${n}-${'x'.repeat(n % 20)}`;

function keyOf(n: number) {
  const key = { hi: 0, lo: 0 };
  const id = Buffer.from(idOf(n));
  fingerprints.hash(id, 0, id.length, key);
  return key;
}

function place(capacity = 1000, lifetimes: readonly string[] = ['shop learn', 'shop ip'], servers = 20): Saved {
  const limits = lifetimes.map(() => ({ idle: 1800, absolute: 28_800 }));
  const table = SessionTable.create({ capacity, lifetimes: limits, servers });
  return { table, servers: new ServerNumbers(table), lifetimes, copies: 'first', secret };
}

/** Sessions 0 to size-1 on servers shop/a, shop/b, shop/c; each tenth has moved once, 5 was ended. */
function filled(size: number): Saved {
  const saved = place(size);
  const numbers = ['shop/a', 'shop/b', 'shop/c'].map((name) => saved.servers.numberOf(name, now));
  for (let n = 0; n < size; n++) {
    saved.table.bind(keyOf(n), numbers[n % 3]!, now + (n % 60), out, n % 2);
    if (n % 10 === 0) saved.table.claim(keyOf(n), 1, numbers[(n + 1) % 3]!, now + 60, out);
  }
  for (let n = 0; n < size; n += 4) saved.table.touch(keyOf(n), now + 60);
  for (let n = 0; n < size; n += 7) saved.table.setExpires(keyOf(n), now + 10_000 + n, now + 60);
  saved.table.end(keyOf(5), now + 60);
  return saved;
}

test('who gave a session its name is saved', async () => {
  const before = filled(20);
  const [{ table }, key] = [before, { hi: 1, lo: 2 }];
  table.bind(key, 1, now, out, 0, 1, true);
  await saveTable(file, before);
  const after = place();
  await loadTable(file, after, now + 60);
  after.table.find(key, now + 60, out);
  expect(out.given).toBe(true);
  after.table.find(keyOf(1), now + 60, out);
  expect(out.given).toBe(false);
});

test('copies are copies only in the life of the store in which they were made; an announced owner stays announced', async () => {
  const before = filled(20);
  before.table.copy(keyOf(1), 1, 7, now + 60);
  before.table.claim(keyOf(2), 1, 3, now + 60, out, { ...settledClaim, announce: true });
  await saveTable(file, before);
  for (const [copies, version] of [
    ['first', 7],
    ['second', 0],
  ] as const) {
    const after = { ...place(), copies };
    await loadTable(file, after, now + 60);
    expect(after.table.find(keyOf(1), now + 60, out)).toBe('live');
    expect(out).toMatchObject({ copied: version > 0, version, expires: 0, claiming: false, unsure: version > 0 });
    after.table.find(keyOf(2), now + 60, out);
    expect(out).toMatchObject({ epoch: 2, copied: false, claiming: true });
  }
});

test('every session comes home: owner by name, epoch, times, whether it came back, and tombstones', async () => {
  const before = filled(3000);
  expect(await saveTable(file, before)).toBe(3000);
  // Another order of servers and lifetimes: their numbers are not the same after a restart.
  const after = place(3000, ['shop ip', 'new', 'shop learn']);
  after.servers.numberOf('blog/x', now);
  after.servers.numberOf('shop/c', now);
  expect(await loadTable(file, after, now + 61)).toBe(3000);
  const found = new Entry();
  for (let n = 0; n < 3000; n++) {
    const lookup = before.table.find(keyOf(n), now + 61, out);
    expect(after.table.find(keyOf(n), now + 61, found)).toBe(lookup);
    expect(after.servers.nameOf(found.server)).toBe(before.servers.nameOf(out.server));
    expect({ ...found, server: 0, lifetime: 0 }).toEqual({ ...out, server: 0, lifetime: 0, unsure: lookup === 'live' });
    expect(after.lifetimes[found.lifetime]).toBe(before.lifetimes[out.lifetime]);
  }
  for (const name of ['shop/a', 'shop/b', 'shop/c']) {
    const count = ({ table, servers }: Saved) => table.count(servers.numberOf(name, now));
    expect(count(after)).toBe(count(before));
  }
});

test('what has expired meanwhile, or has no lifetime here, does not come back', async () => {
  await saveTable(file, filled(100));
  expect(await loadTable(file, place(), now + 60 + 1800)).toBe(0);
  const after = place(1000, ['shop ip']);
  // 49 sessions and the tombstone of session 5.
  expect(await loadTable(file, after, now + 60)).toBe(50);
  expect(after.table.size).toBe(49);
});

test('what was bound since the start is not overwritten', async () => {
  await saveTable(file, filled(100));
  const after = place();
  const other = after.servers.numberOf('shop/other', now);
  after.table.bind(keyOf(1), other, now, out);
  expect(await loadTable(file, after, now + 60)).toBe(99);
  after.table.find(keyOf(1), now + 60, out);
  expect(out.server).toBe(other);
});

test('a server that is no longer configured keeps its number only as long as its sessions', async () => {
  await saveTable(file, filled(100));
  const after = place(1000, ['shop learn', 'shop ip'], 3);
  await loadTable(file, after, now + 60);
  expect(() => after.servers.numberOf('shop/new', now + 1000)).toThrow(UsageError);
  for (let n = 0; n < 100; n++) {
    if (after.table.find(keyOf(n), now + 60, out) === 'live' && after.servers.nameOf(out.server) === 'shop/a') {
      after.table.end(keyOf(n), now + 60);
    }
  }
  expect(after.servers.numberOf('shop/new', now + 1000)).toBeGreaterThan(0);
  expect(after.servers.has('shop/a')).toBe(false);
});

test('no file: nothing to load', async () => {
  expect(await loadTable(file, place(), now)).toBe(null);
});

test('the file is for this user alone, names no session, and leaves no draft', async () => {
  await saveTable(file, filled(300));
  await saveTable(file, filled(200));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['sessions']);
  expect(readFileSync(file, 'latin1')).not.toContain('JSESSION');
  expect(await loadTable(file, place(), now + 60)).toBe(200);
});

test('a folder that is not there is told, and throws no other error', async () => {
  await expect(saveTable(join(folder, 'none', 'sessions'), filled(10))).rejects.toThrow(
    new UsageError(`the session table cannot be saved to ${join(folder, 'none', 'sessions')}: ENOENT`),
  );
});

describe('a file that is not what was written', () => {
  async function refused(bytes: Buffer, why: string, with_: Partial<Saved> = {}): Promise<void> {
    writeFileSync(file, bytes);
    const after = { ...place(), ...with_ };
    await expect(loadTable(file, after, now + 60)).rejects.toThrow(why);
    expect(after.table.size).toBe(0);
    expect(after.servers.entries()).toEqual([]);
  }

  test('is refused wherever one bit is flipped, and the table stays empty', async () => {
    await saveTable(file, filled(40));
    const good = readFileSync(file);
    for (let at = 0; at < good.length; at += at < 60 ? 1 : 13) {
      const bad = Buffer.from(good);
      bad[at]! ^= 1 << (at % 8);
      await refused(bad, 'learned sessions start anew');
    }
  });

  test('is refused wherever it is cut, and when something was added', async () => {
    await saveTable(file, filled(40));
    const good = readFileSync(file);
    for (let length = 0; length < good.length; length += 29) await refused(good.subarray(0, length), 'session table');
    await refused(good.subarray(0, good.length - 28), 'is damaged');
    await refused(Buffer.concat([good, Buffer.alloc(28)]), 'is damaged');
  });

  test('says what is wrong', async () => {
    await saveTable(file, filled(40));
    const good = readFileSync(file);
    await refused(good, 'was made with another key', { secret: Buffer.alloc(32, 8) });
    await refused(randomBytes(500), 'is no session table');
    await refused(Buffer.alloc(0), 'is no session table');
    for (const version of [2, 4]) {
      const other = Buffer.from(good);
      other.writeUInt32LE(version, 16);
      await refused(other, 'has a format that this version does not read');
    }
  });
});

test('sessions that change while they are saved are saved whole', async () => {
  const saved = filled(5000);
  let moves = 0;
  const saving = saveTable(file, saved);
  let done = false;
  saving.finally(() => (done = true));
  while (!done) {
    for (let n = 0; n < 200; n++) {
      const key = keyOf((moves * 37 + n) % 5000);
      if (saved.table.find(key, now + 60, out) === 'live') {
        saved.table.claim(key, out.epoch, 1 + ((out.epoch + 1) % 3), now + 60, out);
      }
    }
    moves++;
    await new Promise((resume) => setImmediate(resume));
  }
  expect(moves).toBeGreaterThan(1);
  expect(await saving).toBe(5000);
  expect(await loadTable(file, place(5000), now + 60)).toBe(5000);
});
