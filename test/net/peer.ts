/** A recording end of a connection: what happened to it, in order, and whether the contract's rules on callbacks held. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Address, ListeningSocket, Net, Socket, SocketHandler } from '../../src/net/socket.ts';
import { until as untilTrue } from '../support/until.ts';

/** One case: it throws when the contract is broken. */
export type Case = (net: Net) => Promise<void>;

/** Something that should happen and has not after this long is a failure. */
const limitMs = 5000;

export function ok(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

export function same(found: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  ok(a === b, `${what}: found ${a}, expected ${b}`);
}

/** Waits for something to come true. */
export function until(what: string, isTrue: () => boolean, limit = limitMs): Promise<void> {
  return untilTrue(what, isTrue, limit, 1);
}

let running = '';
/** Set while a method of a socket runs: a callback that comes now came from inside it. */
let calling = '';
export const violations: string[] = [];

function callback(name: string, run: () => void): void {
  if (calling !== '') violations.push(`${name} came from inside ${calling}`);
  if (running !== '') violations.push(`${name} came during ${running}`);
  const [outer, call] = [running, calling];
  running = name;
  calling = '';
  try {
    run();
  } finally {
    running = outer;
    calling = call;
  }
}

function call<T>(name: string, run: () => T): T {
  const before = calling;
  calling = name;
  try {
    return run();
  } finally {
    calling = before;
  }
}

export class Peer implements SocketHandler {
  socket!: Socket;
  /** data, drain, end, close, reset; data once in a row. */
  readonly events: string[] = [];
  readonly chunks: Buffer[] = [];
  bytes = 0;
  drains = 0;
  /** Called with each event, from inside its callback. */
  on: (event: string, chunk: Buffer | null) => void = () => {};

  get text(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }

  get isClosed(): boolean {
    return this.events.some((event) => event === 'close' || event === 'reset');
  }

  onData(chunk: Buffer): void {
    callback('onData', () => {
      if (this.events.at(-1) !== 'data') this.note('data');
      this.bytes += chunk.length;
      this.chunks.push(chunk);
      this.on('data', chunk);
    });
  }

  onDrain(): void {
    callback('onDrain', () => {
      this.drains++;
      this.on('drain', null);
    });
  }

  onEnd(): void {
    callback('onEnd', () => {
      this.note('end');
      this.on('end', null);
    });
  }

  onClose(error: Error | null): void {
    callback('onClose', () => {
      this.note(error === null ? 'close' : 'reset');
      this.on('close', null);
    });
  }

  write(data: string | Uint8Array): boolean {
    return call('write', () => this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data));
  }

  writeCopy(bytes: Buffer, length: number): boolean {
    return call('writeCopy', () => this.socket.writeCopy(bytes, length));
  }

  end(): void {
    call('end', () => this.socket.end());
  }

  close(): void {
    call('close', () => this.socket.close());
  }

  destroy(): void {
    call('destroy', () => this.socket.destroy());
  }

  pause(): void {
    call('pause', () => this.socket.pause());
  }

  resume(): void {
    call('resume', () => this.socket.resume());
  }

  /** Writes pieces until some are kept; answers how many bytes it wrote. */
  async fill(piece: Buffer, most = 64 * 1024 * 1024): Promise<number> {
    let written = 0;
    while (this.socket.pending === 0) {
      this.write(Buffer.from(piece));
      written += piece.length;
      ok(written < most, `${written} bytes were taken by a connection that nobody reads`);
      // The kernel moves bytes between the two ends meanwhile.
      if (this.socket.pending === 0) await nextTurn();
    }
    return written;
  }

  private note(event: string): void {
    if (this.isClosed) violations.push(`${event} after ${this.events.at(-1)}`);
    this.events.push(event);
  }
}

export class Pair implements AsyncDisposable {
  readonly listener: ListeningSocket;
  readonly client: Peer;
  readonly server: Peer;

  constructor(listener: ListeningSocket, client: Peer, server: Peer) {
    this.listener = listener;
    this.client = client;
    this.server = server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.listener.close();
    for (const peer of [this.client, this.server]) if (!peer.isClosed) peer.destroy();
    await until('both ends are closed', () => this.client.isClosed && this.server.isClosed);
    // An event after the last one would come now.
    for (let turn = 0; turn < 3; turn++) await nextTurn();
  }
}

export const loopback = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;

/** Listens, and gives each connection a new `Peer`, kept in `peers`. */
export async function listenAt(net: Net, address: Address, peers: Peer[], reusePort = false): Promise<ListeningSocket> {
  return net.listen({
    address,
    reusePort,
    tls: null,
    backlog: 16,
    accept: (socket) => {
      const peer = new Peer();
      peer.socket = socket;
      peers.push(peer);
      return peer;
    },
    onError: (error) => violations.push(`the listener failed: ${error.message}`),
  });
}

export function connectTo(net: Net, address: Address): Promise<Peer> {
  return new Promise((resolve, reject) => {
    const peer = new Peer();
    net.connect(address, {
      onOpen: (socket) => {
        peer.socket = socket;
        resolve(peer);
        return peer;
      },
      onFail: reject,
    });
  });
}

/** A connection, both ends of it. `to`: the host to connect to, when it is not the one that is listened at. */
export async function pairOf(net: Net, address: Address = loopback, to = ''): Promise<Pair> {
  const peers: Peer[] = [];
  const listener = await listenAt(net, address, peers);
  const target = address.kind === 'unix' ? address : { ...address, port: listener.port, host: to || address.host };
  const client = await connectTo(net, target);
  await until('the connection is accepted', () => peers.length === 1);
  return new Pair(listener, client, peers[0]!);
}

/**
 * What must not happen has had its chance to: another connection was made, and bytes went to and fro over it. On loopback all that
 * was on its way before has arrived by then, and the runtime has polled its sockets many times.
 */
export async function othersGoOn(net: Net): Promise<void> {
  await using pair = await pairOf(net);
  const { client, server } = pair;
  for (let round = 1; round <= 20; round++) {
    client.write('x');
    await until('a byte on another connection', () => server.bytes === round);
    server.write('x');
    await until('its answer', () => client.bytes === round);
  }
}
