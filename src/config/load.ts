/** Finds and loads a config file: YAML, or a TypeScript or JavaScript module whose default export is the config. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError } from '../errors.ts';
import type { Environment } from './env.ts';
import { ConfigError, type Source } from './problem.ts';
import { type ReadConfig, readConfig } from './read.ts';
import { checkFile, readTextFile } from './text-file.ts';
import { readYaml } from './yaml.ts';

/** Looked for in this order when no file is named. */
export const configNames = [
  'limpet.yaml',
  'limpet.yml',
  'limpet.config.ts',
  'limpet.config.mts',
  'limpet.config.js',
  'limpet.config.mjs',
] as const;

export interface LoadedConfig extends ReadConfig {
  readonly source: Source;
}

/** The config of a folder, by its usual name; undefined when there is none. */
export function findConfig(folder: string): string | undefined {
  return configNames.find((name) => existsSync(join(folder, name)));
}

/** Throws ConfigError for what is wrong in the file, UsageError when it cannot be read. `file` is relative to `folder`. */
export async function loadConfig(file: string, folder: string, env: Environment): Promise<LoadedConfig> {
  const path = resolve(folder, file);
  if (/\.[cm]?[jt]s$/.test(file)) {
    const source: Source = { name: file, locate: () => null };
    return { ...readConfig(await loadModule(file, path), { source, env, variables: false }), source };
  }
  const { text, flaw } = readTextFile(file, path);
  if (flaw !== null) {
    throw new ConfigError({ name: file, locate: () => null }, [{ level: 'error', path: [], ...flaw }]);
  }
  const { value, locate, problems } = readYaml(text);
  const source: Source = { name: file, locate };
  if (problems.length > 0) throw new ConfigError(source, problems);
  return { ...readConfig(value, { source, env, variables: true }), source };
}

/** What to do about the messages of a runtime that most people meet once. */
const hints: readonly (readonly [RegExp, string])[] = [
  [
    /(?:package|module) ['"]limpet['"]/,
    ': install the package beside it (README: In your app), in a checkout import ./src/index.ts, or export a plain object without defineConfig',
  ],
  [/\/dist\/index\.js['"]/, ': that is a checkout which is not built: npm run build, or import ./src/index.ts of it'],
  [
    /import statement outside a module/,
    ': Node takes it for CommonJS. Name it limpet.config.mts, or write "type": "module" into the package.json beside it',
  ],
];

async function loadModule(file: string, path: string): Promise<unknown> {
  checkFile(file, path);
  let loaded: { readonly default?: unknown };
  try {
    loaded = await import(pathToFileURL(path).href);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const hint = hints.find(([pattern]) => pattern.test(message))?.[1] ?? '';
    throw new UsageError(`cannot load the config ${file}: ${message}${hint}`, { cause: error });
  }
  const config = await loaded.default;
  if (typeof config === 'object' && config !== null) return config;
  throw new UsageError(`the config ${file} has no default export: write export default defineConfig({ ... })`);
}
