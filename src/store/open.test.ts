import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { newKey, putOf } from '../../test/support/store-contract.ts';
import { systemTimers } from '../time/clock.ts';
import { openStore } from './open.ts';
import { silentEviction } from './store.ts';

const options = {
  tombstoneTime: 1000,
  stateBytes: 100,
  secret: null,
  timeout: 500,
  sync: false,
  eviction: silentEviction,
  clock: new HandTime(),
  timers: systemTimers,
};

test.each([
  ['', 'found "", expected memory'],
  ['mysql://localhost', 'found "mysql://***", expected memory'],
  ['REDIS', 'expected memory'],
  ['amqp://user:password@host', 'found "amqp://***"'],
  ['memory:', 'expected a size such as memory:256mb'],
  ['memory:0mb', 'expected a size such as memory:256mb'],
  ['memory:lots', 'found "memory:lots", expected a size'],
  ['memory:64mb', null],
  ['lmdb:', 'expected a folder as in lmdb:./data'],
])('%j', async (url, message) => {
  const opened = openStore(url, options);
  if (message === null) await (await opened).close();
  else {
    await expect(opened).rejects.toThrow(RangeError);
    await expect(openStore(url, options)).rejects.toThrow(message);
  }
});

test('memory:2kb holds two kilobytes', async () => {
  const store = await openStore('memory:2kb', options);
  await store.put(newKey(), putOf({ version: 2 }));
  await expect(store.put(newKey(), putOf())).rejects.toThrow('of 2048 bytes');
});

test('lmdb, encrypted: the size is that of the state as it is handed in', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-open-'));
  const store = await openStore(`lmdb:${folder}`, { ...options, secret: Buffer.alloc(32, 1) });
  const key = newKey();
  expect(await store.put(key, putOf({ data: Buffer.alloc(100, 1) }))).toEqual({ state: 'stored' });
  await expect(store.put(key, putOf({ version: 2, data: Buffer.alloc(101) }))).rejects.toMatchObject({
    code: 'state-too-large',
  });
  const found = await store.read(key);
  expect(found.state === 'live' && Buffer.from(found.copy.data).equals(Buffer.alloc(100, 1))).toBe(true);
  await store.close();
  rmSync(folder, { recursive: true });
});

test('a Redis that is not there is told with its address', async () => {
  await expect(openStore('redis://127.0.0.1:1', options)).rejects.toMatchObject({ code: 'unavailable' });
});
