/** Servers at addresses where the imported config itself listens: such a server would get its own requests for ever. */
import { parseListener, parseServer } from '../config/address.ts';
import { reachesListener } from '../config/check-addresses.ts';

type Config = Readonly<Record<string, unknown>>;

/** What an importer has to avoid. Empty at the first try, because listeners are known only when the config is written. */
export class Loops {
  /** By the address of a server: the listener that it reaches. */
  private readonly servers: ReadonlyMap<string, string>;
  /** Addresses that an importer chose for a listener, where a server of the file is. */
  private readonly taken: ReadonlySet<string>;

  constructor(servers: ReadonlyMap<string, string> = new Map(), taken: ReadonlySet<string> = new Set()) {
    this.servers = servers;
    this.taken = taken;
  }

  /** Why no server may have this address; null if it may. */
  why(address: string): string | null {
    const listener = this.servers.get(address);
    if (listener === undefined) return null;
    return `the server ${address} is left out: this balancer itself listens there (${listener}), so requests would never end`;
  }

  /**
   * The address for a listener that the file does not give: `wanted`, or if a server of the file is there, the next port that is
   * neither that of a server nor among `used`.
   */
  freeListener(wanted: string, used: readonly string[]): string {
    if (!this.taken.has(wanted)) return wanted;
    const [, host = '', digits = ''] = /^(.*):([0-9]+)$/.exec(wanted) ?? [];
    let port = Number(digits);
    while (this.taken.has(`${host}:${port}`) || used.includes(`${host}:${port}`)) port++;
    return `${host}:${port}`;
  }

  /** Adds the loops of a config; null if it has none. Throws if the importer did not avoid one that was known. */
  with(config: Config, chosenListeners: readonly string[] = []): Loops | null {
    const servers = new Map(this.servers);
    const taken = new Set(this.taken);
    for (const [server, listener] of loopsOf(config)) {
      if (servers.has(server) || taken.has(listener)) throw new Error(`the server ${server} was not left out`);
      // A server is where the file says. A listener whose address was chosen here can have another one.
      if (chosenListeners.includes(listener)) taken.add(listener);
      else servers.set(server, listener);
    }
    const isSame = servers.size === this.servers.size && taken.size === this.taken.size;
    return isSame ? null : new Loops(servers, taken);
  }
}

/** By the address of a server: the listener that a connection to it reaches. */
function loopsOf(config: Config): Map<string, string> {
  const listeners = addressesIn(config.listeners);
  const pools = Object.values((config.pools ?? {}) as Record<string, { readonly servers?: unknown }>);
  const found = new Map<string, string>();
  for (const server of pools.flatMap(({ servers }) => addressesIn(servers))) {
    const address = parseServer(server);
    const listener = listeners.find((one) => {
      const listening = parseListener(one);
      return address !== null && listening !== null && reachesListener(address, listening);
    });
    if (listener !== undefined) found.set(server, listener);
  }
  return found;
}

function addressesIn(list: unknown): string[] {
  return (Array.isArray(list) ? list : []).map((one: unknown) =>
    typeof one === 'string' ? one : String((one as { readonly address?: unknown }).address),
  );
}
