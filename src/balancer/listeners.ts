/**
 * All listening addresses of one worker. A reload opens the new ones, all or none, and keeps the others with their connections.
 * A listener that is no longer in the config accepts nobody; its connections go on, by the routes of the newest config.
 *
 *      opened ──> current ──> closing (its connections go on) ──> gone
 */
import { isDeepStrictEqual } from 'node:util';
import type { ListenerOptions } from '../config/options.ts';
import type { ReservedHeaders } from '../http/reserved-headers.ts';
import { type Address, formatAddress, type Net } from '../net/socket.ts';
import type { ServerTls } from '../net/tls.ts';
import type { FindRoute, ListenerContext } from '../proxy/client/listener-context.ts';
import type { HttpsRedirect } from '../proxy/https-redirect.ts';
import type { Probes } from '../proxy/probes.ts';
import type { Shared } from '../shared/memory.ts';
import { pairInOrder } from '../shared/pair-in-order.ts';
import { listenerName, type Numbers } from '../shared/slots.ts';
import { Listener } from './listener.ts';

/** The port to bind, for each listener of the config: its own, or the one that the system chose for all workers. null: not here. */
export type ListenerPorts = readonly (number | null)[];

export interface ListenersDependencies {
  readonly net: Net;
  readonly shared: Shared;
  readonly contextFor: (options: ListenerOptions) => ListenerContext;
  readonly routeFor: (options: ListenerOptions) => FindRoute;
  readonly redirectFor: (options: ListenerOptions) => HttpsRedirect | null;
  readonly probesFor: (options: ListenerOptions) => Probes | null;
  readonly reserved: () => ReservedHeaders | null;
}

/** In the order of the config; null or missing: a plain listener. */
export type ListenerCertificates = readonly (ServerTls | null)[];

/** Connections that were destroyed at the end report their end within this time (ms). */
const destroyTimeoutMs = 1000;

export class Listeners {
  private readonly deps: ListenersDependencies;
  private current: readonly Listener[] = [];
  /** Of former configs. */
  private readonly closing = new Set<Listener>();
  private onLastClosed: () => void = () => {};

  constructor(deps: ListenersDependencies) {
    this.deps = deps;
  }

  /** As URLs or `unix:` paths, in the order of the config. */
  get addresses(): readonly string[] {
    return this.current.map(({ url }) => url);
  }

  /** The ports that are bound, in the same order; 0 for a unix-domain socket. */
  get ports(): readonly number[] {
    return this.current.map(({ port }) => port);
  }

  /** The port of the listener that has this address; 0: it is not open here. */
  portOf(address: Address): number {
    return this.current.find(({ options }) => formatAddress(options.address) === formatAddress(address))?.port ?? 0;
  }

  /**
   * Opens the addresses that are new, gives all listeners their certificates (`tls`, in the order of the config), and answers the
   * listeners of that config, for `use`. Rejects with the system's error when one address cannot be bound, or the runtime refuses a
   * certificate or cipher; then nothing has changed.
   */
  async open(
    all: readonly ListenerOptions[],
    numbers: Numbers,
    ports: ListenerPorts,
    tls: ListenerCertificates,
  ): Promise<readonly Listener[]> {
    const listeners: Listener[] = [];
    const opened: Listener[] = [];
    const undo: (() => void)[] = [];
    try {
      const current = this.pair(all, this.current);
      for (const [i, options] of all.entries()) {
        const port = ports[i];
        if (port == null) continue;
        let listener = current[i];
        if (listener === undefined) {
          listener = this.create(options, numbers);
          await listener.listen(port, tls[i] ?? null);
          opened.push(listener);
        } else {
          const { tls: former } = listener;
          const next = tls[i] ?? null;
          if (former !== null && next !== null) {
            listener.setTls(next);
            undo.push(() => listener?.setTls(former));
          }
        }
        listeners.push(listener);
      }
    } catch (error) {
      for (const listener of opened) listener.stop();
      for (const restore of undo) restore();
      throw error;
    }
    return listeners;
  }

  /** These, from `open`, are the listeners from now on, with the options of that config. Cannot fail. */
  use(listeners: readonly Listener[], all: readonly ListenerOptions[]): void {
    for (const listener of this.current) if (!listeners.includes(listener)) this.close(listener);
    this.current = listeners;
    const paired = this.pair(all, listeners);
    for (const [i, options] of all.entries()) {
      if (!isDeepStrictEqual(options, paired[i]?.options)) paired[i]?.change(options, this.deps.contextFor(options));
    }
    const { routeFor, redirectFor, probesFor } = this.deps;
    const reserved = this.deps.reserved();
    for (const listener of [...listeners, ...this.closing]) {
      const { options } = listener;
      listener.reroute(routeFor(options), redirectFor(options), reserved, probesFor(options));
    }
  }

  /** New handshakes have these certificates; open connections stay. Throws when the runtime refuses one of them. */
  setTls(all: readonly ListenerOptions[], tls: ListenerCertificates): void {
    for (const [i, listener] of this.pair(all, this.current).entries()) {
      const one = tls[i];
      if (one != null) listener?.setTls(one);
    }
  }

  /**
   * Accepts nobody any more, ends idle connections, and waits for open exchanges, at most `timeoutMs`; then it cuts them. True
   * when all of them finished by themselves.
   */
  async stop(timeoutMs: number): Promise<boolean> {
    for (const listener of this.current) this.close(listener);
    this.current = [];
    const listeners = [...this.closing];
    for (const listener of listeners) listener.stop();
    const finished = await this.allClosed(timeoutMs);
    for (const listener of listeners) listener.destroy();
    // Exchanges that are cut have their lines in the access log, too: these are written when their connections report their end.
    if (!finished) await this.allClosed(destroyTimeoutMs);
    return finished;
  }

  /** False: connections are left after that time. */
  private allClosed(timeoutMs: number): Promise<boolean> {
    if (this.closing.size === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), timeoutMs);
      this.onLastClosed = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  private pair(all: readonly ListenerOptions[], listeners: readonly Listener[]): readonly (Listener | undefined)[] {
    return pairInOrder(all, listeners, (one, { options }) => isSameSocket(one, options));
  }

  private create(options: ListenerOptions, { slots }: Numbers): Listener {
    const { net, shared, contextFor } = this.deps;
    const listener: Listener = new Listener(options, contextFor(options), {
      net,
      shared,
      slot: slots.get(listenerName(options.address)) ?? 0,
      onEmpty: () => {
        if (this.closing.delete(listener) && this.closing.size === 0) this.onLastClosed();
      },
    });
    return listener;
  }

  /** Its connections go on. */
  private close(listener: Listener): void {
    listener.close();
    if (!listener.isEmpty) this.closing.add(listener);
  }
}

/** A socket is plain or TLS from its beginning. */
function isSameSocket(a: ListenerOptions, b: ListenerOptions): boolean {
  return formatAddress(a.address) === formatAddress(b.address) && (a.tls === null) === (b.tls === null);
}
