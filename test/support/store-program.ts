/**
 * The contract of stores as a program, so that any runtime can run it: `store-program.ts memory`, or `encrypted`, or
 * `lmdb <folder>`. Prints what failed and how many cases went through, and ends with 1 when one failed.
 */
import { join } from 'node:path';
import { EncryptedStore, sealBytes } from '../../src/store/encrypted.ts';
import { LmdbStore } from '../../src/store/lmdb.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { HandTime } from './hand-time.ts';
import { caseOptions, cases, type Stage } from './store-contract.ts';
import { checkAgainstModel } from './store-model.ts';

const [kind = '', folder = ''] = process.argv.slice(2);
let opened = 0;

async function openStore(time: HandTime): Promise<Store> {
  const now = () => time.now();
  const memory = { ...caseOptions, stateBytes: caseOptions.stateBytes + sealBytes, maxBytes: 2 ** 30 };
  if (kind === 'memory') return new MemoryStore({ ...memory, ...caseOptions }, now);
  if (kind === 'encrypted') {
    return new EncryptedStore(new MemoryStore(memory, now), Buffer.alloc(32, 's'), caseOptions.stateBytes);
  }
  if (kind === 'lmdb') return LmdbStore.open({ ...caseOptions, path: join(folder, `${++opened}`), sync: false }, now);
  throw new Error(`found the store "${kind}", expected memory, encrypted or lmdb`);
}

async function run(name: string, check: (stage: Stage) => Promise<void>): Promise<boolean> {
  const time = new HandTime();
  const store = await openStore(time);
  try {
    await check({ store, age: async (ms) => time.advance(ms), now: () => time.now() });
    return true;
  } catch (error) {
    console.log(`${name}: ${error instanceof Error ? error.stack : String(error)}`);
    return false;
  } finally {
    await store.close();
  }
}

const results = [await run('model', (stage) => checkAgainstModel(stage, kind === 'lmdb' ? 20 : 100))];
for (const one of cases) results.push(await run(one.name, one.run));
const failed = results.filter((passed) => !passed).length;
console.log(`${results.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
