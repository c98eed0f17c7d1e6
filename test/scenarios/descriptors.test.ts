/** More clients than the process may have descriptors: it goes on, blames no server, and is itself again when they have left. */
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { startStaged } from '../support/staged.ts';
import { http1, isHttp2, onlyOver, transport } from '../support/transport.ts';

const limit = 256;
const crowd = 1000;
/** Of the limit, so many are never touched by clients and their requests. */
const leastReserve = 24;

function descriptorsOf(limpet: Limpet): number {
  return readdirSync(`/proc/${limpet.pid}/fd`).length;
}

/** A client that sends a request, or only its beginning, and holds its connection; `fate` is what became of it. */
class Holder {
  fate = 'waits';
  private readonly socket: Socket;

  constructor(port: number, bytes: string) {
    this.socket = connect(port, '127.0.0.1', () => this.socket.write(bytes));
    this.socket.on('data', (data) => {
      if (this.fate === 'waits') this.fate = data.toString('latin1', 9, 12);
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      if (this.fate === 'waits') this.fate = 'closed';
    });
  }

  leave(): void {
    this.socket.destroy();
  }
}

function tally(holders: readonly Holder[]): Record<string, number> {
  const fates: Record<string, number> = {};
  for (const { fate } of holders) fates[fate] = (fates[fate] ?? 0) + 1;
  return fates;
}

/** The servers are in this process, which has a thousand clients to play: only a check that could not be made fails early. */
const configOf = (origins: readonly { name: string; address: string }[], workers: number) => ({
  ...configFor(origins, {
    health: { active: 'http', path: '/', interval: '200ms', timeout: '20s', fall: 1, passive: { connectErrors: 1 } },
  }),
  workers,
});

/** Lines that speak of a server that was taken out, or a worker that ended. */
function blames(limpet: Limpet): string[] {
  return limpet
    .stderr()
    .split('\n')
    .filter((line) => line.includes(' limpet: ') && /is out|is replaced|did not start|->/.test(line));
}

/** What the operator is told, on the admin socket. */
async function statusOf(limpet: Limpet): Promise<number> {
  const reply = await ask('http://admin/v1/servers', { socketPath: join(limpet.folder, 'state', 'admin.sock') });
  return reply.status;
}

async function freshStatuses(limpet: Limpet): Promise<number[]> {
  const replies = await Promise.all(Array.from({ length: 20 }, () => ask(`${limpet.url}/`)));
  return replies.map(({ status }) => status);
}

async function hasShed(limpet: Limpet): Promise<boolean> {
  const { connections_shed = 0 } = await limpet.counters();
  return connections_shed > crowd / 2;
}

const cases = runtimes.flatMap((runtime) => [1, 2].map((workers) => [runtime, workers] as const));

