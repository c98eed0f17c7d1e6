/** Finds and loads a config file: YAML, or a TypeScript or JavaScript module whose default export is the config. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Environment } from './env.ts';
import { loadModule } from './load-module.ts';
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
    checkFile(file, path);
    const source: Source = { name: file, locate: () => null };
    return { ...readConfig(await loadModule(file, path, env), { source, env, variables: false }), source };
  }
  const { text, flaw } = readTextFile(file, path);
  if (flaw !== null) {
    throw new ConfigError({ name: file, locate: () => null }, [{ level: 'error', path: [], ...flaw }]);
  }
  return readYamlConfig(file, text, env);
}

/** The same for the text of a YAML file. `file`: its name in messages. */
export function readYamlConfig(file: string, text: string, env: Environment): LoadedConfig {
  const { value, locate, problems } = readYaml(text);
  const source: Source = { name: file, locate };
  if (problems.length > 0) throw new ConfigError(source, problems);
  return { ...readConfig(value, { source, env, variables: true }), source };
}
