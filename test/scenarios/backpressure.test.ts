/**
 * 300 MB (LIMPET_LONG=1: one gigabyte) through a peer that stops and starts: the balancer holds only a window of it, so its memory
 * does not grow, and the other side is made to wait.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { long } from '../support/long.ts';
import { configFor, listen } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const MB = 1024 * 1024;
const large = (long ? 1024 : 300) * MB;
/** Before memory is measured: a runtime's first garbage and compiled code are not what is asked about. */
const warmUp = 100 * MB;
const most = 64 * MB;
const window = 65_536;
const block = randomBytes(window);

/** Writes `size` bytes of the repeated block, as fast as the peer takes them. */
class Pusher {
  sent = 0;

  async run(socket: Socket, size: number): Promise<void> {
    while (this.sent < size) {
      this.sent += block.length;
      if (!socket.write(block)) await new Promise<void>((done) => socket.once('drain', done));
    }
  }
}

/** Takes `size` bytes and checks each. When slow: nothing at first, then window by window, then all it can get. */
class Reader {
  taken = 0;
  wrong = 0;
  readonly all: Promise<void>;
  private readonly size: number;
  private readonly finish: () => void;

  constructor(socket: Socket, first: Buffer, size: number, slow: boolean) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.all = promise;
    this.finish = resolve;
    this.size = size;
    this.take(first);
    socket.on('close', resolve);
    socket.on('data', (chunk: Buffer) => {
      this.take(chunk);
      if (!slow || this.taken >= 200 * window) return;
      socket.pause();
      setTimeout(() => socket.resume(), 2);
    });
    if (!slow) return;
    socket.pause();
    setTimeout(() => socket.resume(), 1500);
  }

  private take(chunk: Buffer): void {
    for (let from = 0; from < chunk.length; ) {
      const at = this.taken % window;
      const length = Math.min(window - at, chunk.length - from);
      if (chunk.compare(block, at, at + length, from, from + length) !== 0) this.wrong++;
      this.taken += length;
      from += length;
    }
    if (this.taken >= this.size) this.finish();
  }
}

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

/** Largest growth of the process's memory until `work` is done. */
async function growth(limpet: Limpet, work: Promise<unknown>): Promise<number> {
  const before = residentBytes(limpet.pid);
  let peak = before;
  let working = true;
  const ended = work.finally(() => {
    working = false;
  });
  while (working) {
    peak = Math.max(peak, residentBytes(limpet.pid));
    await Promise.race([ended, sleep(50)]);
  }
  await ended;
  return peak - before;
}

/** The head on the socket, and the bytes that came after it. */
function readHead(socket: Socket): Promise<{ head: string; rest: Buffer }> {
  socket.on('error', () => {});
  return new Promise((done) => {
    let bytes = Buffer.alloc(0);
    const onData = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0) return;
      socket.off('data', onData);
      socket.pause();
      done({ head: bytes.toString('latin1', 0, end), rest: bytes.subarray(end + 4) });
    };
    socket.on('data', onData);
  });
}

describe.each(runtimes)('1 GB on %s', (runtime) => {
  test('down to a slow reader', { timeout: 120_000 }, async () => {
    let pusher = new Pusher();
    const server = createServer(async (socket) => {
      const { head } = await readHead(socket);
      const size = Number(/^GET \/(\d+)/.exec(head)?.[1]);
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\nConnection: close\r\n\r\n`);
      pusher = new Pusher();
      await pusher.run(socket, size);
    });
    await using origin = await listen('a', server);
    await using limpet = await startLimpet(runtime, { config: { ...configFor([origin]), workers: 1 } });
    const get = async (size: number, slow: boolean) => {
      const socket = connect(limpet.port, '127.0.0.1');
      socket.write(`GET /${size} HTTP/1.1\r\nHost: x\r\n\r\n`);
      const { rest } = await readHead(socket);
      const reader = new Reader(socket, rest, size, slow);
      if (!slow) socket.resume();
      return reader;
    };
    await (await get(warmUp, false)).all;
    const reader = await get(large, true);
    const grown = growth(limpet, reader.all);
    await sleep(1200);
    // The reader has taken next to nothing so far, so the server had to stop.
    expect(pusher.sent).toBeLessThan(most);
    expect(await grown).toBeLessThan(most);
    expect([reader.taken, reader.wrong]).toEqual([large, 0]);
  });

  test('up to a slow server', { timeout: 120_000 }, async () => {
    let arrived = Promise.withResolvers<Reader>();
    const server = createServer(async (socket) => {
      const { head, rest } = await readHead(socket);
      const size = Number(/content-length: (\d+)/i.exec(head)?.[1]);
      const reader = new Reader(socket, rest, size, size === large);
      if (size !== large) socket.resume();
      arrived.resolve(reader);
      await reader.all;
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok');
    });
    await using origin = await listen('a', server);
    await using limpet = await startLimpet(runtime, { config: { ...configFor([origin]), workers: 1 } });
    const post = (size: number) => {
      const pusher = new Pusher();
      const socket = connect(limpet.port, '127.0.0.1');
      socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`);
      const answered = readHead(socket);
      void pusher.run(socket, size);
      return { pusher, answered };
    };
    await post(warmUp).answered;
    arrived = Promise.withResolvers<Reader>();
    const { pusher, answered } = post(large);
    const grown = growth(limpet, answered);
    const reader = await arrived.promise;
    await sleep(1200);
    expect(pusher.sent).toBeLessThan(most);
    expect(await grown).toBeLessThan(most);
    expect([reader.taken, reader.wrong]).toEqual([large, 0]);
  });
});
