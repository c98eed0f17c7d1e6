/**
 * Socket.IO clients without any cookie: the session id is learned from the body of the handshake's response and followed
 * in the query. Long polling alone, with an upgrade to websocket, and websocket from the beginning.
 */
import { io, type Socket } from 'socket.io-client';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { ask, configFor, startServer, together, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const script = new URL('../interop/socket.io-server.ts', import.meta.url);
const names = ['a', 'b', 'c'];
const rooms = 3;
const handshake = '/socket.io/?EIO=4&transport=polling';

class Player implements AsyncDisposable {
  /** The servers it was greeted by, one entry for each connection. */
  readonly servers: string[] = [];
  readonly problems: string[] = [];
  readonly heard: string[] = [];
  readonly room: string;
  private readonly socket: Socket;
  private readonly index: number;
  private readonly transport: string;

  constructor(url: string, transports: readonly string[], index: number, reconnection = false) {
    this.index = index;
    this.room = `room ${index % rooms}`;
    this.transport = transports.at(-1) ?? '';
    const options = { transports: [...transports], forceNew: true, reconnection, reconnectionDelay: 50, timeout: 5000 };
    this.socket = io(url, options);
    this.socket.on('who', (name: string) => this.servers.push(name));
    this.socket.on('said', (_: string, text: string) => this.heard.push(text));
    this.socket.on('connect_error', (error) => this.problems.push(`connect: ${error.message}`));
    this.socket.on('disconnect', (reason) => this.problems.push(`disconnect: ${reason}`));
  }

  get server(): string {
    return this.servers.at(-1) ?? '';
  }

  async connected(times = 1): Promise<void> {
    await until('the greeting', () => this.servers.length >= times || this.problems.length > 0);
    // An upgrade comes after the greeting.
    await until(`the ${this.transport}`, () => this.socket.io.engine.transport.name === this.transport);
  }

  async echo(text: string): Promise<void> {
    const answer: unknown = await this.socket.timeout(5000).emitWithAck('echo', text).catch(String);
    // socket.io gives the first argument of the answer: the server's name.
    if (answer !== this.server) this.problems.push(`echo of ${text}: ${String(answer)}`);
  }

  async join(): Promise<void> {
    await new Promise<void>((joined) => this.socket.emit('join', this.room, joined));
  }

  say(): void {
    this.socket.emit('say', this.room, `player ${this.index}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.off('disconnect');
    this.socket.disconnect();
  }
}

describe.each(runtimes)('Socket.IO without cookies on %s', (runtime) => {
  test.each([
    ['polling', ['polling']],
    ['polling, then an upgrade', ['polling', 'websocket']],
    ['websocket', ['websocket']],
  ])('12 clients by %s: echoes and rooms', async (_, transports) => {
    await using servers = await together(names.map((name) => startServer(script, name)));
    const config = { ...configFor(servers, { affinity: ['socket.io'], balance: 'round-robin' }), workers: 2 };
    await using limpet = await startLimpet(runtime, { config });
    const starting = Array.from({ length: 12 }, async (_, index) => new Player(limpet.url, transports, index));
    await using players = await together(starting);
    await Promise.all(
      players.map(async (player) => {
        await player.connected();
        for (let n = 0; n < 5; n++) await player.echo(`${n}`);
        await player.join();
      }),
    );
    expect(new Set(players.map(({ server }) => server)).size).toBe(3);
    for (const player of players) player.say();
    // No adapter joins the servers: a room is the players of one server in it.
    const expected = players.map((player) =>
      players.flatMap(({ server, room }, i) =>
        server === player.server && room === player.room ? [`player ${i}`] : [],
      ),
    );
    await until('everybody has heard the room', () =>
      players.every(({ heard }, i) => heard.length >= (expected[i]?.length ?? 0)),
    );
    expect(players.map(({ heard }) => heard.toSorted())).toEqual(expected.map((texts) => texts.toSorted()));
    expect(players.flatMap(({ problems }) => problems)).toEqual([]);
    expect(players.map(({ servers }) => servers.length)).toEqual(players.map(() => 1));
  });

  test('the owner is killed: its clients reconnect to the others, which keep theirs', async () => {
    await using servers = await together(names.map((name) => startServer(script, name)));
    // 400 is the answer by which a client of Engine.IO learns that its session is gone.
    const affinity = [{ 'socket.io': { path: '/socket.io' }, whenOwnerFails: { reject: 400 } }];
    const config = { ...configFor(servers, { affinity, balance: 'round-robin' }), workers: 2 };
    await using limpet = await startLimpet(runtime, { config });
    const starting = Array.from({ length: 18 }, async (_, index) => new Player(limpet.url, ['polling'], index, true));
    await using players = await together(starting);
    await Promise.all(players.map((player) => player.connected()));
    const orphans = players.filter(({ server }) => server === 'b');
    expect(orphans.length).toBeGreaterThan(0);
    await servers[1]?.kill('SIGKILL');
    await Promise.all(orphans.map((player) => until('a new server', () => player.servers.length > 1)));
    for (const player of players) {
      const orphan = orphans.includes(player);
      expect(player.servers).toEqual(orphan ? ['b', expect.stringMatching(/^[ac]$/)] : [player.server]);
      player.problems.length = 0;
      for (let n = 0; n < 5; n++) await player.echo(`${n}`);
      expect(player.problems).toEqual([]);
    }
  });

  test('the id alone leads home, whatever the connection; without the affinity it does not', async () => {
    await using servers = await together(names.map((name) => startServer(script, name)));
    const heartbeats = async (affinity: unknown) => {
      const config = { ...configFor(servers, { affinity, balance: 'round-robin' }), workers: 2 };
      await using limpet = await startLimpet(runtime, { config });
      const statuses: number[] = [];
      for (let client = 0; client < 6; client++) {
        const hello = await ask(limpet.url + handshake);
        expect(hello.body).toMatch(/^0\{"sid":"/);
        const { sid } = JSON.parse(hello.body.slice(1)) as { sid: string };
        const url = `${limpet.url}${handshake}&sid=${sid}`;
        // Joins the default namespace, and twice says a word there.
        for (const body of ['40', '42["word"]', '42["word"]'])
          statuses.push((await ask(url, { method: 'POST', body })).status);
      }
      return statuses;
    };
    expect(new Set(await heartbeats(['socket.io']))).toEqual(new Set([200]));
    expect(await heartbeats('none')).toContain(400);
  });
});
