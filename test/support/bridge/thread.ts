/**
 * The bridges of one process, in a thread of their own: a test that computes does not stop them. Each listens for clients that speak
 * HTTP/1.1 without TLS, and passes what they say to a listener of the balancer that speaks TLS or HTTP/2.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { parentPort } from 'node:worker_threads';
import { H2Client } from './h2-client.ts';
import type { Answer, Order } from './orders.ts';
import { relay } from './relay.ts';
import { Session } from './session.ts';
import { addressOf, type Target } from './target.ts';

class Bridge {
  readonly server: Server;
  private readonly target: Target;
  private readonly isHttp2: boolean;
  private readonly clients = new Set<Socket>();
  private readonly sessions = new Set<Session>();
  /** By the address of the clients. */
  private readonly sharedSessions = new Map<string, Session>();

  constructor(target: Target, isHttp2: boolean) {
    this.target = target;
    this.isHttp2 = isHttp2;
    this.server = createServer({ allowHalfOpen: true }, (client) => this.accept(client));
  }

  stop(): void {
    this.server.close();
  }

  close(done: () => void): void {
    this.server.close(done);
    for (const client of this.clients) client.destroy();
    for (const session of this.sessions) session.destroy();
  }

  private accept(client: Socket): void {
    this.clients.add(client);
    client.once('close', () => this.clients.delete(client));
    if (this.isHttp2) new H2Client(client, this.sessionFor(addressOf(client)));
    else relay(client, this.target, this.refused);
  }

  private sessionFor(address: string): Session {
    const shared = this.sharedSessions.get(address);
    if (shared !== undefined && !shared.isClosed) return shared;
    const session = new Session(this.target, address, this.refused, report);
    this.sessions.add(session);
    session.http2.once('close', () => this.sessions.delete(session));
    if (this.target.shared) this.sharedSessions.set(address, session);
    return session;
  }

  /** The balancer does not listen any more: then neither does the bridge. */
  private readonly refused = (): void => {
    this.server.close();
  };
}

function report(problem: string): void {
  process.stderr.write(`bridge: ${problem}\n`);
}

const bridges = new Map<number, Bridge>();

function open({ id, host, port, target, isHttp2 }: Order & { kind: 'open' }): void {
  const bridge = new Bridge(target, isHttp2);
  bridges.set(id, bridge);
  bridge.server.once('error', ({ code = '' }: NodeJS.ErrnoException) => answer({ id, port: 0, error: code }));
  bridge.server.listen(port, host, () => {
    const bound = bridge.server.address();
    answer({ id, port: typeof bound === 'object' && bound !== null ? bound.port : 0, error: '' });
  });
}

function answer(message: Answer): void {
  parentPort?.postMessage(message);
}

parentPort?.on('message', (order: Order) => {
  if (order.kind === 'open') {
    open(order);
    return;
  }
  const { id } = order;
  const done = () => answer({ id, port: 0, error: '' });
  const bridge = bridges.get(id);
  if (order.kind === 'stop') {
    bridge?.stop();
    done();
    return;
  }
  bridges.delete(id);
  if (bridge === undefined) done();
  else bridge.close(done);
});
