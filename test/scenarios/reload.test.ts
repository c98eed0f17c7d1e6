/** SIGHUP: another config takes over, or nothing of it; connections stay, and so do the sessions of servers that stay. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { startLimpet } from '../support/limpet.ts';
import { runMixed } from '../support/mixed/stage.ts';
import { httpOrigin, type Origin } from '../support/origin.ts';
import { ask, configFor, listen, readToken, together, until, Visitor } from '../support/peers.ts';
import { RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';

const hello = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

/** Answers its name; `/slow` is held until it is let go. */
async function named(name: string): Promise<Origin & { readonly held: ServerResponse[] }> {
  const held: ServerResponse[] = [];
  const origin = await httpOrigin(name, (request, response) => {
    if (request.url === '/slow') held.push(response);
    else response.end(name);
  });
  return { ...origin, held };
}

function refused(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => done(false)).once('error', () => done(true));
    socket.once('connect', () => socket.destroy());
  });
}

describe.each(runtimes)('a reload on %s', (runtime) => {
  test('adds and removes servers under load: nothing fails, nobody moves without need', {
    timeout: 60_000,
  }, async () => {
    const { judgement, expected, counted, counters } = await runMixed(runtime, {
      workers: 2,
      clients: 400,
      seconds: 6,
      connections: 64,
      pause: 150,
      renew: 0.02,
      servers: ['a', 'b', 'c'],
      events: [
        [0.15, 'add', 'd'],
        [0.4, 'remove', 'a'],
        [0.7, 'add', 'a'],
      ],
      margins: { late: 500_000, recovery: 500_000 },
    });
    expect(judgement.violations.slice(0, 20)).toEqual([]);
    expect(judgement.failures).toEqual({});
    expect(judgement.moves.killed).toBe(0);
    // How many come by within the time depends on the machine.
    expect(judgement.moves.removed).toBeGreaterThan(0);
    expect(counters.reloads).toBe(3);
    expect(counted).toEqual(expected);
    expect(Object.keys(expected).filter((name) => name.endsWith('/d'))).toHaveLength(2);
  });

  test('what the config lacks is told, and everything stays as it was', async () => {
    await using origin = await named('a');
    const config = configFor([origin]);
    await using limpet = await startLimpet(runtime, { config });
    await using client = await RawClient.connect(limpet.port);
    const wrong = { ...config, pools: { app: { servers: [origin.address], ballance: 'random' } } };
    await expect(limpet.reload(wrong)).rejects.toThrow('reload refused');
    expect(limpet.stderr()).toMatch(
      /reload refused, everything stays as it was: the config is not valid\n[\s\S]*ballance/,
    );
    // An address that somebody else has: a listener that could be opened before it is closed again.
    await using other = await named('other');
    const taken = { ...config, listeners: [{ address: '127.0.0.1:0' }, { address: other.address }] };
    await expect(limpet.reload(taken)).rejects.toThrow(/reload refused.*EADDRINUSE/);
    await client.send(hello);
    expect((await client.response()).body.toString()).toBe('a');
    expect((await ask(limpet.url)).body).toBe('a');
    expect((await limpet.counters()).reloads).toBe(0);
    // And the next good one is taken.
    await limpet.reload(configFor([other]));
    expect((await ask(limpet.url)).body).toBe('other');
  });

  test('the sessions of a removed server get another one, and stay there when it is back', async () => {
    await using origins = await together(['a', 'b', 'c'].map(named));
    const config = (names: readonly string[]) => ({
      ...configFor(origins.filter(({ name }) => names.includes(name))),
      workers: 2,
    });
    await using limpet = await startLimpet(runtime, { config: config(['a', 'b', 'c']) });
    const visitors = Array.from({ length: 30 }, () => new Visitor(limpet.url));
    const visit = () => Promise.all(visitors.map(async (visitor) => (await visitor.ask()).body));
    const epochs = () => visitors.map(({ cookies }) => readToken([...cookies.values()][0]!).epoch);
    const homes = await visit();
    expect(new Set(homes).size).toBe(3);
    await visit();
    const before = await limpet.sessions();
    await limpet.reload(config(['a', 'c']));
    // Nobody has asked since: the table still names the server, under its name.
    expect(await limpet.sessions()).toEqual(before);
    const moved = await visit();
    for (const [i, home] of homes.entries()) {
      if (home === 'b') expect(['a', 'c']).toContain(moved[i]);
      else expect(moved[i]).toBe(home);
      expect(epochs()[i]).toBe(home === 'b' ? 2 : 1);
    }
    await limpet.reload(config(['a', 'b', 'c']));
    expect(await visit()).toEqual(moved);
    const counts = new Map<string, number>();
    for (const home of moved) counts.set(`app/${home}`, (counts.get(`app/${home}`) ?? 0) + 1);
    expect(await limpet.sessions()).toEqual({ 'app/b': 0, ...Object.fromEntries(counts) });
  });

  test('a session that slept while its server was out of the config finds it again', async () => {
    await using origins = await together(['a', 'b', 'c', 'd'].map(named));
    await using limpet = await startLimpet(runtime, { config: configFor(origins) });
    const visitors = Array.from({ length: 12 }, () => new Visitor(limpet.url));
    const homes = await Promise.all(visitors.map(async (visitor) => (await visitor.ask()).body));
    await limpet.reload(configFor(origins.slice(0, 2)));
    // In another order, with one more before them: position is not what a session knows its server by.
    await using newcomer = await named('e');
    await limpet.reload(configFor([newcomer, ...origins.toReversed()]));
    expect(await Promise.all(visitors.map(async (visitor) => (await visitor.ask()).body))).toEqual(homes);
  });

  test('listeners come and go', async () => {
    await using origin = await named('a');
    const config = { ...configFor([origin]), workers: 2 };
    await using limpet = await startLimpet(runtime, { config });
    await using spare = await named('spare');
    const { port } = spare;
    await spare.close();
    const added = { address: `127.0.0.1:${port}` };
    await limpet.reload({ ...config, listeners: [{ address: '127.0.0.1:0' }, added] });
    expect((await ask(`http://127.0.0.1:${port}`)).body).toBe('a');
    expect((await ask(limpet.url)).body).toBe('a');
    await using client = await RawClient.connect(port);
    await client.send(hello);
    await client.response();
    await limpet.reload({ ...config, listeners: [{ address: '127.0.0.1:0' }] });
    await until('new connections are refused', () => refused(port));
    // One that was open goes on.
    await client.send(hello);
    expect((await client.response()).body.toString()).toBe('a');
    expect((await ask(limpet.url)).body).toBe('a');
  });

  test('keep-alive connections and exchanges under way go through it', async () => {
    await using a = await named('a');
    await using b = await named('b');
    await using limpet = await startLimpet(runtime, { config: { ...configFor([a]), workers: 2 } });
    await using idle = await RawClient.connect(limpet.port);
    await idle.send(hello);
    expect((await idle.response()).body.toString()).toBe('a');
    await using busy = await RawClient.connect(limpet.port);
    await busy.send('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    await until('the request is at the server', () => a.held.length === 1);
    await limpet.reload({ ...configFor([b]), workers: 2 });
    // The same connection, the new servers.
    await idle.send(hello);
    expect((await idle.response()).body.toString()).toBe('b');
    a.held[0]?.end('finished');
    const response = await busy.response();
    expect([response.status, response.body.toString()]).toEqual([200, 'finished']);
    await busy.send(hello);
    expect((await busy.response()).body.toString()).toBe('b');
  });

  test('a WebSocket stays open, also when its server is removed', async () => {
    await using other = await named('other');
    const server = createServer();
    new WebSocketServer({ server }).on('connection', (peer) => peer.on('message', (data) => peer.send(`echo ${data}`)));
    await using origin = await listen('a', server);
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    const socket = new WebSocket(limpet.url.replace('http', 'ws'));
    await once(socket, 'open');
    const echo = async (text: string) => {
      const answer = once(socket, 'message');
      socket.send(text);
      return String((await answer)[0]);
    };
    expect(await echo('before')).toBe('echo before');
    await limpet.reload(configFor([other]));
    expect(await echo('after')).toBe('echo after');
    expect((await limpet.counters()).tunnels_open).toBe(1);
    expect((await ask(limpet.url)).body).toBe('other');
    socket.close();
    await once(socket, 'close');
    await until('the tunnel is closed', async () => (await limpet.counters()).tunnels_open === 0);
  });
});
