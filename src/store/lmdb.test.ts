import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { open as lmdb } from 'lmdb';
import { afterAll, describe, expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { caseOptions, newKey, putOf } from '../../test/support/store-contract.ts';
import { testCases } from '../../test/support/store-suite.ts';
import { systemTimers } from '../time/clock.ts';
import { LmdbStore } from './lmdb.ts';
import { openStore } from './open.ts';
import { silentEviction } from './store.ts';

const root = mkdtempSync(join(tmpdir(), 'limpet-lmdb-'));
let folders = 0;
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function open(path = join(root, `${++folders}`), sync = false) {
  const time = new HandTime();
  const store = await LmdbStore.open({ ...caseOptions, path, sync }, () => time.now());
  return { store, path, age: async (ms: number) => time.advance(ms), now: () => time.now() };
}

// Most cases are about what is kept, not about the disk: those with sync are below.
testCases('lmdb', { open: () => open(), modelRuns: 60 });

test('what was acknowledged is there after a restart, under the same incarnation', async () => {
  const { store, path } = await open(undefined, true);
  const keys = Array.from({ length: 50 }, () => newKey());
  await Promise.all(keys.map((key) => store.put(key, putOf())));
  await store.destroy(keys[0]!, 1);
  await store.close();
  const again = await open(path, true);
  expect(again.store.incarnation).toBe(store.incarnation);
  expect(await again.store.count()).toBe(49);
  expect(await again.store.put(keys[0]!, putOf({ epoch: 2 }))).toEqual({ state: 'ended' });
  await again.store.close();
});

test('an emptied folder is another incarnation', async () => {
  const { store, path } = await open();
  await store.close();
  rmSync(path, { recursive: true });
  const again = await open(path);
  expect(again.store.incarnation).not.toBe(store.incarnation);
  await again.store.close();
});

test('a file that is damaged is refused with its name', async () => {
  const { store, path } = await open();
  await Promise.all(Array.from({ length: 500 }, () => store.put(newKey(), putOf({ data: Buffer.alloc(3000) }))));
  await store.close();
  const file = join(path, 'data.mdb');
  const whole = readFileSync(file);
  const damages: [RegExp, () => void][] = [
    [/cut short/, () => truncateSync(file, whole.length >> 1)],
    [/something else/, () => truncateSync(file, 100)],
    [/something else/, () => writeFileSync(file, Buffer.alloc(whole.length, 7))],
  ];
  for (const [message, damage] of damages) {
    writeFileSync(file, whole);
    damage();
    const refused = LmdbStore.open({ ...caseOptions, path, sync: true }, () => 0);
    await expect(refused).rejects.toMatchObject({ name: 'StoreError', code: 'damaged' });
    await expect(LmdbStore.open({ ...caseOptions, path, sync: true }, () => 0)).rejects.toThrow(message);
  }
});

test('a damaged record is told, and not taken for a session', async () => {
  const { store, path } = await open();
  const [good, bad] = [newKey(), newKey()];
  await store.put(good, putOf());
  await store.put(bad, putOf({ data: Buffer.from('to be damaged') }));
  await store.close();
  const file = join(path, 'data.mdb');
  const bytes = readFileSync(file);
  for (let at = bytes.indexOf('to be damaged'); at >= 0; at = bytes.indexOf('to be damaged', at)) bytes[at] = 0;
  writeFileSync(file, bytes);
  const again = await open(path);
  expect((await again.store.read(good)).state).toBe('live');
  await expect(again.store.read(bad)).rejects.toMatchObject({ code: 'damaged' });
  await expect(again.store.put(bad, putOf({ version: 2 }))).rejects.toMatchObject({ code: 'damaged' });
  await again.age(2 * 3_600_000);
  while ((await again.store.expire()) > 0);
  expect(await again.store.read(bad)).toEqual({ state: 'none' });
  await again.store.close();
});

test('a folder that cannot be one is refused', async () => {
  const path = join(root, 'file');
  mkdirSync(root, { recursive: true });
  writeFileSync(path, 'x');
  await expect(open(path)).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining(path) });
});