describe.each(cases)(`${limit} descriptors and ${crowd} clients on %s, %i workers`, (runtime, workers) => {
  test('requests', async () => {
    await using a = await httpOrigin('a');
    await using b = await httpOrigin('b');
    const config = configOf([a, b], workers);
    await using limpet = await startLimpet(runtime, { config, descriptors: limit });
    expect(limpet.stderr()).toMatch(/ulimit -n is 256: room for \d+ client connections.*LimitNOFILE/);

    let most = 0;
    for (let round = 0; round < 2; round++) {
      const holders = Array.from({ length: crowd }, () => new Holder(limpet.port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
      await until('every client knows', () => {
        most = Math.max(most, descriptorsOf(limpet));
        return tally(holders).waits === undefined;
      });
      const fates = tally(holders);
      // HTTP/2 refuses a connection with GOAWAY.
      expect(Object.keys(fates).sort()).toEqual(isHttp2 ? ['200', 'closed'] : ['200', '503', 'closed']);
      expect(fates['200']).toBeGreaterThan(50);
      // Nobody is let in who is not served, so that a check of a server and the operator's question have their descriptor.
      expect(await statusOf(limpet)).toBe(200);
      for (const holder of holders) holder.leave();
      await until('all have left', async () => (await limpet.counters()).connections_open === 0);
      expect(await freshStatuses(limpet)).toEqual(new Array(20).fill(200));
    }
    // Out of descriptors a runtime tries to accept again and again, and takes a core for it: it never comes to that.
    expect(most).toBeLessThanOrEqual(limit - leastReserve);

    const counters = await limpet.counters();
    // Where each has a handshake first, a slow machine serves many one after the other.
    expect(counters.connections_shed).toBeGreaterThan(transport === 'h1' ? crowd / 2 : 0);
    expect([counters.workers_replaced, counters.ejections, counters.shortages_accept, counters.panic_choices]).toEqual([
      0, 0, 0, 0,
    ]);
    expect(blames(limpet)).toEqual([]);
  });

  test('heads that never end', async () => {
    onlyOver(http1, 'no part of a head is sent over HTTP/2, and an idle connection gives way');
    await using a = await httpOrigin('a');
    const config = configOf([a], workers);
    await using limpet = await startLimpet(runtime, { config, descriptors: limit });
    // One that came before them is served all the time.
    const early = new Holder(limpet.port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await until('it is served', () => early.fate === '200');
    const holders = Array.from({ length: crowd }, () => new Holder(limpet.port, 'GET / HTTP/1.1\r\nHost'));
    await until('those that are too many know', () => hasShed(limpet));
    expect(descriptorsOf(limpet)).toBeLessThanOrEqual(limit - leastReserve);
    expect(await statusOf(limpet)).toBe(200);
    for (const holder of [early, ...holders]) holder.leave();
    await until('all have left', async () => (await limpet.counters()).connections_open === 0);
    expect(await freshStatuses(limpet)).toEqual(new Array(20).fill(200));
    expect(blames(limpet)).toEqual([]);
  });

  test('connections on which nobody asks give way to those that come', async () => {
    onlyOver(['h1', 'h2c'], 'idle connections give way after a second, before 1,000 handshakes are over');
    await using a = await httpOrigin('a');
    await using limpet = await startLimpet(runtime, { config: configOf([a], workers), descriptors: limit });
    const idle = Array.from({ length: crowd }, () => new Holder(limpet.port, ''));
    await until('the room is full', () => hasShed(limpet));
    // Each has been idle for a second by then: the balancer's own measure of a connection that nobody uses.
    await until('somebody is let in', async () => {
      const reply = await ask(`${limpet.url}/`).catch(() => null);
      return reply?.status === 200;
    });
    expect((await limpet.counters()).connections_evicted).toBeGreaterThan(0);
    for (const holder of idle) holder.leave();
  });
});

describe.each(runtimes)(`a worker that fails while all ${limit} descriptors are asked for, on %s`, (runtime) => {
  test('is replaced', async () => {
    await using a = await httpOrigin('a');
    const config = { listeners: [{ address: '127.0.0.1:0' }], ...configOf([a], 2) };
    await using limpet = await startStaged(runtime, config, limit);
    const heldOpen = 'GET / HTTP/1.1\r\nHost';
    const first = Array.from({ length: crowd }, () => new Holder(limpet.port, heldOpen));
    const shed = async () => (await limpet.counters()).connections_shed ?? 0;
    await until('the room is full', async () => (await shed()) > crowd / 2);
    // Its clients are gone with it: others take their place while the next worker loads.
    const second = Array.from({ length: crowd }, () => new Holder(limpet.port, heldOpen));
    await limpet.crash(0);
    await until('the room is full again', async () => (await shed()) > crowd);
    for (const holder of [...first, ...second]) holder.leave();
    await until('all have left', async () => (await limpet.counters()).connections_open === 0);
    const replies = await Promise.all(Array.from({ length: 20 }, () => ask(limpet.url)));
    expect(replies.map(({ status }) => status)).toEqual(new Array(20).fill(200));
    expect((await limpet.counters()).workers_replaced).toBe(1);
  });
});
