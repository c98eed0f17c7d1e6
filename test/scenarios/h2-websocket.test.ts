/** WebSockets over HTTP/2 (RFC 8441) with `ws` behind: many on one connection, and each sticks to the server of its session. */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ClientHttp2Stream } from 'node:http2';
import { describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { H2Session, h2Listener } from '../support/h2-session.ts';
import { startLimpet } from '../support/limpet.ts';
import { configFor, listen, together, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';
import { webSocketOn } from '../support/web-socket.ts';

/** Echoes; says its name first. */
async function startEcho(name: string, closed: number[] = []) {
  const server = createServer((_, response) => response.end(name));
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (peer, request) => {
    peer.on('message', (message, binary) => peer.send(message, { binary }));
    peer.on('close', (code) => closed.push(code));
    peer.send(`${name} ${request.headers['sec-websocket-protocol'] ?? ''}`);
  });
  return listen(name, server);
}

async function connect(client: H2Session, path = '/', fields: Record<string, string> = {}) {
  const stream: ClientHttp2Stream = client.request(
    path,
    { ':method': 'CONNECT', ':protocol': 'websocket', 'sec-websocket-version': '13', ...fields },
    false,
  );
  const [headers] = await once(stream, 'response');
  return { stream, headers, status: Number(headers[':status']) };
}

const ready = async (client: H2Session): Promise<void> => {
  if (client.session.remoteSettings.enableConnectProtocol !== true) await once(client.session, 'remoteSettings');
};

describe.each(runtimes)('WebSockets over HTTP/2 on %s', (runtime) => {
  onlyOver('h1', 'it brings its own client');

  test('ten on one connection, each with the server of its session', async () => {
    await using origins = await together(['a', 'b'].map((name) => startEcho(name)));
    await using limpet = await startLimpet(runtime, { config: configFor(origins, {}, h2Listener) });
    await using client = await H2Session.open(limpet.port);
    await ready(client);
    const cookies: string[] = [];
    for (let i = 0; i < 2; i++) {
      const { headers, stream } = await connect(client);
      cookies.push(String(headers['set-cookie']).split(';')[0]!);
      expect(headers['sec-websocket-accept']).toBeUndefined();
      stream.close();
    }
    const servers = await Promise.all(cookies.map(async (cookie) => (await client.ask('/', { cookie })).body));
    const names = await Promise.all(
      Array.from({ length: 10 }, async (_, i) => {
        const { status, stream } = await connect(client, '/', { cookie: cookies[i % 2]! });
        expect(status).toBe(200);
        const socket = webSocketOn(stream);
        const [greeting] = await once(socket, 'message');
        const message = Buffer.alloc(100_000, `${i}`);
        socket.send(message);
        const [echo] = await once(socket, 'message');
        expect(Buffer.compare(echo as Buffer, message)).toBe(0);
        return String(greeting).trim();
      }),
    );
    expect(names).toEqual(names.map((_, i) => servers[i % 2]));
    expect(await limpet.counters()).toMatchObject({ tunnels_open: 10 });
  });

  test('closing it, from either side, leaves the connection open', async () => {
    const closed: number[] = [];
    await using origin = await startEcho('a', closed);
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, h2Listener) });
    await using client = await H2Session.open(limpet.port);
    await ready(client);
    const { stream } = await connect(client);
    const socket = webSocketOn(stream);
    await once(socket, 'message');
    socket.close(4001, 'bye');
    await once(socket, 'close');
    await until('the server has seen it', () => closed.length === 1);
    expect(closed).toEqual([4001]);
    // One that breaks off.
    const other = await connect(client);
    other.stream.close(8);
    await until('the server has seen the other', () => closed.length === 2);
    await until('no tunnel is left', async () => (await limpet.counters()).tunnels_open === 0);
    expect((await client.ask('/')).body).toBe('a');
  });

  test('a server that refuses, and one that does not know WebSockets', async () => {
    const refusing = createServer((_, response) => response.end('a page'));
    refusing.on('upgrade', (request, socket) => {
      socket.on('error', () => {});
      const head = request.url === '/401' ? 'HTTP/1.1 401 Unauthorized' : 'HTTP/1.1 200 OK';
      socket.end(`${head}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno`);
    });
    await using origin = await listen('a', refusing);
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, h2Listener) });
    await using client = await H2Session.open(limpet.port);
    await ready(client);
    expect((await connect(client, '/401')).status).toBe(401);
    // A success would be the beginning of a tunnel.
    expect((await connect(client, '/200')).status).toBe(502);
  });
});
