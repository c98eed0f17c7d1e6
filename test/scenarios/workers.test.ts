/** Several workers behind one port are one balancer: they share connections, load, caps, queues and sessions. */
import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, together, until, Visitor } from '../support/peers.ts';
import { RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';
import { startStaged } from '../support/staged.ts';
import { isHttp2 } from '../support/transport.ts';

const hello = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

/** Holds the answers to `/slow` until they are let go; answers its name to everything else. */
async function holder(name: string) {
  const held: ServerResponse[] = [];
  const origin = await httpOrigin(name, (request, response) => {
    if (request.url === '/slow') held.push(response);
    else response.end(name);
  });
  return { ...origin, held };
}

/** So many connections, each with one request behind it: spread over the workers by the kernel. */
function connections(port: number, count: number) {
  return together(
    Array.from({ length: count }, async () => {
      const client = await RawClient.connect(port);
      await client.send(hello);
      await client.response();
      return client;
    }),
  );
}

describe.each(runtimes)('two workers on %s', (runtime) => {
  test('both take connections', async () => {
    await using origin = await holder('a');
    for (const workers of [1, 2]) {
      await using limpet = await startLimpet(runtime, { config: { ...configFor([origin]), workers } });
      await using clients = await connections(limpet.port, 1);
      for (let i = 0; i < 40; i++) {
        await using client = await RawClient.connect(limpet.port);
        await client.send(hello);
        await client.response();
      }
      expect(clients).toHaveLength(1);
      // One after the other: each worker that has something to do needs one connection to the server, and keeps it.
      const { connections_accepted, upstream_connects } = await limpet.counters();
      expect([connections_accepted, upstream_connects]).toEqual([41, workers]);
    }
  });

  test('least-requests sees what runs on the other', async () => {
    await using origins = await together([holder('a'), holder('b')]);
    const config = { ...configFor(origins, { balance: 'least-requests', affinity: 'none' }), workers: 2 };
    await using limpet = await startLimpet(runtime, { config });
    await using busy = await RawClient.connect(limpet.port);
    await busy.send('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    const running = () => origins.filter(({ held }) => held.length > 0);
    await until('one has a request', () => running().length === 1);
    const free = running()[0] === origins[0] ? 'b' : 'a';
    // A worker that did not know of it would send about half of its own there. One may see a request as running that has
    // just been answered, unless what the balancer says of its counters comes in between.
    let astray = 0;
    for (let i = 0; i < 60; i++) {
      await limpet.counters();
      if ((await ask(limpet.url)).body !== free) astray++;
    }
    expect(astray).toBeLessThan(4);
  });

  test('a cap holds for both together, and room on one wakes the queue of the other', async () => {
    let running = 0;
    let most = 0;
    await using origin = await httpOrigin('a', (request, response) => {
      running++;
      most = Math.max(most, running);
      request.resume();
      setTimeout(() => {
        running--;
        response.end('a');
      }, 5);
    });
    const config = configFor([], {
      servers: [{ name: 'a', address: origin.address, maxRequests: 1 }],
      queue: { max: 1000, timeout: '20s' },
    });
    await using limpet = await startLimpet(runtime, { config: { ...config, workers: 2 } });
    await using clients = await connections(limpet.port, 40);
    const statuses: number[] = [];
    await Promise.all(
      clients.map(async (client) => {
        for (let i = 0; i < 5; i++) {
          await client.send(hello);
          statuses.push((await client.response('GET', 25_000)).status);
        }
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(statuses).toHaveLength(200);
    expect(most).toBe(1);
    expect((await limpet.counters()).queue_depth).toBe(0);
  });

  test('the limit of connections counts all', async () => {
    await using origin = await holder('a');
    const config = { ...configFor([origin], {}, { limits: { connections: 12 } }), workers: 2 };
    await using limpet = await startLimpet(runtime, { config });
    await using clients = await connections(limpet.port, 12);
    // HTTP/2 has no response to a connection.
    const refused = ask(limpet.url).then(
      ({ status }) => status,
      () => 'reset',
    );
    expect(await refused).toBe(isHttp2 ? 'reset' : 503);
    await clients[0]![Symbol.asyncDispose]();
    await until('its place is free', async () => (await limpet.counters()).connections_open === 11);
    expect((await ask(limpet.url)).status).toBe(200);
  });

  test('first requests of one key, at the same time on both, have one owner', async () => {
    await using origins = await together(['a', 'b', 'c', 'd'].map(holder));
    const config = { ...configFor(origins, { affinity: [{ header: 'X-Key' }], balance: 'random' }), workers: 2 };
    await using limpet = await startLimpet(runtime, { config });
    await using clients = await connections(limpet.port, 16);
    for (let key = 0; key < 25; key++) {
      const answers = await Promise.all(
        clients.map(async (client) => {
          await client.send(`GET / HTTP/1.1\r\nHost: x\r\nX-Key: key-${key}\r\n\r\n`);
          return (await client.response()).body.toString();
        }),
      );
      expect(new Set(answers).size).toBe(1);
    }
    const sessions = await limpet.sessions();
    expect(Object.values(sessions).reduce((sum, count) => sum + count, 0)).toBe(25);
  });

  test('SIGTERM: both finish what is open', async () => {
    await using origin = await holder('a');
    await using limpet = await startLimpet(runtime, { config: { ...configFor([origin]), workers: 2 } });
    await using clients = await connections(limpet.port, 12);
    const busy = clients.slice(0, 10);
    for (const client of busy) await client.send('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    await until('all are at the server', () => origin.held.length === 10);
    const exit = limpet.stop();
    // The idle ones have nothing to wait for.
    for (const client of clients.slice(10)) await client.closed();
    for (const response of origin.held) response.end('finished');
    for (const client of busy) {
      const response = await client.response();
      expect([response.status, response.body.toString()]).toEqual([200, 'finished']);
    }
    expect(await exit).toEqual({ code: 0, signal: null });
  });

  test('one that fails is replaced, and the table has not noticed', { timeout: 40_000 }, async () => {
    await using origins = await together(['a', 'b', 'c'].map(holder));
    const affinity = [{ header: 'X-Key' }];
    await using limpet = await startStaged(runtime, { ...configFor(origins, { affinity }), workers: 2 });
    const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`);
    const visit = () =>
      Promise.all(keys.map(async (key) => (await ask(limpet.url, { headers: { 'x-key': key } })).body));
    const homes = await visit();
    expect(new Set(homes).size).toBe(3);
    await using idle = await connections(limpet.port, 12);
    for (const worker of [0, 1]) {
      await limpet.crash(worker);
      expect(await visit()).toEqual(homes);
      // Whoever comes new finds two workers again.
      await using clients = await connections(limpet.port, 20);
      expect(clients).toHaveLength(20);
    }
    // The connections of the dead are closed, and none of them is counted any more.
    await Promise.all(idle.map((client) => client.closed()));
    await until('none is counted', async () => (await limpet.counters()).connections_open === 0);
    expect((await limpet.counters()).workers_replaced).toBe(2);
  });

  test('one that hangs is ended and replaced, and the table has not noticed', { timeout: 60_000 }, async () => {
    await using origins = await together(['a', 'b', 'c'].map(holder));
    const affinity = [{ header: 'X-Key' }];
    const config = { ...configFor(origins, { affinity }), workers: 2, workerTimeout: '2s' };
    await using limpet = await startStaged(runtime, config);
    const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`);
    const visit = () =>
      Promise.all(keys.map(async (key) => (await ask(limpet.url, { headers: { 'x-key': key } })).body));
    const homes = await visit();
    await using idle = await connections(limpet.port, 12);
    for (const worker of [0, 1]) {
      expect(await limpet.hang(worker)).toContain('its event loop has not turned for 2 s (workerTimeout)');
      await using clients = await connections(limpet.port, 20);
      expect(clients).toHaveLength(20);
      expect(await visit()).toEqual(homes);
    }
    await Promise.all(idle.map((client) => client.closed()));
    await until('none is counted', async () => (await limpet.counters()).connections_open === 0);
    const { workers_hung, workers_replaced } = await limpet.counters();
    expect([workers_hung, workers_replaced]).toEqual([2, 2]);
  });

  test('one that starts while configs change is not lost, and goes by the newest', { timeout: 60_000 }, async () => {
    await using origins = await together(['a', 'b'].map(holder));
    const config = (origin: number) => ({ ...configFor([origins[origin]!]), workers: 2 });
    await using limpet = await startStaged(runtime, config(0));
    for (const worker of [0, 1, 1, 0]) {
      const before = (await limpet.counters()).workers_replaced!;
      const replaced = limpet.crash(worker);
      await until('it has failed', async () => (await limpet.counters()).workers_replaced === before + 1);
      for (let n = 0; n < 5; n++) await limpet.reload(config((n + 1) % 2));
      await replaced;
      // Over connections of their own: both workers have some.
      const answers = await Promise.all(Array.from({ length: 40 }, async () => (await ask(limpet.url)).body));
      expect(new Set(answers)).toEqual(new Set(['b']));
    }
    expect((await limpet.counters()).workers_replaced).toBe(4);
  });

  test('one whose view is stale takes no session away from a server that is back', {
    timeout: 40_000,
  }, async () => {
    await using origins = await together(['a', 'b'].map(holder));
    const all = { ...configFor(origins), workers: 2 };
    await using limpet = await startStaged(runtime, all);
    const visitors = Array.from({ length: 40 }, () => new Visitor(limpet.url));
    const visit = () => Promise.all(visitors.map(async (visitor) => (await visitor.ask()).body));
    const homes = await visit();
    expect(new Set(homes).size).toBe(2);
    // Server a is taken out, and is back before any of its sessions has asked for it.
    await limpet.reload({ ...configFor(origins.slice(1)), workers: 2 });
    limpet.holdMessages(1, true);
    const reloaded = limpet.reload(all);
    await until('the other one has applied the config', async () => (await ask(limpet.url)).body === 'a');
    const homesNow = visit();
    await until('requests wait for a current view', async () => ((await limpet.counters()).stale_view_waits ?? 0) > 0);
    limpet.holdMessages(1, false);
    expect(await homesNow).toEqual(homes);
    await reloaded;
    expect(await visit()).toEqual(homes);
    expect((await limpet.counters()).rebinds).toBe(0);
  });
});
