/** A reset takes nothing away that has already come, and nothing passes for a regular end that is none. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Case, ok, othersGoOn, type Pair, pairOf, same, until } from './peer.ts';

/** Fits into what a kernel takes at once. */
const answer = Buffer.alloc(20_000, 'a');
const request = Buffer.alloc(1000, 'q');

/** The server answers and resets before the client's side has read a byte; answers what the client saw, with bytes merged. */
async function answeredAndReset(pair: Pair, run: (pair: Pair) => Promise<void> | void): Promise<unknown[]> {
  const { client, server } = pair;
  client.write('hello');
  await until('the server has it', () => server.bytes === 5);
  await run(pair);
  await until('both closed', () => client.isClosed && server.isClosed);
  return [client.bytes, client.events.filter((event) => event !== 'drain')];
}

const whole = [answer.length, ['data', 'reset']];

export const resets: Record<string, Case> = {
  async 'an answer and a reset: the answer is read'(net) {
    await using pair = await pairOf(net);
    const seen = await answeredAndReset(pair, ({ server }) => {
      server.write(Buffer.from(answer));
      server.destroy();
    });
    same(seen, whole, 'what the client saw');
  },

  async 'an answer and a reset, and a write that fails: the answer is read'(net) {
    await using pair = await pairOf(net);
    const seen = await answeredAndReset(pair, ({ client, server }) => {
      server.write(Buffer.from(answer));
      server.destroy();
      for (let i = 0; i < 3; i++) client.write(Buffer.from(request));
    });
    same(seen, whole, 'what the client saw');
    same(pair.client.socket.pending, 0, 'pending');
  },

  async 'an answer and a reset while bytes are kept: the answer is read'(net) {
    await using pair = await pairOf(net);
    const seen = await answeredAndReset(pair, async ({ client, server }) => {
      server.pause();
      await client.fill(Buffer.alloc(64 * 1024, 'q'));
      server.write(Buffer.from(answer));
      server.destroy();
    });
    same(seen, whole, 'what the client saw');
    same(pair.client.socket.pending, 0, 'pending');
  },

  async 'an answer and a reset while the client is paused: the answer is read when it goes on'(net) {
    await using pair = await pairOf(net);
    const seen = await answeredAndReset(pair, async ({ client, server }) => {
      client.pause();
      server.write(Buffer.from(answer));
      server.destroy();
      await othersGoOn(net);
      client.resume();
    });
    same(seen, whole, 'what the client saw');
  },

  async 'an answer and a reset, and a write that fails while the client is paused: the answer is read when it goes on'(
    net,
  ) {
    await using pair = await pairOf(net);
    const seen = await answeredAndReset(pair, async ({ client, server }) => {
      client.pause();
      server.write(Buffer.from(answer));
      server.destroy();
      client.write(Buffer.from(request));
      await othersGoOn(net);
      client.write(Buffer.from(request));
      client.resume();
    });
    same(seen, whole, 'what the client saw');
  },

  async 'an answer and its end, and then a reset: the answer is read'(net) {
    await using pair = await pairOf(net);
    const seen = await answeredAndReset(pair, async ({ client, server }) => {
      client.pause();
      server.write(Buffer.from(answer));
      server.close();
      // Nobody is there for it: the server's kernel answers with a reset.
      client.write(Buffer.from(request));
      await othersGoOn(net);
      client.write(Buffer.from(request));
      client.on = (event) => {
        if (event === 'end') client.close();
      };
      client.resume();
    });
    same(seen[0], answer.length, 'bytes');
    same((seen[1] as string[]).slice(0, 2), ['data', 'end'], 'what the client saw');
  },

  async 'much that came before a reset is read, however often the reader pauses'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    client.write('hello');
    await until('the server has it', () => server.bytes === 5);
    let written = 0;
    const piece = Buffer.alloc(64 * 1024, 'a');
    // While it is read the kernel learns to keep megabytes.
    while (server.socket.pending === 0 && written < 64 * 1024 * 1024) {
      server.write(Buffer.from(piece));
      written += piece.length;
      if (written > 16 * 1024 * 1024) client.pause();
      if (server.socket.pending === 0) await nextTurn();
    }
    client.on = (event) => {
      if (event !== 'data') return;
      client.pause();
      setImmediate(() => client.resume());
    };
    server.destroy();
    client.resume();
    await until('both closed', () => client.isClosed && server.isClosed);
    same(client.events.at(-1), 'reset', 'last event');
    ok(client.bytes > 16 * 1024 * 1024, 'bytes read');
  },
};
