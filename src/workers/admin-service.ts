/** The admin listener as the supervisor runs it: where it listens, and what it answers about servers and sessions. */

import { Admin } from '../admin/admin.ts';
import type { AdminDependencies } from '../admin/dependencies.ts';
import { type HttpListener, listenHttp } from '../admin/listen.ts';
import { UsageError } from '../errors.ts';
import type { Exposition } from '../metrics/exposition.ts';
import { listenError } from '../net/listen-error.ts';
import type { Address } from '../net/socket.ts';
import type { CertificatePair } from '../net/tls.ts';
import { AdminViews, type AdminViewsDependencies } from './admin-views.ts';
import type { KeyControl } from './key-control.ts';
import type { ServerControl } from './server-control.ts';
import type { SessionControl } from './session-control.ts';
import { stateSocket } from './state-socket.ts';

export interface AdminServiceDependencies extends AdminViewsDependencies {
  readonly servers: ServerControl;
  readonly keys: KeyControl;
  /** For an Accept header. */
  readonly metrics: (accept: string) => Promise<Exposition>;
  readonly config: AdminDependencies['configFile'];
  readonly events: AdminDependencies['events'];
  readonly timers: AdminDependencies['timers'];
  readonly explain: AdminDependencies['explain'];
  readonly sessions: SessionControl;
  /** The certificate for `admin.tls`; null: there is none. */
  readonly pair: () => CertificatePair | null;
  /** A connection to the admin listener could not be accepted. */
  readonly acceptFailed: (error: Error, at: Address) => void;
  readonly log: { info(message: string): void; warn(message: string): void };
}

export class AdminService {
  private readonly deps: AdminServiceDependencies;
  private readonly views: AdminViews;
  private listener: HttpListener | null = null;

  constructor(deps: AdminServiceDependencies) {
    this.deps = deps;
    this.views = new AdminViews(deps);
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
    const handler = new Admin(this.api, { operator: admin.token, read: admin.readToken });
    try {
      if (address === null) throw new Error(`the path of ${stateDir} is too long for a socket`);
      this.listener = await listenHttp(
        address,
        (request, response) => handler.handle(request, response),
        this.deps.acceptFailed,
        admin.hosts,
        this.deps.pair(),
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

  /** New connections get this certificate. */
  async usePair(pair: CertificatePair): Promise<void> {
    await this.listener?.usePair(pair);
  }

  async close(): Promise<void> {
    await this.listener?.close();
  }

  private get api(): AdminDependencies {
    const { views } = this;
    const { servers, keys, metrics, sessions, events, timers, explain, config: configFile } = this.deps;
    return {
      status: () => views.status(),
      metrics,
      pools: () => views.pools(),
      servers,
      keys,
      sessions,
      events,
      timers,
      explain,
      configFile,
      workers: () => views.workers(),
      health: () => views.health(),
      config: () => views.config(),
      fleet: () => views.fleet(),
    };
  }
}

/** null: the path of the state folder is too long for a socket. */
export function addressOf(listen: Address | 'state', stateDir: string): Address | null {
  return listen === 'state' ? stateSocket(stateDir, 'admin.sock') : listen;
}