const options = {
  ...caseOptions,
  secret: null,
  timeout: 500,
  sync: false,
  clock: new HandTime(),
  timers: systemTimers,
  eviction: silentEviction,
};
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe('at rest', () => {
  const key = { pool: 'shop', id: 'abcdef0123456789'.repeat(2) };
  const change = putOf({ data: Buffer.from('a state that nobody reads') });

  /** Every byte of the folder. */
  const bytesOf = (path: string) => Buffer.concat(readdirSync(path).map((name) => readFileSync(join(path, name))));

  test('neither ids nor states can be read, with a key that was made or a given one, and another key is refused', async () => {
    const path = join(root, `${++folders}`);
    for (const [secret, other] of [
      [null, Buffer.alloc(32, 'o')],
      [Buffer.alloc(32, 's'), null],
      [Buffer.alloc(32, 's'), Buffer.alloc(32, 'o')],
    ]) {
      rmSync(path, { recursive: true, force: true });
      const store = await openStore(`lmdb:${path}`, { ...options, secret: secret! });
      await store.put(key, change);
      await store.close();
      const bytes = bytesOf(path);
      for (const text of [Buffer.from(key.id), Buffer.from(key.id, 'hex'), Buffer.from('a state that')])
        expect(bytes.includes(text)).toBe(false);
      const refused = openStore(`lmdb:${path}`, { ...options, secret: other! });
      await expect(refused).rejects.toThrow(other === null ? /store.key is missing: bring it back/ : /another key/);
      const again = await openStore(`lmdb:${path}`, { ...options, secret: secret! });
      expect(await again.read(key)).toMatchObject({ state: 'live' });
      await again.close();
    }
  });

  test('folder and files are for this user alone, whatever the mask, also those that were not', async () => {
    const program = fileURLToPath(new URL('../../test/support/store-program.ts', import.meta.url));
    const path = join(root, 'masked');
    const { status, stdout } = spawnSync('/bin/sh', [
      '-c',
      'umask 0; exec "$0" "$@"',
      process.execPath,
      program,
      'lmdb',
      path,
    ]);
    expect([status, String(stdout)]).toEqual([0, expect.stringContaining(', 0 failed')]);
    for (const name of readdirSync(path)) {
      expect(modeOf(join(path, name))).toBe('700');
      for (const file of readdirSync(join(path, name))) expect(modeOf(join(path, name, file))).toBe('600');
    }
    const one = join(path, '1');
    chmodSync(one, 0o755);
    for (const file of ['data.mdb', 'lock.mdb']) chmodSync(join(one, file), 0o644);
    await (await openStore(`lmdb:${one}`, options)).close();
    expect([one, join(one, 'data.mdb'), join(one, 'lock.mdb')].map(modeOf)).toEqual(['700', '600', '600']);
    chmodSync(join(one, 'store.key'), 0o640);
    await expect(openStore(`lmdb:${one}`, options)).rejects.toThrow(`chmod 600 ${one}/store.key`);
  });

  test('a folder with other things in it stays as it is, and is refused with the command that mends it', async () => {
    const path = join(root, `${++folders}`);
    mkdirSync(path);
    chmodSync(path, 0o755);
    writeFileSync(join(path, 'notes.txt'), '');
    await expect(openStore(`lmdb:${path}`, options)).rejects.toThrow(
      `others may open the folder ${path} (mode 755), which holds more than a store (notes.txt): chmod 700 ${path}, or name`,
    );
    expect(modeOf(path)).toBe('755');
    chmodSync(path, 0o700);
    await (await openStore(`lmdb:${path}`, options)).close();
  });

  test('files that are links are refused', async () => {
    const path = join(root, `${++folders}`);
    mkdirSync(path, { mode: 0o700 });
    symlinkSync('/dev/null', join(path, 'data.mdb'));
    await expect(openStore(`lmdb:${path}`, options)).rejects.toThrow('data.mdb is a symbolic link');
  });

  test.runIf(process.geteuid?.() === 0)('files of another user are refused', async () => {
    const path = join(root, `${++folders}`);
    await (await openStore(`lmdb:${path}`, options)).close();
    chownSync(join(path, 'data.mdb'), 4321, 4321);
    await expect(openStore(`lmdb:${path}`, options)).rejects.toThrow(`chown 0 ${path}/data.mdb`);
  });

  test('what an older version has kept is refused, and it is said what to do', async () => {
    const { store, path } = await open();
    await store.close();
    const db = lmdb({ path, noSubdir: false, encoding: 'binary', keyEncoding: 'binary', useVersions: true });
    await db.put(Buffer.from('m'), Buffer.from('limpet sessions 1 0f0f'), 1);
    await db.close();
    await expect(open(path)).rejects.toThrow(
      `the store ${path} is of an older version, which did not encrypt it: remove the folder to begin with an empty store`,
    );
  });
});
