/** What `import ... from 'limpet'` gives: a config with types, and the balancer inside a program of your own. */
import { createLogger, type Logger } from './cli/log.ts';
import { startLimpet as start } from './cli/start.ts';
import type { Config } from './config/config.ts';
import { formatProblems, type Source } from './config/problem.ts';
import { readConfig } from './config/read.ts';
import type { Supervisor } from './workers/supervisor.ts';

export type { Logger } from './cli/log.ts';
export type { Config } from './config/config.ts';
export { ConfigError, type Problem } from './config/problem.ts';
export { UsageError } from './errors.ts';
export type { Supervisor } from './workers/supervisor.ts';

/** Gives a config its type, for `limpet.config.ts`: `export default defineConfig({ ... })`. */
export function defineConfig(config: Config): Config {
  return config;
}

/**
 * Starts a balancer in this process. Throws ConfigError for a config that cannot be used, and the system's error
 * (EADDRINUSE, EACCES) for an address that cannot be listened on. `log`: default is text on stderr.
 */
export async function startLimpet(config: Config, { log }: { readonly log?: Logger } = {}): Promise<Supervisor> {
  const source: Source = { name: 'config', locate: () => null };
  const { options, warnings } = readConfig(config, { source, env: process.env, variables: false });
  const { access, level } = options.log;
  const write = (line: string) => void process.stderr.write(line);
  const logger = log ?? createLogger({ format: access === 'json' ? 'json' : 'text', level, write });
  for (const warning of warnings) logger.warn(formatProblems(source, [warning]).trim());
  return start(options, { log: logger });
}
