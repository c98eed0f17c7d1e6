/** `ws` at both ends: messages up to 16 MB, pings, close codes, fifty at once, and one server per session. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import type { Origin } from '../support/origin.ts';
import { listen, until, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const MB = 1024 * 1024;

function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}

interface EchoServer {
  readonly origin: Origin;
  /** Close codes and reasons that the server saw, in order. */
  readonly closed: string[];
}

/** Echoes; `/who` says the name first, `/refuse` answers the upgrade with 401, `/close` and `/cut` end it. */
async function startEcho(name: string): Promise<EchoServer> {
  const server = createServer((_, response) => response.end(name));
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: { threshold: 1024 } });
  const closed: string[] = [];
  server.on('upgrade', (request, socket, head) => {
    if (request.url === '/refuse') {
      socket.on('error', () => {});
      socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (peer) => {
      peer.on('close', (code, reason) => closed.push(`${code} ${reason}`));
      peer.on('message', (data, binary) => peer.send(data, { binary }));
      if (request.url === '/who') peer.send(name);
      if (request.url === '/close') peer.close(4002, 'from the server');
      if (request.url === '/cut') peer.terminate();
      if (request.url === '/ping') peer.on('pong', (data) => peer.send(`pong ${data}`)).ping('limpet');
    });
  });
  return { origin: await listen(name, server), closed };
}

describe.each(runtimes)('ws through limpet on %s', (runtime) => {
  const started = new AsyncDisposableStack();
  let limpet: Limpet;
  let echoes: EchoServer[];

  beforeAll(async () => {
    echoes = await Promise.all(['a', 'b'].map(startEcho));
    for (const { origin } of echoes) started.use(origin);
    limpet = started.use(await startLimpet(runtime, { args: echoes.map(({ origin }) => origin.address) }));
  });
  afterAll(() => started.disposeAsync());

  async function open(
    path: string,
    options: WebSocket.ClientOptions = { perMessageDeflate: false },
  ): Promise<WebSocket> {
    const socket = new WebSocket(`${limpet.url.replace('http', 'ws')}${path}`, options);
    await once(socket, 'open');
    return socket;
  }

  async function echo(socket: WebSocket, data: Buffer | string): Promise<Buffer> {
    const answer = once(socket, 'message');
    socket.send(data);
    const [message, binary] = (await answer) as [Buffer, boolean];
    expect(binary).toBe(typeof data !== 'string');
    return message;
  }

  async function leave(socket: WebSocket): Promise<void> {
    const closed = once(socket, 'close');
    socket.close(1000);
    await closed;
  }

  test.each([1024, 65_536, MB, 16 * MB])('echoes %i bytes, binary and text', async (size) => {
    const socket = await open('/');
    const binary = randomBytes(size);
    expect(sha256(await echo(socket, binary))).toBe(sha256(binary));
    const text = randomBytes(size / 2).toString('hex');
    expect(sha256(await echo(socket, text))).toBe(sha256(text));
    await leave(socket);
  });

  test('compressed messages pass untouched', async () => {
    const socket = await open('/', { perMessageDeflate: { threshold: 1024 } });
    expect(socket.extensions).toContain('permessage-deflate');
    const text = 'home scar '.repeat(100_000);
    expect(sha256(await echo(socket, text))).toBe(sha256(text));
    await leave(socket);
  });

  test('a message sent together with the handshake is not lost', async () => {
    const socket = new WebSocket(`${limpet.url.replace('http', 'ws')}/who`);
    const [message] = (await once(socket, 'message')) as [Buffer];
    expect(['a', 'b']).toContain(message.toString());
    await leave(socket);
  });

  test('ping and pong in both directions', async () => {
    const socket = await open('/ping');
    const [fromServer] = (await once(socket, 'message')) as [Buffer];
    expect(fromServer.toString()).toBe('pong limpet');
    const pong = once(socket, 'pong');
    socket.ping('home');
    const [data] = (await pong) as [Buffer];
    expect(data.toString()).toBe('home');
    await leave(socket);
  });

  test('close codes and reasons arrive at the other end', async () => {
    const one = await open('/');
    one.close(4001, 'from the client');
    await until('the server sees the code', () => echoes.some(({ closed }) => closed.includes('4001 from the client')));
    const two = new WebSocket(`${limpet.url.replace('http', 'ws')}/close`);
    const [code, reason] = (await once(two, 'close')) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([4002, 'from the server']);
  });

  test('a side that vanishes is told to the other', async () => {
    const cut = new WebSocket(`${limpet.url.replace('http', 'ws')}/cut`);
    const [code] = (await once(cut, 'close')) as [number];
    expect(code).toBe(1006);
    const gone = await open('/');
    gone.terminate();
    await until('the server sees it', () => echoes.some(({ closed }) => closed.includes('1006 ')));
  });

  test('a refused upgrade is an ordinary response', async () => {
    const socket = new WebSocket(`${limpet.url.replace('http', 'ws')}/refuse`);
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toContain('401');
  });

  test('a page and its sockets share one server', async () => {
    const visitor = new Visitor(limpet.url);
    const { body: server } = await visitor.ask('/');
    const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    for (let i = 0; i < 6; i++) {
      const socket = new WebSocket(`${limpet.url.replace('http', 'ws')}/who`, { headers: { cookie } });
      const [message] = (await once(socket, 'message')) as [Buffer];
      expect(message.toString()).toBe(server);
      await leave(socket);
    }
  });

  test('an upgrade binds a session too', async () => {
    const socket = new WebSocket(`${limpet.url.replace('http', 'ws')}/`);
    const [response] = (await once(socket, 'upgrade')) as [{ headers: Record<string, string[]> }];
    expect(response.headers['set-cookie']).toHaveLength(1);
    await leave(socket);
  });

  test('fifty at once, each gets its own messages', async () => {
    await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const socket = await open('/');
        for (let n = 0; n < 20; n++) {
          const message = Buffer.from(`${i}-${n} `.repeat(100));
          expect((await echo(socket, message)).equals(message)).toBe(true);
        }
        await leave(socket);
      }),
    );
  });
});
