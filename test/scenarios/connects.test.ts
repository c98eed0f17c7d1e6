/** A server that takes no connections, and says nothing: what waits for it is bounded, and given back when clients leave. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { host } from '../support/host.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

/** What the kernel accepts for the deaf server before it drops every further SYN: one more than its backlog. */
const queue = 2;

/** A server that is stopped, with a full queue: connecting to it takes until the caller gives up. */
class Dropping implements AsyncDisposable {
  readonly name = 'dropping';
  readonly address: string;
  private readonly child: ChildProcess;
  private readonly fill: Socket[];

  private constructor(child: ChildProcess, port: number, fill: Socket[]) {
    this.child = child;
    this.address = `${host}:${port}`;
    this.fill = fill;
  }

  static async start(): Promise<Dropping> {
    const program = join(import.meta.dirname, '../support/deaf-server.ts');
    const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    child.kill('SIGSTOP');
    const port = Number(/\d+/.exec(String(said))?.[0]);
    const fill: Socket[] = [];
    for (let i = 0; i < queue; i++) {
      const socket = connect(port, host).on('error', () => {});
      await once(socket, 'connect');
      fill.push(socket);
    }
    return new Dropping(child, port, fill);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.fill) socket.destroy();
    const gone = once(this.child, 'close');
    this.child.kill('SIGKILL');
    await gone;
  }
}

function descriptorsOf(limpet: Limpet): number {
  return readdirSync(`/proc/${limpet.pid}/fd`).length;
}

function askFrom(port: number, path: string): Socket {
  const socket = connect(port, '127.0.0.1', () => socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`));
  return socket.on('error', () => {});
}

async function counted(limpet: Limpet, name: string): Promise<number> {
  return (await limpet.counters())[name] ?? -1;
}

/** Nobody's patience ends during a test. */
const patient = { timeouts: { connect: '60s' }, queue: { timeout: '60s' }, affinity: 'none' };

describe.each(runtimes)('a server that drops SYNs, on %s', (runtime) => {
  test('a client that leaves takes the connection that was being made along', async () => {
    await using dropping = await Dropping.start();
    const config = { ...configFor([dropping], patient), workers: 1 };
    await using limpet = await startLimpet(runtime, { config });
    const before = descriptorsOf(limpet);
    for (let round = 0; round < 5; round++) {
      const clients = Array.from({ length: 100 }, () => askFrom(limpet.port, '/'));
      await until('all are being connected', async () => (await counted(limpet, 'connecting')) === 100);
      expect(descriptorsOf(limpet)).toBeGreaterThanOrEqual(before + 200);
      for (const client of clients) client.destroy();
      await until('all have left', async () => (await counted(limpet, 'connections_open')) === 0);
      expect(await counted(limpet, 'connecting')).toBe(0);
      await until('their descriptors are free', () => descriptorsOf(limpet) <= before + 2);
    }
    expect(await counted(limpet, 'ejections')).toBe(0);
  });

  test('beyond limits.connecting of the pool requests queue, other servers are not in their way, and checks go on', async () => {
    await using dropping = await Dropping.start();
    await using up = await httpOrigin('up');
    const health = { active: 'tcp', interval: '100ms', timeout: '50ms', fall: 2, passive: false, panicThreshold: 0 };
    const config = {
      listeners: [{ address: '127.0.0.1:0' }],
      workers: 1,
      pools: {
        stuck: { ...patient, servers: [dropping.address], limits: { connecting: 4 } },
        // Only its check says that it is down: not one of the connections that are being made stands in the check's way.
        both: { ...patient, servers: [dropping.address, up.address], balance: 'round-robin', health },
      },
      routes: [{ match: { path: '/stuck' }, pool: 'stuck' }, { pool: 'both' }],
    };
    await using limpet = await startLimpet(runtime, { config });
    const clients = Array.from({ length: 20 }, () => askFrom(limpet.port, '/stuck'));
    await until('four are being connected', async () => (await counted(limpet, 'connecting')) >= 4);
    await until('the others wait', async () => (await counted(limpet, 'queue_depth')) === 16);
    expect(await counted(limpet, 'connecting_full')).toBeGreaterThanOrEqual(16);
    await until('the check has failed', () => limpet.stderr().includes(`server both/${dropping.address} is out`));
    for (let i = 0; i < 4; i++) expect((await ask(`${limpet.url}/`)).status).toBe(200);
    // Two that leave make room for two.
    for (const client of clients.splice(0, 2)) client.destroy();
    await until('two fewer are there', async () => {
      const { connecting = 0, queue_depth = 0 } = await limpet.counters();
      return connecting + queue_depth === 18 && connecting === 4;
    });
    for (const client of clients) client.destroy();
    await until('all have left', async () => (await counted(limpet, 'connecting')) === 0);
    expect(await counted(limpet, 'queue_depth')).toBe(0);
  });

  test('a new session goes to a server that can be reached while another has too many being made', async () => {
    await using dropping = await Dropping.start();
    await using up = await httpOrigin('up');
    const pool = { ...patient, balance: 'round-robin', limits: { connecting: 2 } };
    const config = { ...configFor([dropping, up], pool), workers: 1 };
    await using limpet = await startLimpet(runtime, { config });
    const clients = Array.from({ length: 10 }, () => askFrom(limpet.port, '/'));
    await until('two are being connected', async () => (await counted(limpet, 'connecting')) === 2);
    for (let i = 0; i < 10; i++) expect((await ask(limpet.url)).status).toBe(200);
    for (const client of clients) client.destroy();
  });

  test('beyond limits.connecting of the balancer requests queue, and a server with idle connections is served', async () => {
    await using dropping = await Dropping.start();
    await using up = await httpOrigin('up');
    const config = {
      listeners: [{ address: '127.0.0.1:0' }],
      workers: 1,
      limits: { connecting: 3 },
      pools: {
        stuck: { ...patient, servers: [dropping.address] },
        well: { ...patient, servers: [up.address], timeouts: { keepAlive: '60s' } },
      },
      routes: [{ match: { path: '/stuck' }, pool: 'stuck' }, { pool: 'well' }],
    };
    await using limpet = await startLimpet(runtime, { config });
    expect((await ask(limpet.url)).status).toBe(200);
    const clients = Array.from({ length: 10 }, () => askFrom(limpet.port, '/stuck'));
    await until('three are being connected', async () => (await counted(limpet, 'connecting')) === 3);
    await until('the others wait', async () => (await counted(limpet, 'queue_depth')) === 7);
    expect((await ask(limpet.url)).status).toBe(200);
    for (const client of clients) client.destroy();
    await until('all have left', async () => (await counted(limpet, 'connecting')) === 0);
  });
});
