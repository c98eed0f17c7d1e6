/** A network without a kernel for measuring: one client whose bytes come in pieces, and servers that answer what is asked of them. */
import type {
  Address,
  ConnectHandler,
  Connecting,
  ListeningSocket,
  ListenOptions,
  Net,
  Socket,
  SocketHandler,
} from '../../src/net/socket.ts';
import { nobody } from '../../src/net/socket.ts';

/** One end of a connection, which throws away what is written to it. */
class End implements Socket {
  handler: SocketHandler = nobody;
  readonly remoteAddress: string;
  readonly pending = 0;
  readonly descriptor = -1;
  readonly secure = true;
  readonly tls = null;
  written = 0;
  open = true;
  onWrite: (chunk: Uint8Array) => void = () => {};

  constructor(remoteAddress: string) {
    this.remoteAddress = remoteAddress;
  }

  write(chunk: Uint8Array): boolean {
    this.written += chunk.length;
    this.onWrite(chunk);
    return true;
  }

  writeCopy(bytes: Buffer, length: number): boolean {
    return this.write(bytes.subarray(0, length));
  }

  end(): void {
    this.open = false;
  }

  close(): void {
    this.open = false;
  }

  destroy(): void {
    this.open = false;
  }

  pause(): void {}
  resume(): void {}
  charge(): void {}
}

export interface Talk {
  /** What the client sends, a read for each. */
  readonly request: readonly Buffer[];
  /** What the server answers, a read for each, once `isWhole` says so of what it got with one write. */
  readonly answer: readonly Buffer[];
  readonly isWhole: (chunk: Uint8Array) => boolean;
}

export class CostNet implements Net {
  readonly runtime = 'node';
  private accept: ListenOptions['accept'] = () => null;
  private readonly tasks: (() => void)[] = [];
  private talk: Talk = { request: [], answer: [], isWhole: () => true };

  afterTurn(run: () => void): void {
    this.tasks.push(run);
  }

  listen({ accept }: ListenOptions): Promise<ListeningSocket> {
    this.accept = accept;
    return Promise.resolve({ port: 1, setTls() {}, close() {} });
  }

  connect(_address: Address, handler: ConnectHandler): Connecting {
    let cancelled = false;
    this.tasks.push(() => {
      if (cancelled) return;
      const server = new End('127.0.0.1');
      server.onWrite = (chunk) => {
        if (this.talk.isWhole(chunk)) this.tasks.push(() => this.answer(server));
      };
      server.handler = handler.onOpen(server);
    });
    return {
      cancel: () => {
        cancelled = true;
      },
    };
  }

  /** One connection of a trusted proxy. Answers how many bytes the client got. */
  run(talk: Talk): number {
    this.talk = talk;
    const client = new End('10.0.0.1');
    const handler = this.accept(client);
    if (handler === null) throw new Error('nobody accepts');
    client.handler = handler;
    for (const piece of talk.request) {
      if (!client.open) break;
      // The balancer edits what it has read in place.
      client.handler.onData(Buffer.from(piece));
      this.turn();
    }
    client.handler.onClose(null);
    this.turn();
    return client.written;
  }

  private answer(server: End): void {
    for (const piece of this.talk.answer) {
      if (!server.open) return;
      server.handler.onData(Buffer.from(piece));
    }
  }

  private turn(): void {
    for (let next = this.tasks.shift(); next !== undefined; next = this.tasks.shift()) next();
  }
}
