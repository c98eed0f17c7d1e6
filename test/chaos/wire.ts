/** A TCP proxy on loopback that can be told to be a bad network: all that passes it may be delayed, held back or cut. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

type State = 'fine' | 'slow' | 'held' | 'answers-held';

export class Wire {
  readonly name: string;
  readonly port: number;
  /** Where it listens. */
  readonly host: string;
  private server: Server;
  private readonly target: number;
  private readonly targetHost: string;
  private readonly pairs = new Set<readonly [Socket, Socket]>();
  private state: State = 'fine';
  private delay = 0;
  /** Told when the wire is fine again. */
  private waiting: (() => void)[] = [];

  private constructor(name: string, target: number, targetHost: string, { server, host, port }: Listening) {
    this.name = name;
    this.target = target;
    this.targetHost = targetHost;
    this.host = host;
    this.port = port;
    this.server = server;
    this.take(server);
  }

  /** Takes connections for `target` at a port of its own, or at that port of `host`. */
  static async open(
    name: string,
    target: number,
    targetHost = '127.0.0.1',
    host = '127.0.0.1',
    port = 0,
  ): Promise<Wire> {
    return new Wire(name, target, targetHost, await listen(host, port));
  }

  /** Breaks every connection, by RST; new ones are taken. */
  cut(): void {
    for (const pair of this.pairs) for (const socket of pair) socket.resetAndDestroy();
  }

  /** Each piece arrives so much later (ms), in order. */
  slow(delay: number): void {
    this.state = 'slow';
    this.delay = delay;
  }

  /** Nothing arrives, nothing is refused. */
  hold(): void {
    this.state = 'held';
  }

  /** Nothing comes back. What is sent arrives. */
  holdAnswers(): void {
    this.state = 'answers-held';
  }

  /** Pieces that have come and are held. */
  get held(): number {
    return this.waiting.length;
  }

  /** Breaks every connection, and refuses new ones until `accept`: as if no program listened. */
  refuse(): void {
    if (this.server.listening) this.server.close();
    this.cut();
  }

  async accept(): Promise<void> {
    if (this.server.listening) return;
    const { server } = await listen(this.host, this.port);
    this.server = server;
    this.take(server);
  }

  heal(): void {
    this.state = 'fine';
    for (const go of this.waiting.splice(0)) go();
  }

  async close(): Promise<void> {
    this.heal();
    const closed = this.server.listening ? once(this.server, 'close') : null;
    if (closed !== null) this.server.close();
    for (const pair of this.pairs) for (const socket of pair) socket.destroy();
    await closed;
  }

  private take(server: Server): void {
    server.on('connection', (near) => {
      this.join(near, connect({ host: this.targetHost, port: this.target, noDelay: true, allowHalfOpen: true }));
    });
  }

  private join(near: Socket, far: Socket): void {
    const pair = [near, far] as const;
    this.pairs.add(pair);
    void this.pass(near, far, false);
    void this.pass(far, near, true);
    // One half that is left open would keep the run from its end.
    const closed = () => void (near.closed && far.closed && this.pairs.delete(pair));
    near.once('close', closed);
    far.once('close', closed);
  }

  private async pass(from: Socket, to: Socket, isAnswer: boolean): Promise<void> {
    from.on('error', () => to.resetAndDestroy());
    try {
      for await (const piece of from.iterator({ destroyOnReturn: false })) {
        await this.passable(isAnswer);
        if (!to.write(piece)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
      }
      await this.passable(isAnswer);
      to.end();
    } catch {
      to.resetAndDestroy();
    }
  }

  private async passable(isAnswer: boolean): Promise<void> {
    if (this.state === 'slow') await new Promise((go) => setTimeout(go, this.delay));
    while (this.state === 'held' || (this.state === 'answers-held' && isAnswer))
      await new Promise<void>((go) => this.waiting.push(go));
  }
}

interface Listening {
  readonly server: Server;
  readonly host: string;
  readonly port: number;
}

/** 0: a port that the system chooses. */
async function listen(host: string, wanted: number): Promise<Listening> {
  const server = createServer({ noDelay: true, allowHalfOpen: true });
  server.listen(wanted, host);
  await once(server, 'listening');
  const address = server.address();
  return { server, host, port: typeof address === 'object' && address !== null ? address.port : 0 };
}
