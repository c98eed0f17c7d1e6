import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { caseOptions, newKey, putOf } from '../../test/support/store-contract.ts';
import { testCases } from '../../test/support/store-suite.ts';
import { LmdbStore } from './lmdb.ts';

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
