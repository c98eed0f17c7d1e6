/** Sessions beside HTTP responses: WebSocket and Socket.IO handlers save the session of their handshake out of band. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server as SocketServer } from 'socket.io';
import { io } from 'socket.io-client';
import { expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { sessions } from '../../src/session/index.ts';
import { host } from '../support/host.ts';
import { TestBalancer } from './support/balancer.ts';
import { Client, serve } from './support/client.ts';

const secret = 'shared with the balancer';

/** A session that began with a request, and the header with which a balancer would pass its handshake on. */
async function stage() {
  const app = sessions({ strategy: 'sticky', secret, onError: () => {} });
  const server = await serve(
    app.handle((_request, response, session) => {
      session.set('visits', Number(session.get('visits') ?? 0) + 1);
      response.end();
    }),
  );
  const balancer = await TestBalancer.start({ servers: [server.port], secret });
  const client = new Client(balancer.url);
  await client.get('/');
  const headers = { 'limpet-session': balancer.word(client.id) };
  return {
    app,
    server,
    balancer,
    client,
    headers,
    async [Symbol.asyncDispose]() {
      await balancer[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await app.close();
    },
  };
}

test('a WebSocket handler saves the session of its handshake; requests see it, and a moved session is fenced', async () => {
  await using all = await stage();
  const { app, server, balancer, client, headers } = all;
  const sockets = new WebSocketServer({ server: server.server });
  sockets.on('connection', async (socket: WebSocket, request: IncomingMessage) => {
    const session = await app.open(request);
    socket.on('message', async (message) => {
      session.set('said', String(message));
      socket.send(
        await session.save().then(
          () => 'kept',
          (error: Error) => error.message,
        ),
      );
    });
    socket.send('open');
  });
  const socket = new WebSocket(`ws://${host}:${server.port}/`, { headers });
  const next = () => new Promise<string>((done) => socket.once('message', (data) => done(String(data))));
  expect(await next()).toBe('open');

  socket.send('hello');
  expect(await next()).toBe('kept');
  expect(balancer.state(client.id)).toEqual({ visits: 1, said: 'hello' });
  await client.get('/');
  expect(balancer.state(client.id)).toEqual({ visits: 2, said: 'hello' });

  balancer.claim(client.id, server.port + 1);
  socket.send('too late');
  expect(await next()).toMatch(/refused: somebody else owns it now/);
  expect(balancer.state(client.id)).toEqual({ visits: 2, said: 'hello' });
  socket.terminate();
  sockets.close();
});

test('a Socket.IO handler does the same', async () => {
  await using all = await stage();
  const { app, balancer, client, headers } = all;
  const http = createServer();
  const server = new SocketServer(http);
  server.on('connection', async (socket) => {
    const session = await app.open(socket.request);
    socket.on('say', async (text: string, done: (answer: string) => void) => {
      await session.update((data) => {
        data.said = text;
      });
      await session.save();
      done('kept');
    });
  });
  await new Promise<void>((done) => http.listen(0, host, done));
  const { port } = http.address() as AddressInfo;
  const socket = io(`http://${host}:${port}`, { transports: ['websocket'], extraHeaders: headers });
  expect(await socket.timeout(5000).emitWithAck('say', 'hello')).toBe('kept');
  expect(balancer.state(client.id)).toEqual({ visits: 1, said: 'hello' });
  socket.close();
  await server.close();
});

test('a header that is not signed counts as absent', async () => {
  await using all = await stage();
  const { server, headers } = all;
  const send = (word: string) => fetch(`http://${host}:${server.port}/`, { headers: { 'limpet-session': word } });
  const right = headers['limpet-session'];
  expect((await send(right)).status).toBe(200);
  for (const wrong of [
    right.replace('epoch=1', 'epoch=2'),
    right.replace(/; t=.*/, ''),
    right.replace(/t=\d/, 't=0'),
  ]) {
    const answer = await send(wrong);
    expect([answer.status, answer.headers.get('limpet-reason')]).toEqual([500, 'no-balancer']);
  }
});
