/**
 * The listeners of a balancer that a suite starts, when it does not speak to them directly (transport.ts): what is written into its
 * config in their place, and the bridges before them. A listener whose port is fixed gives its address to its bridge, and
 * listens at another address of loopback with the same port: so it stays the same listener through all reloads.
 */
import { transport } from '../transport.ts';
import { type Bridge, BridgeError, openBridge } from './bridge.ts';
import { testCertificate } from './certificate.ts';

export type Config = Readonly<Record<string, unknown>>;

export interface Listener {
  readonly address: string;
  readonly [field: string]: unknown;
}

/** A config that replaces another one. */
export interface Change {
  readonly config: Config;
  /** It was refused. */
  undo(): Promise<void>;
  /** It was taken: nobody listens where it does not say so any more. */
  done(): Promise<void>;
}

export class BridgedListeners implements AsyncDisposable {
  /** By the configured address; those with port 0 by address and number. */
  private readonly bridges = new Map<string, Bridge>();
  /** Pairs of addresses: of the balancer, and of its bridge. */
  private readonly renamed: (readonly [string, string])[] = [];

  /** The config with listeners that speak what the transport says, but for those at these addresses. */
  configFor(config: Config, but: ReadonlySet<string> = new Set()): Config {
    if (transport === 'h1') return config;
    const listeners = listenersOf(config).map((listener) => {
      if (!isBridged(listener) || but.has(listener.address)) return listener;
      return { ...listener, address: innerAddress(listener.address), ...spoken() };
    });
    const routes = Array.isArray(config.routes) ? { routes: config.routes.map(innerRoute) } : {};
    return { ...config, listeners, ...routes };
  }

  /** Opens the bridges. Takes the addresses at which the balancer listens, in the order of the config; answers those for clients. */
  async open(listeners: readonly Listener[], bound: readonly string[]): Promise<string[]> {
    const shown: string[] = [];
    for (const [at, address] of bound.entries()) {
      const listener = listeners[at];
      shown.push(listener && isBridged(listener) ? await this.bridge(listener.address, address) : address);
    }
    return shown;
  }

  /** What the balancer says, in which its addresses are those of its bridges. */
  textFor(text: string): string {
    return this.renamed.reduce((all, [real, shown]) => all.replaceAll(real, shown), text);
  }

  /** Opens the bridges of the listeners that come with a config. */
  async change(config: Config): Promise<Change> {
    const wanted = listenersOf(config).filter(isBridged);
    const opened: string[] = [];
    const taken = new Set<string>();
    for (const { address } of wanted) {
      const inner = innerAddress(address);
      if (inner === address || this.bridges.has(address)) continue;
      try {
        await this.bridge(address, inner);
        opened.push(address);
      } catch (error) {
        if (!(error instanceof BridgeError)) throw error;
        // Somebody has it: the balancer is to find out for itself.
        taken.add(address);
      }
    }
    const kept = new Set(wanted.map(({ address }) => address));
    return {
      config: this.configFor(config, taken),
      undo: () => this.close(opened),
      done: async () => {
        for (const [key, bridge] of this.bridges) if (!kept.has(key.replace(/#\d+$/, ''))) await bridge.stop();
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close([...this.bridges.keys()]);
  }

  private async bridge(configured: string, bound: string): Promise<string> {
    const { host, port } = parse(configured);
    const at = parse(bound);
    const bridge = await openBridge(host, port, at.host, at.port);
    this.bridges.set(port === 0 ? `${configured}#${this.bridges.size}` : configured, bridge);
    const shown = `${at.written}:${bridge.port}`;
    this.renamed.push([bound, shown]);
    return shown;
  }

  private async close(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      await this.bridges.get(key)?.[Symbol.asyncDispose]();
      this.bridges.delete(key);
    }
  }
}

/**
 * The config that such a command line stands for: servers, `--listen` and `--sessions`. Undefined over HTTP/1.1 without TLS: that is
 * for the program to read.
 */
export function configOfArgs(args: readonly string[]): Config | undefined {
  if (transport === 'h1') return undefined;
  const flags = new Map<string, string>();
  const servers: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? '';
    if (!arg.startsWith('-')) servers.push(arg);
    else flags.set(arg, args[++at] ?? '');
  }
  const unknown = [...flags.keys()].filter((name) => name !== '--listen' && name !== '--sessions');
  if (unknown.length > 0)
    throw new Error(`over ${transport} a scenario needs a config in place of ${unknown.join(', ')}`);
  const store = flags.get('--sessions');
  return {
    listeners: [{ address: flags.get('--listen') ?? '127.0.0.1:0' }],
    pools: { default: { servers } },
    ...(store !== undefined && { sessions: { store } }),
  };
}

/** As the config has them, or the one that a config without listeners gets. */
export function listenersOf({ listeners }: Config): Listener[] {
  if (!Array.isArray(listeners)) return [{ address: '127.0.0.1:0' }];
  return listeners.map((listener: unknown) => {
    if (typeof listener === 'object' && listener !== null && 'address' in listener)
      return { ...listener, address: String(listener.address) };
    return { address: String(listener) };
  });
}

/** A scenario that says for itself what its listener speaks talks to it directly. */
function isBridged({ address, tls, protocols, redirect }: Listener): boolean {
  if (transport === 'h1' || [tls, protocols, redirect].some((field) => field !== undefined)) return false;
  return !address.startsWith('unix:') && (address.endsWith(':0') || innerAddress(address) !== address);
}

function spoken(): Config {
  if (transport === 'h2c') return { protocols: ['h2'] };
  const { certFile, keyFile } = testCertificate();
  return { tls: { certificates: [{ cert: certFile, key: keyFile }] } };
}

/** Port 0 can be shared, and loopback has room for two. */
function innerAddress(address: string): string {
  return address.replace(/^127\.0\.0\.(\d+):(?!0$)/, (_, last) => `127.0.1.${last}:`);
}

function innerRoute(route: unknown): unknown {
  if (typeof route !== 'object' || route === null || !('match' in route)) return route;
  const { match } = route;
  if (typeof match !== 'object' || match === null || !('listeners' in match) || !Array.isArray(match.listeners))
    return route;
  return { ...route, match: { ...match, listeners: match.listeners.map((one: unknown) => innerAddress(String(one))) } };
}

function parse(address: string): { readonly host: string; readonly written: string; readonly port: number } {
  const [, written = '', port = ''] = /^(.*):(\d+)$/.exec(address) ?? [];
  return { host: written.replace(/^\[|\]$/g, ''), written, port: Number(port) };
}
