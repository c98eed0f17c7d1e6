/**
 * WebSockets and server-sent events of a server that drains: they are counted, and after the grace they end so that their clients
 * come back. The server asks for the drain itself, by a header that no client sees; a program beside it has a word, too.
 */
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { startLimpet } from '../support/limpet.ts';
import { ask, listen, tellServer, together, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { ServerApi } from '../support/server-api.ts';

/** Echoes over WebSocket, sends one event at `/events` and goes on, and asks for its drain at `/drain`. */
async function origin(name: string) {
  const server = createServer((request, response) => {
    if (request.url === '/drain') response.setHeader('Limpet-Drain', '1');
    if (request.url !== '/events') response.end(name);
    else response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`data: ${name}\n\n`);
  });
  const sockets = new WebSocketServer({ server });
  const codes: number[] = [];
  sockets.on('connection', (socket) => {
    socket.on('message', (text) => socket.send(text));
    socket.on('close', (code) => codes.push(code));
  });
  return Object.assign(await listen(name, server), { codes });
}

describe.each(runtimes)('streams of a server that drains on %s', (runtime) => {
  test('end well after the grace, and the drain ends when its agent says so', { timeout: 60_000 }, async () => {
    await using origins = await together(['a', 'b'].map(origin));
    let word = 'up\n';
    await using agent = await listen(
      'agent',
      createTcpServer((socket) => void socket.on('error', () => {}).end(word)),
    );
    const servers = origins.map(({ name, address }) => ({ name, address }));
    const shop = {
      servers,
      balance: 'round-robin',
      affinity: 'none',
      drain: { grace: '1s' },
      health: { agent: { address: agent.address, interval: '100ms' } },
    };
    await using limpet = await startLimpet(runtime, { config: { pools: { shop }, workers: 1 } });
    const api = new ServerApi(limpet);
    const clients = [0, 1].map(() => new WebSocket(limpet.url.replace('http', 'ws')));
    await Promise.all(clients.map((client) => once(client, 'open')));
    const ended = clients.map((client) => once(client, 'close'));
    const [one, other] = await Promise.all(
      [0, 1].map(async () => ((await once(get(`${limpet.url}/events`), 'response')) as [IncomingMessage])[0]),
    );
    const texts = [one!, other!].map((response) => {
      const seen = { text: '', complete: false };
      response.setEncoding('utf8').on('data', (text: string) => (seen.text += text));
      response.on('end', () => (seen.complete = response.complete));
      return seen;
    });
    await until('both events are there', () => texts.every(({ text }) => text !== ''));
    expect(await api.server('a')).toMatchObject({ streams: 1, tunnels: 1, inflight: 2, state: 'up' });

    // The one of both that says so.
    const reply = await ask(`${limpet.url}/drain`);
    expect(reply.headers).not.toHaveProperty('limpet-drain');
    const drained = reply.body;
    await until('it drains', async () => (await api.server(drained)).state === 'draining');
    expect((await api.server(drained)).reason).toBe('it asks for it (Limpet-Drain)');
    const [code] = (await Promise.race(ended)) as [number];
    expect(code).toBe(1001);
    await until('its events have ended', () => texts.some(({ complete }) => complete));
    expect(texts.find(({ complete }) => complete)!.text).toBe(`data: ${drained}\n\n`);
    await until('nothing runs there', async () => (await api.server(drained)).loss.exchanges === 0);
    const stays = drained === 'a' ? 'b' : 'a';
    expect(await api.server(stays)).toMatchObject({ streams: 1, tunnels: 1, inflight: 2, state: 'up' });
    expect(origins.map(({ codes }) => codes)).toEqual(drained === 'a' ? [[1001], []] : [[], [1001]]);

    word = 'maint # replaced\n';
    await until('both are down', async () => (await api.servers()).every(({ state }) => state === 'down'));
    expect((await ask(limpet.url)).status).toBe(503);
    word = 'ready 50%\n';
    await until('the other one is up', async () => (await api.server(stays)).state === 'up');
    expect((await ask(limpet.url)).body).toBe(stays);
    for (const client of clients) client.terminate();
    for (const response of [one!, other!]) response.destroy();
  });

  test('end well after the grace when a reload replaces their pool, or removes their server', {
    timeout: 60_000,
  }, async () => {
    await using origins = await together(['a', 'b'].map(origin));
    const [a, b] = origins.map(({ name, address }) => ({ name, address }));
    const configFor = (servers: readonly unknown[], settings: object = {}) => ({
      listeners: [{ address: '127.0.0.1:0' }],
      pools: { shop: { servers, affinity: 'none', drain: { grace: '1s' }, ...settings } },
      workers: 1,
    });
    await using limpet = await startLimpet(runtime, { config: configFor([a, b]) });
    const openTunnel = async () => {
      const client = new WebSocket(limpet.url.replace('http', 'ws'));
      await once(client, 'open');
      return { closed: once(client, 'close') };
    };
    const first = await openTunnel();
    const [events] = (await once(get(`${limpet.url}/events`), 'response')) as [IncomingMessage];
    await once(events, 'data');
    const eventsEnded = once(events.resume(), 'end');
    await limpet.reload(configFor([a, b], { maxIdle: 7 }));
    expect((await first.closed)[0]).toBe(1001);
    await eventsEnded;
    expect(events.complete).toBe(true);

    const second = await openTunnel();
    const api = new ServerApi(limpet);
    const at = (await api.servers()).find(({ tunnels }) => tunnels === 1)!.name;
    await limpet.reload(configFor([at === 'a' ? b : a], { maxIdle: 7 }));
    expect((await second.closed)[0]).toBe(1001);
  });

  test("a drain that a server asked for ends with its process, and an operator's does not", {
    timeout: 60_000,
  }, async () => {
    let says = '';
    const start = (port = 0) =>
      listen(
        'a',
        createServer((request, response) => {
          const header = request.url === '/drain' ? '1' : request.url === '/healthz' ? says : '';
          if (header !== '') response.setHeader('Limpet-Drain', header);
          response.end('a');
        }),
        { port, host: '127.0.0.1' },
      );
    const a = await start();
    // Half a minute of failed checks: it is never found down.
    const health = { path: '/healthz', interval: '300ms', timeout: '300ms', rise: 1, fall: 100, passive: false };
    const shop = { servers: [{ name: 'a', address: a.address }], affinity: 'none', health };
    await using limpet = await startLimpet(runtime, { config: { pools: { shop } } });
    const api = new ServerApi(limpet);
    const stateIs = (state: string) => until(state, async () => (await api.server('a')).state === state);
    const failures = async () => (await api.server('a')).lastCheck?.problem ?? '';
    await ask(`${limpet.url}/drain`);
    await stateIs('draining');
    // Its checks are good, so it is still the same process.
    await until('a good check', async () => (await api.server('a')).lastCheck?.problem === null);
    expect((await api.server('a')).state).toBe('draining');
    await a.close();
    await until('nobody listens', async () => (await failures()).includes('no connection'));
    expect((await api.server('a')).state).toBe('draining');
    await using _ = await start(a.port);
    await stateIs('up');
    expect((await api.server('a')).reason).toBe('another process answers there');

    says = '1';
    await stateIs('draining');
    says = '0';
    await stateIs('up');
    await tellServer(join(limpet.folder, 'state'), 'a', 'drain');
    await until('a check after that', async () => (await api.server('a')).lastCheck?.problem === null);
    expect((await api.server('a')).state).toBe('draining');
  });
});
