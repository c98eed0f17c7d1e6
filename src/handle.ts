/** A balancer inside a program of somebody else: the few things that such a program may do with it. */
import { findServer } from './admin/find-server.ts';
import type { ServerView } from './admin/schemas.ts';
import type { Logger } from './cli/log.ts';
import type { Config } from './config/config.ts';
import type { LimpetOptions } from './config/options.ts';
import { formatProblems, type Source } from './config/problem.ts';
import { readConfig } from './config/read.ts';
import { keptTillRestart } from './config/restart-fields.ts';
import type { Supervisor } from './workers/supervisor.ts';

/**
 * A balancer that runs in this process, as {@link startLimpet} returns it. It keeps the process alive until `stop`.
 *
 * @example
 * ```ts
 * const limpet = await startLimpet(config);
 * console.log(`listening on ${limpet.addresses.join(', ')}`);
 * process.once('SIGTERM', () => limpet.stop());
 * ```
 */
export interface LimpetHandle {
  /** Where it listens, in the order of the config: `http://127.0.0.1:8080`, or `unix:/run/limpet.sock`. */
  readonly addresses: readonly string[];

  /**
   * Takes over another config, or nothing of it. Connections stay open, and exchanges under way finish as they began.
   * What is said about `workers`, `table`, `stateDir`, `log`, `sessions` and `admin` holds from the next start on: a
   * change of it is logged as a warning.
   *
   * @param config The whole config, not only what has changed.
   * @returns Resolves when every worker uses it.
   * @throws {@link ConfigError} for a config that cannot be used; then the one before stays.
   * @throws The system's error (its `code` is EADDRINUSE or EACCES) for a new address that cannot be listened on; then
   * the config before stays.
   * @example
   * ```ts
   * const configFor = (servers: string[]) => defineConfig({ listeners: [{ address: ':8080' }], pools: { shop: { servers } } });
   * const limpet = await startLimpet(configFor(['app1:3000']));
   * await limpet.reload(configFor(['app1:3000', 'app2:3000']));
   * ```
   */
  reload(config: Config): Promise<void>;

  /**
   * Takes a server out of use: it gets no new sessions, and sessions that have a copy move to other servers with their
   * next request. Holds until `ready`, also across reloads and restarts.
   *
   * @param server `pool/name`, or the name alone where only one pool has a server of that name.
   * @returns True when every worker does so, and with `wait` when the server can be stopped without a loss. False:
   * `timeoutMs` was over first, or the balancer was stopped; the server goes on draining.
   * @throws {@link UsageError} when there is no such server, or several.
   * @example
   * ```ts
   * const isEmpty = await limpet.drain('shop/s1', { wait: true, timeoutMs: 60_000 });
   * ```
   */
  drain(server: string, options?: DrainOptions): Promise<boolean>;

  /**
   * Takes a server that was drained back into use.
   *
   * @param server As for `drain`.
   * @returns Resolves when every worker does so.
   * @throws {@link UsageError} when there is no such server, or several.
   * @example
   * ```ts
   * await limpet.ready('shop/s1');
   * ```
   */
  ready(server: string): Promise<void>;

  /**
   * Ends the balancer: it accepts nothing new, finishes open exchanges, and saves the session table. A second call
   * returns the result of the first.
   *
   * @returns True when every open exchange has finished by itself; false when `shutdown.timeout` (default 30 s) was over
   * first and some were cut.
   * @example
   * ```ts
   * process.once('SIGTERM', async () => process.exit((await limpet.stop()) ? 0 : 1));
   * ```
   */
  stop(): Promise<boolean>;
}

/** How long {@link LimpetHandle.drain} waits. */
export interface DrainOptions {
  /** Wait until no exchange runs on the server and each of its sessions has a copy. Default: false. */
  readonly wait?: boolean;
  /** The longest wait, in milliseconds. Default: no limit. */
  readonly timeoutMs?: number;
}

/** The filled options of a config that a program gives; its warnings go to the log that the options make. */
export function readGiven(config: Config, logFor: (options: LimpetOptions) => Logger): GivenConfig {
  const source: Source = { name: 'config', locate: () => null };
  const { options, warnings } = readConfig(config, { source, env: process.env, variables: false });
  const log = logFor(options);
  for (const warning of warnings) log.warn(formatProblems(source, [warning]).trim());
  return { options, log };
}

export interface GivenConfig {
  readonly options: LimpetOptions;
  readonly log: Logger;
}

export function handleOf(supervisor: Supervisor, { options, log }: GivenConfig): LimpetHandle {
  let stopped: Promise<boolean> | null = null;
  const stopping = new AbortController();

  const readOrReport = (config: Config): GivenConfig => {
    try {
      return readGiven(config, () => log);
    } catch (error) {
      supervisor.configRefused(error instanceof Error ? error.message : String(error));
      throw error;
    }
  };

  const setDrained = async (server: string, drained: boolean): Promise<ServerView> => {
    const found = findServer(await supervisor.serversNow(), server);
    await supervisor.drain(found.pool, found.name, drained);
    return found;
  };

  return {
    get addresses() {
      return supervisor.addresses;
    },

    reload: async (config) => {
      const next = readOrReport(config).options;
      await supervisor.reload(next);
      for (const field of keptTillRestart(options, next)) log.warn(`${field} changes with a restart only`);
    },

    drain: async (server, { wait = false, timeoutMs = Number.POSITIVE_INFINITY } = {}) => {
      const { pool, name } = await setDrained(server, true);
      return !wait || (await supervisor.drained(pool, name, timeoutMs, stopping.signal));
    },

    ready: async (server) => void (await setDrained(server, false)),

    stop: () => {
      stopping.abort();
      return (stopped ??= supervisor.stop());
    },
  };
}
