import { MessageChannel } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { caseOptions, newKey, putOf } from '../../test/support/store-contract.ts';
import { testCases } from '../../test/support/store-suite.ts';
import { MemoryStore } from './memory.ts';
import { RemoteStore, serveStore } from './remote.ts';
import { type Store, silentEviction } from './store.ts';

function open() {
  const time = new HandTime();
  const memory = new MemoryStore({ ...caseOptions, maxBytes: 2 ** 30, eviction: silentEviction }, () => time.now());
  const { port1, port2 } = new MessageChannel();
  serveStore(memory, port1);
  const store = new RemoteStore(port2, memory.incarnation);
  return { memory, store, port: port1, age: async (ms: number) => time.advance(ms), now: () => time.now() };
}

testCases('memory by a port', { open: async () => open(), modelRuns: 100 });

test('what is asked in one turn goes in one message, and so do its answers', async () => {
  const { store, port } = open();
  const sizes: number[] = [];
  port.on('message', (questions: readonly unknown[]) => sizes.push(questions.length));
  const keys = Array.from({ length: 30 }, () => newKey());
  await Promise.all(keys.map((key) => store.put(key, putOf())));
  await Promise.all(keys.map((key) => store.read(key)));
  expect(sizes).toEqual([30, 30]);
  await store.close();
});

test('a full store is told as such through the port', async () => {
  const memory = new MemoryStore({ ...caseOptions, maxBytes: 100, eviction: silentEviction }, () => 0);
  const { port1, port2 } = new MessageChannel();
  serveStore(memory, port1);
  const store: Store = new RemoteStore(port2, memory.incarnation);
  await expect(store.put(newKey(), putOf())).rejects.toMatchObject({ name: 'StoreError', code: 'unavailable' });
  await expect(store.put(newKey(), putOf())).rejects.toThrow('the memory store is full');
  await store.close();
});

test('a port that closes rejects what is under way', async () => {
  const { store, port } = open();
  const asked = store.count();
  port.close();
  await expect(asked).rejects.toMatchObject({ code: 'unavailable' });
  await expect(store.count()).rejects.toMatchObject({ code: 'unavailable' });
});
