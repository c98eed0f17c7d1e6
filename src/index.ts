/**
 * `import ... from 'limpet'`: a config with types, and the balancer inside a program of your own. What runs in the app's
 * servers is `limpet/session`.
 *
 * @module limpet
 */
import { createLogger, type Logger } from './cli/log.ts';
import { startLimpet as start } from './cli/start.ts';
import type { Config } from './config/config.ts';
import type { LimpetOptions } from './config/options.ts';
import { handleOf, type LimpetHandle, readGiven } from './handle.ts';

export type { Logger } from './cli/log.ts';
export type * from './config/config.ts';
export { ConfigError, type Path, type Position, type Problem } from './config/problem.ts';
export { UsageError } from './errors.ts';
export type { DrainOptions, LimpetHandle } from './handle.ts';

/**
 * Gives a config its type, so that an editor completes its fields and shows what each means. Checks nothing and changes
 * nothing: that happens when the config is loaded.
 *
 * @param config Each field has its meaning, range and default in its type, and in docs/reference/config.md.
 * @returns The same.
 * @example
 * ```ts
 * // limpet.config.ts
 * import { defineConfig } from 'limpet';
 *
 * export default defineConfig({
 *   listeners: [{ address: ':8080' }],
 *   pools: { shop: { servers: ['app1:3000', 'app2:3000'], health: { path: '/healthz' } } },
 * });
 * ```
 */
export function defineConfig(config: Config): Config {
  return config;
}

/** What {@link startLimpet} may be given beside the config. */
export interface StartOptions {
  /** Where the log goes. Default: text on stderr, JSON when the format of `log.access` is `json`, of the level `log.level`. */
  readonly log?: Logger;
}

/**
 * Starts a balancer in this process, on Bun or on Node, with its workers as threads. Signals stay with your program: call
 * `stop` at the end. The access log goes to stdout, or where `log.access` says.
 *
 * @param config The config as a module would export it: variables (`${NAME}`) are not put in.
 * @returns Resolves when it listens on every address.
 * @throws {@link ConfigError} for a config that cannot be used, and {@link UsageError} for what does not fit this machine,
 * such as a state folder that others may write to.
 * @throws The system's error (its `code` is EADDRINUSE or EACCES) for an address that cannot be listened on.
 * @example
 * ```ts
 * import { startLimpet } from 'limpet';
 *
 * const limpet = await startLimpet({
 *   listeners: [{ address: '127.0.0.1:8080' }],
 *   pools: { shop: { servers: ['127.0.0.1:3001', '127.0.0.1:3002'] } },
 * });
 * console.log(limpet.addresses); // [ 'http://127.0.0.1:8080' ]
 * ```
 */
export async function startLimpet(config: Config, { log }: StartOptions = {}): Promise<LimpetHandle> {
  const given = readGiven(config, (options) => log ?? stderrLog(options));
  return handleOf(await start(given.options, given), given);
}

function stderrLog({ log: { access, level } }: LimpetOptions): Logger {
  const write = (line: string) => void process.stderr.write(line);
  return createLogger({ format: access?.format === 'json' ? 'json' : 'text', level, write });
}
