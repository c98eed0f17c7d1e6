/** WebSockets over TLS: `ws` as a browser opens them (HTTP/1.1), and as extended CONNECT on a connection of HTTP/2 beside requests. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Agent } from 'node:https';
import type { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { H2Session } from '../support/h2-session.ts';
import { startLimpet } from '../support/limpet.ts';
import { configFor, listen, parseSetCookie, together } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { CertificateFiles } from '../support/secure-client.ts';
import { onlyOver } from '../support/transport.ts';
import { webSocketOn } from '../support/web-socket.ts';

/** Says its name and what it was told of the connection, then echoes. */
async function startEcho(name: string) {
  const server = createServer((_, response) => response.end(name));
  new WebSocketServer({ server }).on('connection', (peer, { headers }) => {
    peer.on('message', (message, binary) => peer.send(message, { binary }));
    peer.send(`${name} ${headers['x-forwarded-proto']}`);
  });
  return listen(name, server);
}

async function next(socket: WebSocket): Promise<Buffer> {
  const [message] = await once(socket, 'message');
  return message;
}

test.each(runtimes)('on %s', { timeout: 30_000 }, async (runtime) => {
  onlyOver('h1', 'it brings its own clients');
  using files = new CertificateFiles();
  await using origins = await together(['a', 'b', 'c'].map(startEcho));
  const config = configFor(origins, { balance: 'round-robin' }, { tls: files.tlsFor('a.example') });
  await using limpet = await startLimpet(runtime, { config });
  const options = { ca: files.authority.cert };
  await using client = await H2Session.secure(limpet.port, 'a.example', options);
  if (client.session.remoteSettings.enableConnectProtocol !== true) await once(client.session, 'remoteSettings');
  const agent = new Agent({ ...options, servername: 'a.example' });
  const big = Buffer.alloc(300_000, 'limpet');

  for (let i = 0; i < 3; i++) {
    const socket = new WebSocket(`wss://127.0.0.1:${limpet.port}/`, { agent });
    const [[upgrade], hello] = await Promise.all([once(socket, 'upgrade'), next(socket)]);
    const [server, proto] = hello.toString().split(' ');
    expect(proto).toBe('https');
    const { name, value, attributes } = parseSetCookie(upgrade.headers['set-cookie'][0]);
    expect(attributes.has('secure')).toBe(true);
    socket.send(big);
    expect(big.equals(await next(socket))).toBe(true);
    socket.close(1000);
    expect((await once(socket, 'close'))[0]).toBe(1000);

    // The same session by HTTP/2: a request, and a WebSocket beside it.
    client.cookies.clear();
    client.cookies.set(name, value);
    expect((await client.ask()).body).toBe(server);
    const stream = client.request(
      '/',
      { ':method': 'CONNECT', ':protocol': 'websocket', 'sec-websocket-version': '13' },
      false,
    );
    const [headers] = await once(stream, 'response');
    expect([headers[':status'], headers['set-cookie']]).toEqual([200, undefined]);
    const second = webSocketOn(stream as Duplex);
    expect((await next(second)).toString()).toBe(`${server} https`);
    second.send(big);
    expect((await client.ask()).body).toBe(server);
    expect(big.equals(await next(second))).toBe(true);
    second.close(1000);
    expect((await once(second, 'close'))[0]).toBe(1000);
  }
});
