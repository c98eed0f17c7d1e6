/**
 * An app as there are many (support/apps/real-world.ts) behind the real balancer, on both runtimes: its users come from express-session
 * with their old cookies, sign in, upload, download and hold sockets open; its server is killed in the midst of that; nobody loses
 * what was acknowledged.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import originalSession from 'express-session';
import { io, type Socket } from 'socket.io-client';
import { afterAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { host } from '../support/host.ts';
import { startLimpet } from '../support/limpet.ts';
import { runtimes } from '../support/runtimes.ts';
import { Client, serve } from './support/client.ts';
import { FileStore } from './support/file-store.ts';
import { launch } from './support/launch.ts';

const secret = 'shared by the balancer and its servers, for tests';
const folder = mkdtempSync(join(tmpdir(), 'limpet-real-world-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'file.txt');
const content = 'one line of a file\n'.repeat(20_000);
writeFileSync(file, content);
const boundary = 'x-of-this-test-x';
const upload = (name: string, text: string) =>
  [
    `--${boundary}\r\nContent-Disposition: form-data; name="note"\r\n\r\nmine\r\n`,
    `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n`,
    `Content-Type: text/plain\r\n\r\n${text}\r\n--${boundary}--\r\n`,
  ].join('');
const multipart = { 'content-type': `multipart/form-data; boundary=${boundary}` };

/** Signed in at the app as it was, whose sessions are files: a cookie of express-session. */
async function former(): Promise<Client> {
  const app = express();
  app.use(originalSession({ secret, resave: false, saveUninitialized: false, store: new FileStore(folder) }));
  app.get('/', (original, response) => {
    original.session.before = 'kept';
    response.send('set');
  });
  await using server = await serve(app);
  const client = new Client(`http://${host}:${server.port}`);
  await client.get('/');
  return client;
}

/** Whatever becomes of a request that is cut off: its status, 0 when there is none or the answer is not whole. */
function outcome(asked: ClientRequest): Promise<number> {
  return new Promise((done) => {
    asked.on('error', () => done(0));
    asked.on('response', (response: IncomingMessage) => {
      response.on('error', () => done(0));
      response.resume().on('end', () => done(response.complete ? (response.statusCode ?? 0) : 0));
    });
  });
}

test.each(runtimes)('%s', async (runtime) => {
  const start = () => launch({ runtime, app: 'real-world', options: { secret }, more: { file, folder, secret } });
  const apps = await Promise.all([start(), start()]);
  const servers = apps.map(({ port }, n) => ({ name: `s${n}`, address: `${host}:${port}` }));
  const config = { pools: { shop: { servers } }, sessions: { store: 'memory', secret }, identify: true };
  await using limpet = await startLimpet(runtime, { config });
  const client = new Client(limpet.url);
  for (const [name, value] of (await former()).jar) client.jar.set(name, value);
  const json = async (path: string, who = client): Promise<unknown> => JSON.parse((await who.get(path)).body);
  const all = () => json('/all');
  const sockets: (Socket | WebSocket)[] = [];
  const connect = (transport: string) => {
    const extraHeaders = { cookie: client.cookie };
    const socket = io(limpet.url, { transports: [transport], extraHeaders, reconnection: false, forceNew: true });
    sockets.push(socket);
    return socket;
  };
  const say = (socket: Socket, name: string, value: string) => socket.timeout(20_000).emitWithAck('set', name, value);
  const upgrade = async () => {
    const socket = new WebSocket(`${limpet.url.replace('http', 'ws')}/ws`, { headers: { cookie: client.cookie } });
    sockets.push(socket);
    await once(socket, 'open');
    return socket;
  };
  const tell = async (socket: WebSocket, text: string) => {
    socket.send(text);
    return String((await once(socket, 'message'))[0]);
  };
  const known: Record<string, unknown> = { before: 'kept' };

  /** All that the app can do, under a mark by which the changes are told apart. */
  const everything = async (mark: string) => {
    expect(await (await client.send('POST', '/raw', {}, mark)).body).toBe('kept');
    const uploaded = await client.send('POST', '/upload', multipart, upload(`${mark}.txt`, content));
    expect(uploaded.body).toBe('uploaded');
    for (const path of ['/file', '/stream']) {
      const answer = await client.send('GET', path, { 'accept-encoding': 'gzip' });
      expect([path, answer.body === content, answer.headers.get('content-encoding')]).toEqual([path, true, 'gzip']);
    }
    const [polling, websocket, plain] = [connect('polling'), connect('websocket'), await upgrade()];
    expect(await say(polling, 'polling', mark)).toBe('saved');
    expect(await say(websocket, 'websocket', mark)).toBe('saved');
    expect(await tell(plain, mark)).toBe('saved');
    const times = (name: string) => Number(known[name] ?? 0) + 1;
    Object.assign(known, { raw: mark, upload: { originalname: `${mark}.txt`, size: content.length, note: 'mine' } });
    Object.assign(known, { file: times('file'), stream: times('stream'), polling: mark, websocket: mark, ws: mark });
    expect(await all()).toEqual(known);
    return { polling, websocket, plain };
  };

  try {
    // The session of the former app is here, and stays.
    expect(await all()).toEqual(known);
    expect((await client.get('/login?user=nobody')).status).toBe(302);
    expect(await json('/me')).toEqual({ user: null, messages: { error: ['no such user'] } });
    const before = client.twin();
    expect((await client.get('/login?user=ada')).status).toBe(302);
    expect(await json('/me')).toEqual({ user: { name: 'ada', role: 'admin' }, messages: { success: ['welcome'] } });
    expect(await json('/who', before)).toEqual({ user: null });
    const { polling, websocket, plain } = await everything('first');

    // Killed while a body is on its way in, one on its way out, and sockets are open.
    const [address = ''] = limpet.addresses;
    const options = { host: address.split(':')[0], port: limpet.port, headers: { cookie: client.cookie } };
    const half = request({
      ...options,
      method: 'POST',
      path: '/upload',
      headers: { ...options.headers, ...multipart },
    });
    const [uploading, reading] = [outcome(half), request({ ...options, path: '/stream' })];
    half.write(upload('half.txt', content).slice(0, 1000));
    const stalled = new Promise<IncomingMessage>((done, fail) => reading.once('response', done).once('error', fail));
    reading.end();
    const stream = await stalled;
    stream.pause();
    known.stream = Number(known.stream) + 1;
    const { headers } = await client.get('/me');
    const closed = [
      ...[polling, websocket].map((socket) => new Promise((done) => socket.once('disconnect', done))),
      once(plain, 'close'),
    ];
    const owner = apps[Number(/^s(\d)/.exec(headers.get('limpet-server') ?? '')?.[1])];
    await owner?.kill();
    half.end(upload('half.txt', content).slice(1000));
    // Where the balancer had not sent any of it yet, it goes to the other server as a whole.
    if ((await uploading) === 200) known.upload = { originalname: 'half.txt', size: content.length, note: 'mine' };
    stream.on('error', () => {}).resume();
    await Promise.all(closed);

    expect(await json('/me')).toEqual({ user: { name: 'ada', role: 'admin' }, messages: {} });
    expect(await all()).toEqual(known);
    await everything('second');
    const last = client.twin();
    expect((await client.get('/logout')).body).toBe('out');
    for (const who of [client, last, before]) expect(await json('/who', who)).toEqual({ user: null });
    for (const app of apps) expect(app.errors()).toBe('');
  } finally {
    for (const socket of sockets) socket.close();
    for (const app of apps) await app.kill();
  }
});
