/** Listeners and outgoing connections of Bun. */
import net from 'node:net';
import nodeTls from 'node:tls';
import { codeOf } from '../errors.ts';
import { BunSocket, forward, type Raw } from './bun/socket.ts';
import { BunServerTls, clientSessionOf } from './bun/tls.ts';
import { ClientContexts, placeOf, serverNameOf } from './client-contexts.ts';
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
  try {
    return options.tls === null ? listenPlain(options, gauge) : listenTls(options, options.tls, gauge);
  } catch (error) {
    // When there is no descriptor for the socket, Bun's error has no code.
    throw error instanceof Error ? trueCause(error, [codeOf(error)]) : error;
  }
}

function listenPlain(options: ListenOptions, gauge: SocketGauge): ListeningSocket {
  const socket = { ...forward, open: (raw: Raw) => accept(raw, options, gauge, false) };
  const { native, port } = bind(options, socket, {});
  return { port, setTls: plainListener, close: () => native.stop() };
}

function listenTls(options: ListenOptions, rules: ServerTls, gauge: SocketGauge): ListeningSocket {
  const tls = new BunServerTls(rules);
  const socket = {
    ...forward,
    open(raw: Raw): void {
      tls.open(raw);
      accept(raw, options, gauge, true);
    },
    serverName: (_: unknown, name: string) => tls.contextFor(name),
    alpnCallback: (_: unknown, __: unknown, wire: Uint8Array) => tls.protocolFor(wire),
    handshake(raw: Raw, isComplete: boolean, error: Error | null): void {
      const made = raw.data;
      // A connection that this side closes before reports the end of its handshake, too.
      if (made === null || made.isClosing) return;
      const result = tls.sessionOf(raw, isComplete, error);
      if (!(result instanceof Error)) made.onSecure(result);
      else made.onHandshakeFail(result, isComplete);
    },
  };
  const { native, port } = bind(options, socket, { tls: tls.options });
  tls.attach(native);
  return { port, setTls: (next) => tls.set(next), close: () => native.stop() };
}

function accept(raw: Raw, options: ListenOptions, gauge: SocketGauge, secure: boolean): void {
  const made = new BunSocket(raw, gauge, secure);
  gauge.add(1);
  raw.data = made;
  const handler = options.accept(made);
  if (handler === null) made.destroy();
  else made.handler = handler;
}

interface Bound {
  readonly native: { stop(): void };
  readonly port: number;
}

function bind({ address, reusePort }: ListenOptions, socket: typeof forward, tls: { tls?: Bun.TLSOptions }): Bound {
  const common = { socket, data: null, allowHalfOpen: true, ...tls };
  if (address.kind === 'unix') {
    const native = Bun.listen<BunSocket | null>({ ...common, unix: address.path });
    return { native, port: 0 };
  }
  const at = (hostname: string) => {
    // Bun accepts reusePort here too, although its types have it for connections only.
    const where = { ...common, hostname, port: address.port, reusePort };
    return Bun.listen<BunSocket | null>(where);
  };
  const native = address.host === '' ? bindAny(at) : at(address.host);
  return { native, port: native.port };
}

/** All interfaces, both families; IPv4 alone where the kernel has no IPv6. */
function bindAny<T>(bind: (hostname: string) => T): T {
  try {
    return bind('::');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw error;
    return bind('0.0.0.0');
  }
}

/**
 * A connection that is being made, by node:net or node:tls: `Bun.connect` has nothing to close before the connection is open, so its
 * descriptor would be in use until the kernel gives up, which takes minutes when a host drops packets. Once connected, the native
 * socket below is used like every other one here, and the stream is not involved any more.
 */
class Connector implements Connecting {
  private readonly address: Address;
  private readonly handler: ConnectHandler;
  private readonly tls: ClientTls | null;
  private readonly gauge: SocketGauge;
  private readonly stream: net.Socket;
  private settled = false;

  constructor(address: Address, handler: ConnectHandler, tls: ClientTls | null, gauge: SocketGauge) {
    this.address = address;
    this.handler = handler;
    this.tls = tls;
    this.gauge = gauge;
    gauge.add(1);
    const where = { allowHalfOpen: true, ...placeOf(address) };
    if (tls === null) this.stream = net.connect(where, () => this.open());
    else this.stream = nodeTls.connect({ ...where, ...clients.optionsFor(tls, address) }, () => this.open());
    this.stream.on('error', (error) => this.fail(error));
    // A server that closes during the handshake: 'error' does not always come.
    if (tls !== null) this.stream.on('close', () => this.fail(handshakeCut()));
  }

  cancel(): void {
    if (this.settled) return;
    this.settle();
    this.gauge.add(-1);
    this.stream.destroy();
  }

  private open(): void {
    if (this.settled) return;
    this.settle();
    const { tls } = this;
    const raw = takeHandle(this.stream);
    const withSessions = { ...forward, session: (_: Raw, ticket: Buffer) => this.keepSession(ticket) };
    raw.reload({ socket: this.tls === null ? forward : withSessions });
    const made = new BunSocket(raw, this.gauge, tls !== null);
    raw.data = made;
    if (tls !== null) made.tls = clientSessionOf(raw, serverNameOf(tls, this.address));
    made.handler = this.handler.onOpen(made);
  }

  private keepSession(session: Buffer): void {
    if (this.tls !== null) clients.keep(this.tls, this.address, session);
  }

  private fail(error: Error): void {
    if (this.settled) return;
    this.settle();
    this.gauge.add(-1);
    if (this.tls !== null) clients.forget(this.tls, this.address);
    this.handler.onFail(handshakeError(trueCause(error, refusals)));
  }

  private settle(): void {
    this.settled = true;
  }
}

/** Codes that Bun also uses when it gets no descriptor. */
const refusals = ['ECONNREFUSED'];

/** Takes the native socket out of a stream of node:net. */
function takeHandle(stream: net.Socket & { _handle?: unknown }): Raw {
  const handle = stream._handle;
  if (!isRaw(handle)) throw new Error(`Bun ${process.versions.bun}: a socket of node:net has no native one`);
  stream._handle = null;
  return handle;
}

function isRaw(handle: unknown): handle is Raw {
  return typeof handle === 'object' && handle !== null && 'reload' in handle && 'terminate' in handle;
}

/** Counts its sockets into `gauge`. */
export function createBunNet(gauge: SocketGauge): Net {
  return {
    runtime: 'bun',
    listen: (options) => listen(options, gauge),
    connect: (address, handler, tls = null) => new Connector(address, handler, tls, gauge),
    afterTurn: (run) => void setImmediate(run),
  };
}

export const bunNet: Net = createBunNet(uncounted);
