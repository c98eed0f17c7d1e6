/**
 * One of four servers is killed with -9 under load. No GET fails, each of its sessions moves once and then
 * stays, nobody else moves, and concurrent requests of one session agree on its new home.
 */
import { Pool } from 'undici';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { parseSetCookie, readToken, startServer, together, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const app = new URL('../support/app-server.ts', import.meta.url);
const names = ['a', 'b', 'c', 'd'];

/** A session and where it has lived, one entry for each change. */
class Client {
  readonly homes: string[] = [];
  readonly epochs: number[] = [];
  readonly failures: string[] = [];
  private cookie = '';
  private readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  async visit(pool: Pool, path = '/'): Promise<string> {
    const headers = { 'x-client': this.name, cookie: this.cookie || undefined };
    const reply = await pool.request({ path, method: 'GET', headers });
    const body = await reply.body.text();
    if (reply.statusCode !== 200) {
      this.failures.push(`${reply.statusCode} ${body.slice(0, 200)}`);
      return '';
    }
    for (const line of [reply.headers['set-cookie'] ?? []].flat()) {
      const { name, value } = parseSetCookie(line);
      this.cookie = `${name}=${value}`;
      this.epochs.push(readToken(value).epoch);
    }
    const { server } = JSON.parse(body) as { server: string };
    if (this.homes.at(-1) !== server) this.homes.push(server);
    return server;
  }
}

describe.each(runtimes)('killing the owner on %s', (runtime) => {
  test('under load, one request of a session at a time', { timeout: 60_000 }, async () => {
    await using servers = await together(names.map((name) => startServer(app, name)));
    await using limpet = await startLimpet(runtime, { args: servers.map((server) => server.address) });
    const pool = new Pool(limpet.url, { connections: 64 });
    const clients = Array.from({ length: 200 }, (_, i) => new Client(String(i)));
    let requests = 0;
    let goOn = true;
    const load = clients.map(async (client) => {
      while (goOn) {
        await client.visit(pool).catch((error: Error) => client.failures.push(error.message));
        requests++;
      }
    });

    await until('everyone is at home', () => requests > 10 * clients.length);
    // The one with the most sessions: enough of them move for all the others to get some.
    const livesAt = (name: string) => clients.filter(({ homes }) => homes[0] === name).length;
    const victim = servers.toSorted((a, b) => livesAt(b.name) - livesAt(a.name))[0]!;
    await victim.kill('SIGKILL');
    const atKill = requests;
    await until('everyone came often again', () => requests > atKill + 20 * clients.length, 20_000);
    // Its old sessions must not go back to it when it returns.
    await using _back = await startServer(app, victim.name, victim.port);
    const atReturn = requests;
    await until('and with the server back', () => requests > atReturn + 10 * clients.length, 20_000);
    goOn = false;
    await Promise.all(load);
    await pool.close();

    expect(clients.flatMap((client) => client.failures)).toEqual([]);
    const moved = clients.filter((client) => client.homes[0] === victim.name);
    expect(moved.length).toBeGreaterThanOrEqual(clients.length / names.length);
    for (const client of moved) {
      expect(client.homes).toHaveLength(2);
      expect(client.epochs).toEqual([1, 2]);
    }
    for (const client of clients.filter((client) => client.homes[0] !== victim.name)) {
      expect(client.homes).toHaveLength(1);
      expect(client.epochs).toEqual([1]);
    }
    // The others share what the dead one had.
    expect(new Set(moved.map((client) => client.homes[1])).size).toBe(3);
  });

  test('requests of one session at the same time agree on the new owner', async () => {
    await using servers = await together(names.map((name) => startServer(app, name)));
    await using limpet = await startLimpet(runtime, { args: servers.map((server) => server.address) });
    const pool = new Pool(limpet.url, { connections: 64 });
    const clients = Array.from({ length: 60 }, (_, i) => new Client(String(i)));
    await Promise.all(clients.map((client) => client.visit(pool)));
    await servers[2]!.kill('SIGKILL');
    const moved = clients.filter((client) => client.homes[0] === 'c');
    expect(moved.length).toBeGreaterThan(5);
    await Promise.all(
      moved.map(async (client) => {
        // The cookie of the first epoch, five times at once.
        const answers = await Promise.all([1, 2, 3, 4, 5].map(() => client.visit(pool)));
        expect(client.failures).toEqual([]);
        expect(new Set(answers).size).toBe(1);
        expect(answers[0]).not.toBe('c');
        expect(await client.visit(pool)).toBe(answers[0]);
        expect(new Set(client.epochs)).toEqual(new Set([1, 2]));
      }),
    );
    await pool.close();
  });

  test('an idle session is rebound by its first request after the kill', async () => {
    await using servers = await together(names.map((name) => startServer(app, name)));
    await using limpet = await startLimpet(runtime, { args: servers.map((server) => server.address) });
    const pool = new Pool(limpet.url, { connections: 1 });
    const client = new Client('idle');
    const first = await client.visit(pool);
    await servers[names.indexOf(first)]!.kill('SIGKILL');
    const second = await client.visit(pool);
    expect(second).not.toBe(first);
    expect(await client.visit(pool)).toBe(second);
    // Its new owner dies too.
    await servers[names.indexOf(second)]!.kill('SIGKILL');
    await client.visit(pool);
    expect(client.epochs).toEqual([1, 2, 3]);
    expect(client.failures).toEqual([]);
    await pool.close();
  });
});
