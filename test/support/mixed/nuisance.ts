/**
 * Clients that a balancer has to put up with: those who leave in the middle of a request, of a response or of a head,
 * those who read slowly and then not at all, and WebSockets that come and go with their servers.
 */
import { connect, type Socket } from 'node:net';
import WebSocket from 'ws';

/** How often each of them came, and that they found what they wanted. */
export interface NuisanceCounts {
  readonly left: number;
  readonly slow: number;
  readonly slowBytes: number;
  readonly sockets: number;
  readonly echoes: number;
}

const leaveEvery = 40;
const slowEvery = 1500;
const socketEvery = 400;
/** How long slow readers and WebSockets stay. */
const stay = 8000;

export class Nuisance {
  private readonly port: number;
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly open = new Set<Socket | WebSocket>();
  private readonly counts = { left: 0, slow: 0, slowBytes: 0, sockets: 0, echoes: 0 };

  constructor(port: number) {
    this.port = port;
  }

  get told(): NuisanceCounts {
    return { ...this.counts };
  }

  start(): void {
    this.timers.push(setInterval(() => this.leave(), leaveEvery));
    this.timers.push(setInterval(() => this.readSlowly(), slowEvery));
    this.timers.push(setInterval(() => this.talk(), socketEvery));
  }

  stop(): void {
    for (const timer of this.timers) clearInterval(timer);
    for (const one of this.open) {
      if (one instanceof WebSocket) one.terminate();
      else one.destroy();
    }
  }

  /** In turn: before the head is whole, in the middle of an upload, before the answer, in the middle of a large answer. */
  private leave(): void {
    const begin = 'Host: mixed\r\nX-Session: left.0.0\r\nX-Seq: 0\r\n';
    const requests = [
      `GET /shop HTTP/1.1\r\n${begin}`,
      `POST /shop HTTP/1.1\r\n${begin}Content-Length: 100000\r\n\r\n${'x'.repeat(30_000)}`,
      `GET /shop HTTP/1.1\r\n${begin}X-Delay: 200\r\n\r\n`,
      'GET /large HTTP/1.1\r\nHost: mixed\r\n\r\n',
    ];
    const kind = this.counts.left++ % requests.length;
    const socket = this.connect();
    socket.write(requests[kind] ?? '');
    if (kind === 3) socket.once('data', () => socket.resetAndDestroy());
    setTimeout(() => (kind % 2 === 0 ? socket.resetAndDestroy() : socket.destroy()), 30);
  }

  private readSlowly(): void {
    this.counts.slow++;
    const socket = this.connect();
    socket.write('GET /large HTTP/1.1\r\nHost: mixed\r\n\r\n');
    socket.on('data', (piece) => {
      this.counts.slowBytes += piece.length;
      socket.pause();
      setTimeout(() => socket.resume(), 50);
    });
    setTimeout(() => socket.destroy(), stay);
  }

  private talk(): void {
    const socket = new WebSocket(`ws://127.0.0.1:${this.port}/ws`);
    this.counts.sockets++;
    this.open.add(socket);
    socket.on('message', () => {
      this.counts.echoes++;
    });
    let sending: NodeJS.Timeout | undefined;
    socket.on('open', () => {
      sending = setInterval(() => socket.send('x'.repeat(1000)), 250);
      setTimeout(() => socket.close(), stay);
    });
    // Its server may be killed.
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(sending);
      this.open.delete(socket);
    });
  }

  private connect(): Socket {
    const socket = connect(this.port, '127.0.0.1');
    this.open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.open.delete(socket));
    return socket;
  }
}
