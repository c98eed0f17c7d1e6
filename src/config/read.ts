/** From what a person wrote to the filled options: variables, kinds, defaults, and what must fit together. */
import { checkConfig } from './check.ts';
import { defaults } from './defaults.ts';
import { type Environment, substitute } from './env.ts';
import { explain } from './explain.ts';
import { deepFreeze } from './freeze.ts';
import type { LimpetOptions, RouteOptions } from './options.ts';
import { ConfigError, type Problem, pathText, type Source } from './problem.ts';
import { configSchema, type FilledConfig } from './schema.ts';
import { countOfWorkers } from './workers.ts';

export interface ReadConfig {
  /** Nothing optional, all of it frozen. */
  readonly options: LimpetOptions;
  /** What can be used but is likely a mistake. */
  readonly warnings: readonly Problem[];
}

export interface ReadSettings {
  readonly source: Source;
  readonly env: Environment;
  /** Variables are put in for `${NAME}`. A module has `process.env` instead, and its dollar signs stay. */
  readonly variables: boolean;
}

/** Throws ConfigError with all problems found, not only the first. */
export function readConfig(written: unknown, { source, env, variables }: ReadSettings): ReadConfig {
  const { value, templates, problems } = variables
    ? substitute(written, env)
    : { value: written, templates: new Map<string, string>(), problems: [] };
  const parsed = configSchema.safeParse(value ?? undefined);
  if (!parsed.success) {
    const missing = new Set(problems.map(({ path }) => pathText(path)));
    const explained = explain(parsed.error.issues, value, templates).filter(({ path }) => !missing.has(pathText(path)));
    throw new ConfigError(source, [...problems, ...explained]);
  }
  const options = fill(parsed.data, env);
  const found = [...problems, ...checkConfig(options, parsed.data.routes === undefined)];
  if (found.some(({ level }) => level === 'error')) throw new ConfigError(source, found);
  return { options: deepFreeze(options), warnings: found };
}

function fill(
  { pools, routes, workers, stateDir, sessions, fleet, requestId, tracing, ...rest }: FilledConfig,
  env: Environment,
): LimpetOptions {
  return {
    ...rest,
    pools: Object.entries(pools).map(([name, { resolve, ...pool }]) => ({
      name,
      ...pool,
      servers: pool.servers.map((server) => ({ ...server, resolve: server.resolve ?? resolve })),
      tls: pool.tls ?? null,
      sessions: pool.sessions ?? sessions !== undefined,
    })),
    // A fleet has one store.
    sessions:
      sessions === undefined ? null : { ...sessions, store: sessions.store ?? fleet?.store ?? defaults.sessions.store },
    fleet: fleet ?? null,
    requestId: requestId ?? null,
    tracing: tracing ?? null,
    routes: routes ?? catchAll(Object.keys(pools)),
    workers: countOfWorkers(workers),
    stateDir: env.LIMPET_STATE || stateDir,
  };
}

/** With a single pool there is nothing to route. */
function catchAll(pools: readonly string[]): RouteOptions[] {
  return pools.length === 1 ? pools.map((pool) => ({ match: defaults.match, pool, affinity: true })) : [];
}
