/**
 * One listening address of a worker: its socket, the settings for clients that connect now, and the open connections. A reload
 * changes the settings, and leaves the socket and the connections as they are.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ListenerOptions } from '../config/options.ts';
import { UsageError } from '../errors.ts';
import { hstsLine } from '../http/hsts.ts';
import type { ReservedHeaders } from '../http/reserved-headers.ts';
import { counter } from '../metrics/counters.ts';
import { listenError } from '../net/listen-error.ts';
import { shortageOf } from '../net/shortage.ts';
import { formatAddress, type ListeningSocket, type Net, type Socket, type SocketHandler } from '../net/socket.ts';
import type { ServerTls } from '../net/tls.ts';
import { trustOf } from '../net/trust.ts';
import { CertificateHeaders } from '../proxy/client/certificate-headers.ts';
import type { ClientConnection } from '../proxy/client/client-connection.ts';
import { H1ClientConnection } from '../proxy/client/h1-connection.ts';
import { h2SettingsOf } from '../proxy/client/h2-settings.ts';
import type { FindRoute, ListenerContext } from '../proxy/client/listener-context.ts';
import type { ListenerSettings } from '../proxy/client/listener-settings.ts';
import { ProtocolChoice } from '../proxy/client/protocol-choice.ts';
import { TlsHandshake } from '../proxy/client/tls-handshake.ts';
import { ExchangePool } from '../proxy/exchange-pool.ts';
import type { HttpsRedirect } from '../proxy/https-redirect.ts';
import { IndexedSet } from '../proxy/indexed-set.ts';
import type { Probes } from '../proxy/probes.ts';
import type { Shared } from '../shared/memory.ts';

/** This many connections beyond the limit are answered with 503 at one time; more are reset. Fewer when descriptors run short. */
const maxRefusing = 256;
/** When descriptors run short, a connection idle for this long (ms) is closed for a new one; so many are looked at to find one. */
const minIdleMs = 1000;
const evictionSample = 32;

export interface ListenerDependencies {
  readonly net: Net;
  readonly shared: Shared;
  /** The address's slot of the load, which counts the open connections of all workers. */
  readonly slot: number;
  /** Called when the last connection is gone. */
  readonly onEmpty: () => void;
}

export class Listener {
  options: ListenerOptions;
  private readonly deps: ListenerDependencies;
  private context: ListenerContext;
  private exchanges: ExchangePool;
  private settings: ListenerSettings;
  private socket: ListeningSocket | null = null;
  private rules: ServerTls | null = null;
  private readonly connections = new IndexedSet<ClientConnection>();
  /** The context of the newest config, and of former ones that still have a connection or a tunnel. */
  private contexts: ListenerContext[];
  /** Where the next search for an idle connection begins. */
  private turn = 0;

  constructor(options: ListenerOptions, context: ListenerContext, deps: ListenerDependencies) {
    this.options = options;
    this.context = context;
    this.exchanges = new ExchangePool(context);
    this.deps = deps;
    this.contexts = [context];
    this.settings = this.settingsOf(options);
  }

  /** `http://host:port`, with TLS `https://`, or `unix:` and a path. */
  get url(): string {
    const { address } = this.options;
    if (address.kind === 'unix') return formatAddress(address);
    const scheme = this.options.tls === null ? 'http' : 'https';
    return `${scheme}://${formatAddress({ ...address, host: address.host || '0.0.0.0', port: this.port })}`;
  }

  /** The port that is bound; 0 for a unix-domain socket. */
  get port(): number {
    return this.socket?.port ?? 0;
  }

  /** The certificates of new connections; null: it is plain. */
  get tls(): ServerTls | null {
    return this.rules;
  }

  get isEmpty(): boolean {
    return this.connections.size === 0;
  }

  /**
   * All workers share a port. `tls`: the certificates, null for a plain listener. Rejects with the system's error when the address cannot
   * be bound.
   */
  async listen(port: number, tls: ServerTls | null): Promise<void> {
    const { address, backlog } = this.options;
    if ((tls === null) !== (this.options.tls === null))
      throw new UsageError(`listener ${formatAddress(address)}: its certificates were not loaded`);
    this.rules = tls;
    const shared = address.kind === 'tcp';
    const at = shared ? { ...address, port } : address;
    const accept = (socket: Socket): SocketHandler | null => this.accept(socket);
    const onError = (error: Error): void => this.acceptFailed(error);
    try {
      this.socket = await this.deps.net.listen({ address: at, backlog, reusePort: shared, tls, accept, onError });
    } catch (error) {
      throw listenError(error, address);
    }
  }

  /** From now on handshakes have these certificates and rules; open connections stay. Throws when the runtime refuses them. */
  setTls(tls: ServerTls): void {
    if (isDeepStrictEqual(tls, this.rules)) return;
    this.socket?.setTls(tls);
    this.rules = tls;
  }

