/** Clients of other makes over TLS: openssl, wss, Socket.IO, and events over HTTP/2; each stays with one server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { EventSource } from 'eventsource';
import { io, type Socket } from 'socket.io-client';
import { Agent, fetch } from 'undici';
import { afterAll, beforeAll, describe, expect, onTestFinished, type TestContext, test } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { testCertificate } from '../support/bridge/certificate.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import type { Origin } from '../support/origin.ts';
import { configOver, urlOver } from '../support/own-listener.ts';
import { listen, startServer, together, until } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';

const { cert: ca, certFile } = testCertificate();
const socketIoServer = new URL('./socket.io-server.ts', import.meta.url);

/** Says its name: as a page, in events, and first of all over a WebSocket, which echoes. */
function startApp(name: string): Promise<Origin> {
  const server = createServer((request, response) => {
    if (request.url !== '/events') return response.end(name);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    return response.write(`retry: 20\n\nid: ${request.headers['last-event-id'] ?? 0}1\ndata: ${name}\n\n`);
  });
  new WebSocketServer({ server }).on('connection', (socket) => {
    socket.send(name);
    socket.on('message', (data, binary) => socket.send(data, { binary }));
  });
  return listen(name, server);
}

describe.each(runtimes)('over TLS on %s', (runtime) => {
  const started = new AsyncDisposableStack();
  let limpet: Limpet;
  let url: string;

  beforeAll(async () => {
    const apps = started.use(await together(['a', 'b', 'c'].map(startApp)));
    limpet = started.use(await startLimpet(runtime, { config: configOver('tls', apps) }));
    url = urlOver('tls', limpet);
  });
  afterAll(() => started.disposeAsync());

  /** What openssl prints when it has sent these bytes and the peer has closed. */
  async function openssl(context: TestContext, args: readonly string[], sent: string): Promise<string> {
    const connect = [
      's_client',
      '-connect',
      `127.0.0.1:${limpet.port}`,
      '-servername',
      'localhost',
      '-CAfile',
      certFile,
    ];
    const more = ['-verify_return_error', '-verify_hostname', 'localhost', '-ign_eof', ...args];
    const child = spawn(needProgram(context, 'openssl'), [...connect, ...more], { timeout: 20_000 });
    let said = '';
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      said += text;
    });
    child.stdin.on('error', () => {}).end(sent);
    await once(child, 'close');
    return said;
  }

  const get = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

  test('openssl s_client: both versions, the certificate, and what is agreed on', async (context) => {
    for (const [version, name] of [
      ['-tls1_2', 'TLSv1.2'],
      ['-tls1_3', 'TLSv1.3'],
    ] as const) {
      const said = await openssl(context, [version, '-alpn', 'http/1.1'], get);
      expect(said).toContain(`${name}, Cipher is `);
      expect(said).toContain('Verification: OK');
      expect(said).toContain('ALPN protocol: http/1.1');
      expect(said).toMatch(/\nHTTP\/1\.1 200 OK\r\n/);
    }
    const chosen = await openssl(context, ['-alpn', 'h2,http/1.1'], 'not HTTP/2 at all, which ends the connection\r\n');
    expect(chosen).toContain('ALPN protocol: h2');
    // Without ALPN it is HTTP/1.1.
    expect(await openssl(context, [], get)).toMatch(/\nHTTP\/1\.1 200 OK\r\n/);
    expect(await openssl(context, ['-tls1_1'], get)).toContain('Cipher is (NONE)');
  });

  test('ws: a WebSocket over TLS, with the cookie of the page', async () => {
    const agent = new Agent({ connect: { ca } });
    onTestFinished(() => agent.destroy());
    for (let user = 0; user < 3; user++) {
      const page = await fetch(url, { dispatcher: agent });
      const cookie = page.headers.getSetCookie()[0]?.split(';')[0] ?? '';
      const home = await page.text();
      for (let n = 0; n < 3; n++) {
        const socket = new WebSocket(url.replace('https', 'wss'), { ca, headers: { cookie } });
        const [greeting] = await once(socket, 'message');
        expect(String(greeting)).toBe(home);
        const large = Buffer.alloc(1024 * 1024, n);
        socket.send(large);
        expect(large.equals((await once(socket, 'message'))[0])).toBe(true);
        socket.close();
        await once(socket, 'close');
      }
    }
  });

  test('EventSource over HTTP/2: the stream, and the one after it, come from one server', async () => {
    const agent = new Agent({ allowH2: true, connect: { ca } });
    onTestFinished(() => agent.destroy());
    const page = await fetch(url, { dispatcher: agent });
    const cookie = page.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    const home = await page.text();
    const seen: string[] = [];
    for (let n = 0; n < 2; n++) {
      const source = new EventSource(`${url}/events`, {
        fetch: async (at, init) =>
          fetch(String(at), { ...init, dispatcher: agent, headers: { ...init.headers, cookie } }),
      });
      source.addEventListener('message', ({ data }) => seen.push(data));
      await until('an event', () => seen.length > n);
      source.close();
    }
    expect(seen).toEqual([home, home]);
  });

  test.each([
    ['polling', ['polling']],
    ['websocket', ['websocket']],
    ['polling, then an upgrade', ['polling', 'websocket']],
  ])('Socket.IO by %s', async (_, transports) => {
    await using servers = await together(['a', 'b', 'c'].map((name) => startServer(socketIoServer, name)));
    await using own = await startLimpet(runtime, { config: configOver('tls', servers) });
    await Promise.all(
      Array.from({ length: 6 }, async (_, index) => {
        const options = { transports, ca, withCredentials: true, forceNew: true, reconnection: false };
        const socket: Socket = io(urlOver('tls', own), options);
        onTestFinished(() => void socket.disconnect());
        const failed = new Promise<never>((_, fail) => socket.once('connect_error', fail));
        const server = await Promise.race([new Promise<string>((done) => socket.once('who', done)), failed]);
        if (transports.length > 1) await until('the upgrade', () => socket.io.engine.transport.name === 'websocket');
        for (let n = 0; n < 10; n++) {
          const answer = await new Promise((done, fail) =>
            socket
              .timeout(5000)
              .emit('echo', { index, n }, (error: Error | null, from: string, value: unknown) =>
                error === null ? done([from, value]) : fail(error),
              ),
          );
          expect(answer).toEqual([server, { index, n }]);
        }
      }),
    );
  });
});
