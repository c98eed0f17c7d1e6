/** The admin listener as the supervisor runs it: where it listens, and what it answers about servers and sessions. */

import { Admin, type ServerStatus, type Status } from '../admin/admin.ts';
import { type HttpListener, listenHttp } from '../admin/listen.ts';
import type { LimpetOptions } from '../config/options.ts';
import { UsageError } from '../errors.ts';
import type { Load } from '../fleet/load.ts';
import { listenError } from '../net/listen-error.ts';
import { type Address, formatAddress } from '../net/socket.ts';
import { type Numbers, serverName } from '../shared/slots.ts';
import { schemeOf } from '../store/addresses.ts';
import { census } from '../table/census.ts';
import type { SessionTable } from '../table/table.ts';
import type { HealthMonitor } from './health-monitor.ts';
import { stateSocket } from './state-socket.ts';

export interface AdminServiceDependencies {
  readonly options: () => LimpetOptions;
  readonly numbers: () => Numbers;
  readonly monitor: HealthMonitor;
  /** An operator drains a server, or makes it ready. False: there is no such server. Resolves when every worker has applied it. */
  readonly drain: (pool: string, server: string, drained: boolean) => Promise<boolean>;
  readonly table: SessionTable;
  readonly load: Load;
  readonly counters: () => Record<string, number>;
  /** The store's incarnation, which changes whenever the store has lost its copies; '' without a store. */
  readonly incarnation: () => string;
  /** A connection to the admin listener could not be accepted. */
  readonly acceptFailed: (error: Error, at: Address) => void;
  /** Unix seconds. */
  readonly now: () => number;
  readonly log: { info(message: string): void; warn(message: string): void };
}

export class AdminService {
  private readonly deps: AdminServiceDependencies;
  private listener: HttpListener | null = null;

  constructor(deps: AdminServiceDependencies) {
    this.deps = deps;
  }

  /**
   * Rejects when it cannot listen on the address that the config names. When it cannot listen in `stateDir`, which is the
   * default, it logs that, and the balancer runs without.
   */
  async open(): Promise<void> {
    const { log } = this.deps;
    const { admin, stateDir } = this.deps.options();
    if (admin.listen === null) return;
    const address = addressOf(admin.listen, stateDir);
    const handler = new Admin({
      status: () => this.status(),
      drain: (pool, server, drained) => this.deps.drain(pool, server, drained),
      token: admin.token,
    });
    try {
      if (address === null) throw new Error(`the path of ${stateDir} is too long for a socket`);
      this.listener = await listenHttp(
        address,
        (request, response) => handler.handle(request, response),
        this.deps.acceptFailed,
        admin.hosts,
      );
      if (admin.listen !== 'state') log.info(`admin on ${this.listener.url}`);
    } catch (error) {
      if (admin.listen !== 'state') {
        throw error instanceof UsageError ? error : listenError(error, admin.listen, 'admin.listen');
      }
      const why = error instanceof Error ? error.message : String(error);
      log.warn(`no admin socket (${why}): limpet drain, ready and sessions do not work. Set admin.listen`);
    }
  }

  async close(): Promise<void> {
    await this.listener?.close();
  }

  private async status(): Promise<Status> {
    const { options, counters, incarnation } = this.deps;
    const { sessions } = options();
    const counted = counters();
    const store = sessions && {
      kind: schemeOf(sessions.store),
      replication: sessions.replication,
      incarnation: incarnation(),
      lag: counted.copies_lag ?? 0,
    };
    return { servers: await this.servers(), store, counters: counted };
  }

  /** Every server with its state, its open exchanges and its sessions. */
  async servers(): Promise<ServerStatus[]> {
    const { options, numbers, monitor, table, load, now } = this.deps;
    const counts = await census(table, now());
    const { slots } = numbers();
    return options().pools.flatMap(({ name: pool, servers }) =>
      servers.map(({ name, address }): ServerStatus => {
        const slot = slots.get(serverName(pool, name)) ?? 0;
        const { live, copied } = counts.get(slot) ?? { live: 0, copied: 0 };
        const { state, drained } = monitor.stateOf(pool, name);
        return {
          pool,
          name,
          address: formatAddress(address),
          state,
          drained,
          inflight: load.running(slot),
          sessions: { live, copied, uncopied: live - copied },
        };
      }),
    );
  }
}

/** null: the path of the state folder is too long for a socket. */
export function addressOf(listen: Address | 'state', stateDir: string): Address | null {
  return listen === 'state' ? stateSocket(stateDir, 'admin.sock') : listen;
}
