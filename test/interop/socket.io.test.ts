/**
 * Socket.IO with its real client over three server processes. Long polling spreads one session over many
 * requests: without affinity the servers answer "Session ID unknown" (socket.io#2066, #3044).
 */
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { ask, startServer, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const script = new URL('./socket.io-server.ts', import.meta.url);

describe.each(runtimes)('Socket.IO through limpet on %s', (runtime) => {
  const started = new AsyncDisposableStack();
  let limpet: Limpet;

  beforeAll(async () => {
    const servers = await Promise.all(['a', 'b', 'c'].map((name) => startServer(script, name)));
    for (const server of servers) started.use(server);
    limpet = started.use(await startLimpet(runtime, { args: servers.map((server) => server.address) }));
  });
  afterAll(() => started.disposeAsync());

  /** One client's life: connects, learns its server, gets 20 echoes from that server only, and leaves. */
  async function live(transports: string[], index: number): Promise<string> {
    const problems: string[] = [];
    const socket: Socket = io(limpet.url, { transports, withCredentials: true, forceNew: true, reconnection: false });
    socket.on('connect_error', (error) => problems.push(`connect: ${error.message}`));
    const server = await new Promise<string>((resolve) => socket.once('who', resolve));
    if (transports.length > 1) await until('the upgrade', () => socket.io.engine.transport.name === 'websocket');
    expect(socket.io.engine.transport.name).toBe(transports.at(-1));
    socket.on('disconnect', (reason) => problems.push(`disconnect: ${reason}`));
    for (let n = 0; n < 20; n++) {
      const [from, value] = await new Promise<[string, unknown]>((resolve) =>
        socket.timeout(5000).emit('echo', { index, n }, (error: Error | null, name: string, value: unknown) => {
          if (error !== null) problems.push(`echo ${n}: ${error.message}`);
          resolve([name, value]);
        }),
      );
      expect(from).toBe(server);
      expect(value).toEqual({ index, n });
    }
    // Longer than one ping of the server (300 ms): a polling request has to be held open and come back.
    if (index === 0) await new Promise<void>((resolve) => socket.io.once('ping', resolve));
    expect(problems).toEqual([]);
    socket.off('disconnect');
    socket.disconnect();
    return server;
  }

  test.each([
    ['polling', ['polling']],
    ['websocket', ['websocket']],
    ['polling, then an upgrade', ['polling', 'websocket']],
  ])('ten clients by %s', async (_, transports) => {
    const used = await Promise.all(Array.from({ length: 10 }, (_, index) => live(transports, index)));
    expect(new Set(used).size).toBeGreaterThan(1);
  });

  test('without a cookie the session is unknown elsewhere: the tests above prove affinity', async () => {
    const path = '/socket.io/?EIO=4&transport=polling';
    const hello = await ask(`${limpet.url}${path}`);
    const { sid } = JSON.parse(hello.body.slice(1)) as { sid: string };
    const replies = await Promise.all(Array.from({ length: 6 }, () => ask(`${limpet.url}${path}&sid=${sid}x`)));
    expect(replies.every((reply) => reply.status === 400 && reply.body.includes('Session ID unknown'))).toBe(true);
  });
});
