/**
 * 300 MB (LIMPET_LONG=1: one gigabyte) through a peer that stops and starts: the balancer holds only a window of it, so its memory
 * does not grow, and the other side is made to wait.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { long } from '../support/long.ts';
import { configFor, listen } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { untilStill } from '../support/until.ts';

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

/** Takes `size` bytes and checks each. When slow: nothing before `start`, then window by window, then all it can get. */
class Reader {
  taken = 0;
  /** Called with each piece. */
  onProgress = () => {};
  wrong = 0;
  readonly all: Promise<void>;
  private readonly socket: Socket;
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
      setImmediate(() => socket.resume());
    });
    this.socket = socket;
    if (slow) socket.pause();
  }

  start(): void {
    this.socket.resume();
  }

  private take(chunk: Buffer): void {
    for (let from = 0; from < chunk.length; ) {
      const at = this.taken % window;
      const length = Math.min(window - at, chunk.length - from);
      if (chunk.compare(block, at, at + length, from, from + length) !== 0) this.wrong++;
      this.taken += length;
      from += length;
    }
    this.onProgress();
    if (this.taken >= this.size) this.finish();
  }
}

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

/** Has the reader take all, and returns the largest growth of the process's memory meanwhile. */
async function growthWhile(limpet: Limpet, before: number, reader: Reader, work: Promise<unknown>): Promise<number> {
  const measureEvery = 4 * MB;
  let peak = residentBytes(limpet.pid);
  let measuredAt = 0;
  reader.onProgress = () => {
    if (reader.taken - measuredAt < measureEvery) return;
    measuredAt = reader.taken;
    peak = Math.max(peak, residentBytes(limpet.pid));
  };
  reader.start();
  await work;
  return Math.max(peak, residentBytes(limpet.pid)) - before;
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
    const before = residentBytes(limpet.pid);
    const reader = await get(large, true);
    // The reader has taken next to nothing so far, so the server has to stop.
    await untilStill('what the server sends', () => pusher.sent);
    expect(pusher.sent).toBeLessThan(most);
    expect(await growthWhile(limpet, before, reader, reader.all)).toBeLessThan(most);
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
    const before = residentBytes(limpet.pid);
    const { pusher, answered } = post(large);
    const reader = await arrived.promise;
    await untilStill('what the client sends', () => pusher.sent);
    expect(pusher.sent).toBeLessThan(most);
    expect(await growthWhile(limpet, before, reader, answered)).toBeLessThan(most);
    expect([reader.taken, reader.wrong]).toEqual([large, 0]);
  });
});
