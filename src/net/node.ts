/** Listeners and outgoing connections of Node, by node:net and node:tls. */
import net from 'node:net';
import tls from 'node:tls';
import { ClientContexts, placeOf, serverNameOf } from './client-contexts.ts';
import { NodeSocket } from './node/socket.ts';
import { NodeServerTls, streamSession } from './node/tls.ts';
import { trueCause } from './shortage.ts';
import {
  type Address,
  type ConnectHandler,
  type Connecting,
  type ListeningSocket,
  type ListenOptions,
  type Net,
  type SocketGauge,
  uncounted,
} from './socket.ts';
import { type ClientTls, handshakeCut, handshakeError, plainListener, type ServerTls } from './tls.ts';

const clients = new ClientContexts();

async function listen(options: ListenOptions, gauge: SocketGauge): Promise<ListeningSocket> {
  const tls = options.tls === null ? null : new NodeServerTls(options.tls);
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (raw) => accept(raw, options, tls, gauge));
  const { address, backlog, reusePort } = options;
  const where =
    address.kind === 'unix'
      ? { path: address.path, backlog }
      : { port: address.port, backlog, reusePort, ...(address.host === '' ? {} : { host: address.host }) };
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      // Errors of accept, such as EMFILE: the listener goes on.
      server.on('error', options.onError);
      const bound = server.address();
      const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
      const setTls = tls === null ? plainListener : (rules: ServerTls) => tls.set(rules);
      resolve({ port, setTls, close: () => server.close() });
    });
  });
}

function accept(raw: net.Socket, options: ListenOptions, tls: NodeServerTls | null, gauge: SocketGauge): void {
  const made = new NodeSocket(raw, options.address.kind === 'tcp', tls !== null, gauge, false);
  const handler = options.accept(made);
  if (handler === null) {
    // The descriptor is freed at once, although 'close' comes later.
    made.destroy();
    return;
  }
  made.counted = true;
  gauge.add(1);
  made.handler = handler;
  // Its owner may have closed it.
  if (tls !== null && !raw.destroyed) tls.begin(raw, made);
}

/** A connection that is being made: the transport, and then, with TLS, the stream of node:tls above it. */
class Connector implements Connecting {
  private readonly address: Address;
  private readonly handler: ConnectHandler;
  private readonly tls: ClientTls | null;
  private readonly gauge: SocketGauge;
  private readonly transport: net.Socket;
  private settled = false;

  constructor(address: Address, handler: ConnectHandler, tls: ClientTls | null, gauge: SocketGauge) {
    this.address = address;
    this.handler = handler;
    this.tls = tls;
    this.gauge = gauge;
    gauge.add(1);
    this.transport = net.connect({ allowHalfOpen: true, noDelay: true, ...placeOf(address) });
    this.transport.on('error', (error) => this.fail(error));
    this.transport.once('connect', () => this.connected());
  }

  cancel(): void {
    if (this.settled) return;
    this.settled = true;
    this.gauge.add(-1);
    this.transport.destroy();
  }

  private connected(): void {
    if (this.settled) return;
    if (this.tls === null) this.open(this.transport);
    else this.handshake(this.tls);
  }

  private handshake(rules: ClientTls): void {
    const { address, transport } = this;
    const stream = tls.connect({ socket: transport, ...hostOf(address), ...clients.optionsFor(rules, address) });
    // TLS 1.2 has it before the certificate is judged, TLS 1.3 later.
    let early: Buffer | null = null;
    stream.on('session', (session) => {
      if (this.settled) clients.keep(rules, address, session);
      else early = session;
    });
    stream.on('error', (error) => this.fail(error));
    stream.once('close', () => this.fail(handshakeCut()));
    stream.once('secureConnect', () => {
      if (this.settled) return;
      if (early !== null) clients.keep(rules, address, early);
      this.open(stream);
    });
  }

  private open(stream: net.Socket): void {
    this.settled = true;
    const isSecure = stream instanceof tls.TLSSocket;
    const made = new NodeSocket(this.transport, this.address.kind === 'tcp', isSecure, this.gauge, true);
    made.underTls = isSecure;
    if (isSecure)
      made.onSecure(stream, streamSession(stream, this.tls === null ? '' : serverNameOf(this.tls, this.address), null));
    made.handler = this.handler.onOpen(made);
  }

  private fail(error: Error): void {
    if (this.settled) return;
    this.settled = true;
    this.gauge.add(-1);
    this.transport.destroy();
    if (this.tls !== null) clients.forget(this.tls, this.address);
    this.handler.onFail(handshakeError(trueCause(error)));
  }
}

/** For the name in the certificate, when no name is sent. */
function hostOf(address: Address): { readonly host?: string } {
  return address.kind === 'tcp' ? { host: address.host } : {};
}

/** Counts its sockets into `gauge`. */
export function createNodeNet(gauge: SocketGauge): Net {
  return {
    runtime: 'node',
    listen: (options) => listen(options, gauge),
    connect: (address, handler, tls = null) => new Connector(address, handler, tls, gauge),
    afterTurn: (run) => void setImmediate(run),
  };
}

export const nodeNet: Net = createNodeNet(uncounted);
