/**
 * The contract of stores as a program, so that any runtime can run it: `store-program.ts memory`, `encrypted`, `remote`,
 * `lmdb <folder>` or `redis <url>`. Prints what failed and how many cases went through, and ends with 1 when one failed.
 */
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { EncryptedStore, sealBytes } from '../../src/store/encrypted.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { openStore as openAt } from '../../src/store/open.ts';
import { RemoteStore, serveStore } from '../../src/store/remote.ts';
import { type Store, silentEviction } from '../../src/store/store.ts';
import { systemTimers } from '../../src/time/clock.ts';
import { HandTime } from './hand-time.ts';
import { openRedisStage } from './redis-stage.ts';
import { caseOptions, cases, type Stage } from './store-contract.ts';
import { checkAgainstModel } from './store-model.ts';
import { userCases } from './store-user-cases.ts';

const [kind = '', place = ''] = process.argv.slice(2);
let opened = 0;

async function openStage(): Promise<Stage> {
  if (kind === 'redis') return openRedisStage(place);
  const time = new HandTime();
  return { store: await openStore(() => time.now()), age: async (ms) => time.advance(ms), now: () => time.now() };
}

async function openStore(now: () => number): Promise<Store> {
  const memory = (more: number) =>
    new MemoryStore(
      { ...caseOptions, stateBytes: caseOptions.stateBytes + more, maxBytes: 2 ** 30, eviction: silentEviction },
      now,
    );
  if (kind === 'memory') return memory(0);
  if (kind === 'encrypted') {
    return new EncryptedStore(memory(sealBytes), Buffer.alloc(32, 's'), caseOptions.stateBytes);
  }
  if (kind === 'remote') {
    const store = memory(0);
    const { port1, port2 } = new MessageChannel();
    serveStore(store, port1);
    return new RemoteStore(port2, store.incarnation);
  }
  if (kind === 'lmdb') {
    const more = {
      secret: null,
      timeout: 1000,
      sync: false,
      clock: { now, monotonic: now, wall: now },
      timers: systemTimers,
    };
    return openAt(`lmdb:${join(place, `${++opened}`)}`, { ...caseOptions, ...more, eviction: silentEviction });
  }
  throw new Error(`found the store "${kind}", expected memory, encrypted, remote, lmdb or redis`);
}

async function run(name: string, check: (stage: Stage) => Promise<void>): Promise<boolean> {
  const stage = await openStage();
  try {
    await check(stage);
    return true;
  } catch (error) {
    console.log(`${name}: ${error instanceof Error ? error.stack : String(error)}`);
    return false;
  } finally {
    await stage.store.close();
  }
}

const results = [
  await run('model', (stage) => checkAgainstModel(stage, kind === 'lmdb' || kind === 'redis' ? 20 : 100)),
];
for (const one of [...cases, ...userCases]) results.push(await run(one.name, one.run));
const failed = results.filter((passed) => !passed).length;
console.log(`${results.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