  /** A new config has the same address: new connections get its options and context. */
  change(options: ListenerOptions, context: ListenerContext): void {
    this.options = options;
    this.context = context;
    this.exchanges = new ExchangePool(context);
    const inUse = new Set(this.connections.all().map((connection) => connection.context));
    this.contexts = [context, ...this.contexts.filter((one) => inUse.has(one) || one.tunnels.size > 0)];
    this.settings = this.settingsOf(options);
  }

  /** From now on requests find their pool by this function, or are redirected or answered as probes, on old connections too. */
  reroute(
    route: FindRoute,
    redirect: HttpsRedirect | null,
    reserved: ReservedHeaders | null,
    probes: Probes | null,
  ): void {
    for (const context of this.contexts) {
      context.route = route;
      context.redirect = redirect;
      context.reserved = reserved;
      context.probes = probes;
    }
  }

  /** Accepts no more clients. Open connections stay. */
  close(): void {
    this.socket?.close();
    this.socket = null;
  }

  /** Ends idle connections now, and the others after their current exchange. */
  stop(): void {
    this.close();
    for (const context of this.contexts) context.stopping = true;
    for (const connection of this.connections.all()) connection.stop();
  }

  /** Destroys all connections and tunnels that are left. */
  destroy(): void {
    for (const { tunnels } of this.contexts) for (const tunnel of tunnels.all()) tunnel.stop();
    for (const connection of this.connections.all()) connection.destroy();
  }

  private accept(socket: Socket): SocketHandler | null {
    const { context, settings, connections } = this;
    const { shared, slot } = this.deps;
    const { counters, load, descriptors } = shared;
    const shedding = descriptors.clientsOver >= 0 && !this.evict();
    const over = load.running(slot) - this.options.limits.connections;
    const refused = over >= 0 || shedding;
    if (refused) counters.add(counter.connections_refused);
    if (shedding) counters.add(counter.connections_shed);
    // A TCP client that has reset already has no address any more. '' would stand for a unix-domain socket, which may be trusted.
    const lost = socket.remoteAddress === '' && this.options.address.kind === 'tcp';
    if (over >= maxRefusing || (shedding && descriptors.cannotRefuse) || context.stopping || lost) return null;
    counters.add(counter.connections_accepted);
    counters.add(counter.connections_open);
    const plain = settings.protocols.includes('h2') ? ProtocolChoice : H1ClientConnection;
    const Connection = this.rules === null ? plain : TlsHandshake;
    const connection = new Connection(context, settings, this.exchanges, socket);
    load.run(slot, 1);
    descriptors.addClient(1);
    connections.add(connection);
    if (refused) connection.refuseConnection();
    return connection;
  }

  /** Descriptors run short: closes an idle connection to make room for a new one. False: none was found. */
  private evict(): boolean {
    for (let looked = 0; looked < evictionSample; looked++) {
      const connection = this.connections.at(this.turn++);
      if (connection === undefined || !connection.evict(minIdleMs)) continue;
      this.deps.shared.counters.add(counter.connections_evicted);
      return true;
    }
    return false;
  }

  /** The socket still listens: the runtime tries again when the next client comes. */
  private acceptFailed(error: Error): void {
    const { address } = this.options;
    this.deps.shared.counters.add(counter.shortages_accept);
    this.context.worker.reportShortage(
      'accept',
      shortageOf(error, address.kind) ?? error.message,
      formatAddress(address),
    );
  }

  private closed(connection: ClientConnection): void {
    if (!this.connections.remove(connection)) return;
    const { onEmpty, shared, slot } = this.deps;
    shared.load.run(slot, -1);
    shared.descriptors.addClient(-1);
    shared.counters.add(counter.connections_open, -1);
    if (this.isEmpty) onEmpty();
  }

  private certificateHeaders({ tls }: ListenerOptions): CertificateHeaders | null {
    if (tls === null || tls.clientCertificates === null) return null;
    const { counters } = this.deps.shared;
    return new CertificateHeaders(tls.clientCertificates.headers, () =>
      counters.add(counter.certificate_values_dropped),
    );
  }

  private settingsOf(options: ListenerOptions): ListenerSettings {
    return {
      name: formatAddress(options.address),
      isTrusted: trustOf(options.trustedProxies),
      hsts: hstsLine(options.hsts),
      protocols: options.protocols,
      certificates: this.certificateHeaders(options),
      upgrades: options.upgrades,
      halfClose: options.halfClose,
      bodyBytes: options.limits.bodyBytes,
      lingerBytes: options.limits.lingerBytes,
      h2: h2SettingsOf(options.limits, options.upgrades.length > 0),
      timeouts: options.timeouts,
      onReplace: (connection, by) => {
        if (this.connections.remove(connection)) this.connections.add(by);
      },
      onClose: (connection) => this.closed(connection),
    };
  }
}
