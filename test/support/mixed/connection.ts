/** One keep-alive connection of the load: sends a request, reads the whole response, is free again. As cheap as it gets. */
import { connect, type Socket } from 'node:net';

/** Gets each answer of a connection: null when the connection ended before the answer was whole. */
export interface Asker {
  answered(answer: Answer | null): void;
}

export interface Answer {
  readonly status: number;
  /** Status line and headers. */
  readonly head: string;
  readonly body: string;
}

export class Connection {
  private readonly port: number;
  private readonly onFree: (connection: Connection) => void;
  private socket: Socket | null = null;
  private asker: Asker | null = null;
  private received = '';

  /** `onFree` is called after each answer, and also when the connection broke: the next request makes a new one. */
  constructor(port: number, onFree: (connection: Connection) => void) {
    this.port = port;
    this.onFree = onFree;
  }

  get isOpen(): boolean {
    return this.socket !== null;
  }

  ask(request: string, asker: Asker): void {
    this.asker = asker;
    this.received = '';
    this.socket ??= this.open();
    this.socket.write(request, 'latin1');
  }

  close(): void {
    this.socket?.destroy();
  }

  private open(): Socket {
    const socket = connect({ port: this.port, host: '127.0.0.1', noDelay: true });
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.read(text));
    // What follows is `close`.
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.finish(null);
    });
    // Half-open is no use to us: the balancer has ended an idle connection, or does not want to go on with it.
    socket.on('end', () => socket.destroy());
    return socket;
  }

  private read(text: string): void {
    this.received = this.received === '' ? text : this.received + text;
    const { received } = this;
    const headEnd = received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const head = received.slice(0, headEnd);
    const length = Number(headerIn(head, 'content-length') ?? 'none');
    const answer = { status: Number(head.slice(9, 12)), head, body: received.slice(headEnd + 4) };
    // Everything in this load has a length: without one, or with bytes that nobody asked for, nothing is certain any more.
    if (!(answer.body.length <= length) || this.asker === null) this.socket?.destroy();
    else if (answer.body.length === length) {
      if (headerIn(head, 'connection')?.toLowerCase() === 'close') {
        this.socket?.destroy();
        this.socket = null;
      }
      this.finish(answer);
    }
  }

  private finish(answer: Answer | null): void {
    const { asker } = this;
    if (asker === null) return;
    this.asker = null;
    asker.answered(answer);
    this.onFree(this);
  }
}

/** Value of the first header of this name (lower case). */
export function headerIn(head: string, name: string): string | undefined {
  for (let at = head.indexOf('\r\n'); at >= 0; ) {
    const end = head.indexOf('\r\n', at + 2);
    const colon = at + 2 + name.length;
    if (head[colon] === ':' && head.slice(at + 2, colon).toLowerCase() === name) {
      return head.slice(colon + 1, end < 0 ? undefined : end).trim();
    }
    at = end;
  }
  return undefined;
}
