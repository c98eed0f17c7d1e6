import { MessageChannel } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { contractOptions, testStore } from '../../test/support/store-promises.ts';
import { MemoryStore } from './memory.ts';
import { RemoteStore, serveStore } from './remote.ts';

function stage() {
  const time = new HandTime();
  const kept = new MemoryStore({ ...contractOptions, maxBytes: 1e9 }, () => time.now());
  const { port1, port2 } = new MessageChannel();
  serveStore(kept, port1);
  const store = new RemoteStore(port2, kept.incarnation);
  return { store, port1, pass: async (ms: number) => time.advance(ms), close: () => store.close() };
}

testStore('memory in another thread', async () => stage());

test('a port that closes rejects what is under way', async () => {
  const { store, port1 } = stage();
  const asked = store.count();
  port1.close();
  await expect(asked).rejects.toMatchObject({ code: 'unavailable' });
  await expect(store.count()).rejects.toMatchObject({ code: 'unavailable' });
});
