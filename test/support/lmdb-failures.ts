/**
 * An LMDB store whose disk fails, as a program, so that any runtime can run it and the limit of the file's size is its own:
 * `lmdb-failures.ts full|damaged <folder>`. Prints what became of each operation, as JSON.
 *
 *      full      the file cannot grow (`ulimit -f`): puts until some fail, then everything else
 *      damaged   pages are overwritten while the store is open, and later have what was there before
 */
import { closeSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { LmdbStore } from '../../src/store/lmdb.ts';
import { StoreError } from '../../src/store/store.ts';

const [what = '', path = ''] = process.argv.slice(2);
const pageSize = 4096;
const batch = 10;
const store = await LmdbStore.open(
  { path, sync: true, tombstoneTime: 86_400_000, stateBytes: 2 ** 20 },
  () => 1_000_000,
);
const tally: Record<string, Record<string, number>> = {};

async function note<T extends { readonly state: string } | number>(name: string, asked: Promise<T>): Promise<boolean> {
  const said = await asked.then(
    (result) => (typeof result === 'number' ? 'done' : result.state),
    (error: unknown) => (error instanceof StoreError ? error.code : String(error)),
  );
  const results = (tally[name] ??= {});
  results[said] = (results[said] ?? 0) + 1;
  return said === 'stored';
}

const keyOf = (n: number) => ({ pool: 'shop', id: `e${n.toString(16).padStart(31, '0')}` });
const put = (n: number, version: number, bytes: number) =>
  note('put', store.put(keyOf(n), { owner: 1, epoch: 1, version, by: 'p', data: new Uint8Array(bytes), ttl: 60_000 }));
const puts = (from: number, version: number) =>
  Promise.all(Array.from({ length: batch }, (_, i) => put(from + i, version, 8000)));

let stored = 0;
if (what === 'full') {
  for (let failed = 0; failed < 3; stored += batch) {
    const kept = await puts(stored, 1);
    if (kept.includes(false)) failed++;
  }
  const first = keyOf(0);
  await note('read', store.read(first));
  await note('claim', store.claim(first, 1, 2, 60_000));
  await note('rotate', store.rotate(keyOf(1), keyOf(100_000).id, { ...largePut(), version: 2 }));
  await note('expire', store.expire());
} else {
  for (; stored < 300; stored += batch) await puts(stored, 1);
  const file = join(path, 'data.mdb');
  const pages = statSync(file).size / pageSize;
  const handle = openSync(file, 'r+');
  const whole = Buffer.alloc(pages * pageSize);
  readSync(handle, whole, 0, whole.length, 0);
  // Beyond the first two, which say where everything is.
  writeSync(handle, Buffer.alloc(whole.length - 2 * pageSize, 255), 0, whole.length - 2 * pageSize, 2 * pageSize);
  await note('read', store.read(keyOf(0)));
  await put(0, 2, 8000);
  await note('destroy', store.destroy(keyOf(1), 1));
  await note('expire', store.expire());
  await note('count', store.count());
  writeSync(handle, whole, 0, whole.length, 0);
  closeSync(handle);
  await note('mended read', store.read(keyOf(0)));
  await note('mended count', store.count());
  await note('mended destroy', store.destroy(keyOf(1), 1));
}
tally.close = { done: await store.close().then(() => 1) };
console.log(JSON.stringify(tally));

function largePut() {
  return { owner: 1, epoch: 1, by: 'p', data: new Uint8Array(2 ** 20), ttl: 60_000 };
}
