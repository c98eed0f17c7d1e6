/** A TLS listener, and clients of all kinds that try it: Limpet's own, node:tls for what Limpet does not do, and bare TCP. */
import { connect as connectTcp } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import type { HandshakeHandler, ListeningSocket, Net, Socket } from '../../src/net/socket.ts';
import type { ClientTls, ServerTls, TlsSession } from '../../src/net/tls.ts';
import { loopback, Peer, until, violations } from './peer.ts';
import { authority, clientRules } from './rules.ts';

/** The server's side of one connection. */
export class Accepted extends Peer implements HandshakeHandler {
  session: TlsSession | null = null;
  error: (Error & { code?: unknown }) | null = null;

  constructor(socket: Socket) {
    super();
    this.socket = socket;
  }

  onSecure(session: TlsSession): void {
    if (this.socket.tls !== session) violations.push('onSecure came before socket.tls');
    this.session = session;
  }

  onPlainHttp(): Uint8Array {
    return Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\nuse https');
  }

  override onClose(error: Error | null): void {
    this.error = error;
    super.onClose(error);
  }

  /** '' none. */
  get code(): string {
    return String(this.error?.code ?? '');
  }
}

export class Stage implements AsyncDisposable {
  readonly net: Net;
  readonly listener: ListeningSocket;
  readonly accepted: Accepted[];
  /** Called with each connection that is accepted, before its handshake. */
  onAccept: (accepted: Accepted) => void = () => {};

  private constructor(net: Net, listener: ListeningSocket, accepted: Accepted[]) {
    this.net = net;
    this.listener = listener;
    this.accepted = accepted;
  }

  static async open(net: Net, rules: ServerTls): Promise<Stage> {
    const accepted: Accepted[] = [];
    let onAccept = (_: Accepted): void => {};
    const listener = await net.listen({
      address: loopback,
      reusePort: false,
      tls: rules,
      backlog: 16,
      accept: (socket) => {
        const one = new Accepted(socket);
        accepted.push(one);
        onAccept(one);
        return one;
      },
      onError: (error) => violations.push(`the listener failed: ${error.message}`),
    });
    const stage = new Stage(net, listener, accepted);
    onAccept = (one) => stage.onAccept(one);
    return stage;
  }

  get last(): Accepted {
    const one = this.accepted.at(-1);
    if (one === undefined) throw new Error('nobody was accepted');
    return one;
  }

  /** A connection of Limpet's own. Rejects with the error of `onFail`. */
  connect(rules: Partial<ClientTls> = {}): Promise<Peer> {
    return this.connectBy({ ...clientRules, ...rules });
  }

  /** With these very rules, so that sessions are resumed. */
  connectBy(rules: ClientTls): Promise<Peer> {
    const { promise, resolve, reject } = Promise.withResolvers<Peer>();
    const peer = new Peer();
    const onOpen = (socket: Socket): Peer => {
      peer.socket = socket;
      resolve(peer);
      return peer;
    };
    this.net.connect({ ...loopback, port: this.listener.port }, { onOpen, onFail: reject }, rules);
    return promise;
  }

  /** The code of the failure, '' when it does not fail. */
  async failureOf(rules: Partial<ClientTls>): Promise<string> {
    try {
      (await this.connect(rules)).destroy();
      return '';
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : 'an error without a code';
    }
  }

  /** The client of node:tls. */
  stream(options: ConnectionOptions = {}): TLSSocket {
    const { port } = this.listener;
    const stream = connectTls({ host: '127.0.0.1', port, ca: authority.cert, servername: 'local.test', ...options });
    stream.on('error', () => {});
    return stream;
  }

  /** Sends bytes to the port as they are, and answers what comes back until the connection ends. */
  raw(bytes: string | Uint8Array): Promise<Buffer> {
    const { promise, resolve } = Promise.withResolvers<Buffer>();
    const chunks: Buffer[] = [];
    const socket = connectTcp(this.listener.port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', () => {});
    socket.on('close', () => resolve(Buffer.concat(chunks)));
    return promise;
  }

  /** `peer` and its other end have both seen the handshake. */
  async secured(count = this.accepted.length): Promise<Accepted> {
    await until('the handshake', () => this.accepted.length >= count && this.last.session !== null);
    return this.last;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.listener.close();
    for (const one of this.accepted) if (!one.isClosed) one.destroy();
    await until('all are closed', () => this.accepted.every((one) => one.isClosed));
  }
}
