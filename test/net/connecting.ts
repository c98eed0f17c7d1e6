/** Connections being made: to a host that drops what it is sent, and when this machine has no descriptors left. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { createConnection, type Socket as StreamSocket } from 'node:net';
import { join } from 'node:path';
import { shortageOf } from '../../src/net/shortage.ts';
import type { Address, Connecting, Net, Socket } from '../../src/net/socket.ts';
import { host } from '../support/host.ts';
import { type Case, connectTo, listenAt, loopback, ok, Peer, same, until } from './peer.ts';

/** Connections that the deaf server's queue takes before the kernel drops what else comes: one more than its backlog. */
const queue = 2;

/** Open descriptors of this process; the one that reads the folder is in each count. */
export function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** A listener that accepts nobody and whose queue is full: the kernel drops every further SYN, as a host behind a firewall does. */
class Dropping implements AsyncDisposable {
  private readonly child: ChildProcess;
  private readonly fill: StreamSocket[];
  readonly address: Address;

  private constructor(child: ChildProcess, fill: StreamSocket[], address: Address) {
    this.child = child;
    this.fill = fill;
    this.address = address;
  }

  static async start(): Promise<Dropping> {
    const child = spawn('node', [join(import.meta.dirname, '../support/deaf-server.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    // It does so by itself, but a moment later.
    child.kill('SIGSTOP');
    const address = { ...loopback, host, port: Number(/\d+/.exec(String(said))?.[0]) };
    const fill: StreamSocket[] = [];
    for (let i = 0; i < queue; i++) {
      const one = createConnection(address.port, address.host);
      await once(one, 'connect');
      fill.push(one);
    }
    return new Dropping(child, fill, address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = [once(this.child, 'close'), ...this.fill.map((one) => once(one, 'close'))];
    for (const one of this.fill) one.destroy();
    this.child.kill('SIGKILL');
    await Promise.all(gone);
  }
}

/** All descriptors that this process may have, until `release`. */
function takeAllDescriptors(): { release: () => void } {
  const taken: number[] = [];
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {
    return { release: () => taken.splice(0).forEach(closeSync) };
  }
}

async function failureWithout(net: Net, address: Address): Promise<Error> {
  const { release } = takeAllDescriptors();
  try {
    let inside = true;
    const failure = await new Promise<Error>((resolve, reject) => {
      net.connect(address, {
        onOpen: () => {
          reject(new Error('connected without a descriptor'));
          return new Peer();
        },
        onFail: (error) => (inside ? reject(new Error('onFail from inside connect')) : resolve(error)),
      });
      inside = false;
    });
    return failure;
  } finally {
    release();
  }
}

export const connecting: Record<string, Case> = {
  async 'a cancelled connect to a host that drops SYNs frees its descriptor at once'(net) {
    await using dropping = await Dropping.start();
    const before = descriptors();
    const many = 50;
    let told = 0;
    const handler = {
      onOpen: () => {
        told++;
        return new Peer();
      },
      onFail: () => told++,
    };
    const all: Connecting[] = [];
    for (let i = 0; i < many; i++) all.push(net.connect(dropping.address, handler));
    await until('all have a descriptor', () => descriptors() === before + many);
    for (const one of all) one.cancel();
    same(descriptors() - before, 0, 'descriptors right after cancel');
    same(told, 0, 'callbacks');
  },

  async 'a connect that is cancelled from the callback of another'(net) {
    await using dropping = await Dropping.start();
    const listener = await listenAt(net, loopback, []);
    const before = descriptors();
    const hanging = net.connect(dropping.address, { onOpen: () => new Peer(), onFail: () => {} });
    const peer = new Peer();
    let after = 0;
    net.connect(
      { ...loopback, port: listener.port },
      {
        onOpen: (socket: Socket) => {
          peer.socket = socket;
          hanging.cancel();
          after = descriptors();
          return peer;
        },
        onFail: () => {},
      },
    );
    await until('it is open', () => after > 0);
    ok(after - before <= 2, `${after - before} descriptors for the two ends of one connection`);
    peer.destroy();
    listener.close();
    await until('it is closed', () => peer.isClosed);
  },

  async 'what a server says before it is asked is not lost'(net) {
    const servers: Peer[] = [];
    const listener = await net.listen({
      address: loopback,
      reusePort: false,
      tls: null,
      backlog: 16,
      accept: (socket) => {
        socket.write(Buffer.from('220 ready'));
        const server = new Peer();
        servers.push(server);
        return server;
      },
      onError: () => {},
    });
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => connectTo(net, { ...loopback, port: listener.port })),
    );
    await until('all greetings', () => clients.every((client) => client.text === '220 ready'));
    for (const client of clients) client.destroy();
    listener.close();
    await until('all are closed', () => [...clients, ...servers].every((one) => one.isClosed));
  },

  async 'without descriptors a connect fails later, with EMFILE, a shortage of this machine'(net) {
    const listener = await listenAt(net, loopback, []);
    const host = { ...loopback, port: listener.port };
    for (const address of [
      host,
      { ...host, host: 'localhost' },
      { kind: 'unix', path: '/nowhere/app.sock' },
    ] as const) {
      const failure = await failureWithout(net, address);
      same('code' in failure ? failure.code : '', 'EMFILE', `code for ${JSON.stringify(address)}: ${failure.message}`);
      ok(shortageOf(failure, address.kind) !== null, 'not taken for a shortage');
    }
    listener.close();
  },

  async 'without descriptors a listener rejects with EMFILE'(net) {
    const { release } = takeAllDescriptors();
    let failure: unknown;
    try {
      await listenAt(net, loopback, []).catch((error: unknown) => {
        failure = error;
      });
    } finally {
      release();
    }
    same(failure instanceof Error && 'code' in failure ? failure.code : failure, 'EMFILE', 'code');
  },

  async 'a server that refuses is not taken for a shortage of this machine'(net) {
    const listener = await listenAt(net, loopback, []);
    listener.close();
    const failure: unknown = await connectTo(net, { ...loopback, port: listener.port }).catch(
      (error: unknown) => error,
    );
    ok(failure instanceof Error && shortageOf(failure, 'tcp') === null, `a shortage: ${String(failure)}`);
  },
};
