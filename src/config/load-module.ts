/** Loads a config from a module, in a thread of its own: anew at each reload, and for a bounded time. */
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { UsageError } from '../errors.ts';
import type { Environment } from './env.ts';
import type { FromModule, ModuleInit } from './module-thread.ts';
import { ConfigError } from './problem.ts';
import { formatDuration, parseDuration } from './units.ts';

/** A module that has not given its config after this long (ms) never will; `LIMPET_CONFIG_TIMEOUT` says otherwise. */
const usualTimeout = 10_000;

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

/** Beside this file, in its language: source while Limpet is developed, JavaScript when it is installed. */
const entry = new URL(import.meta.url.endsWith('.ts') ? './module-thread.ts' : './config-module.js', import.meta.url);

/** Throws UsageError with the place where it failed, ConfigError for what no config can hold. `file` is what a person called it. */
export async function loadModule(file: string, path: string, env: Environment): Promise<unknown> {
  const timeout = timeoutOf(env);
  const answer = await importInThread(pathToFileURL(path).href, timeout);
  switch (answer) {
    case 'timeout':
      throw new UsageError(
        `cannot load the config ${file}: it has given no config after ${formatDuration(timeout)}: does it wait for something, or never end? LIMPET_CONFIG_TIMEOUT=1m gives it longer`,
      );
    case 'exit':
      throw new UsageError(`cannot load the config ${file}: it ends the process, expected a default export`);
    default:
      return configOf(answer, file, path);
  }
}

function configOf(answer: FromModule, file: string, path: string): unknown {
  switch (answer.kind) {
    case 'config':
      return answer.value;
    case 'no-config':
      throw new UsageError(`the config ${file} has no default export: write export default defineConfig({ ... })`);
    case 'flaws':
      throw new ConfigError(
        { name: file, locate: () => null },
        answer.flaws.map((flaw) => ({ level: 'error', ...flaw })),
      );
    case 'failed': {
      const { message } = answer;
      const hint = hints.find(([pattern]) => pattern.test(message))?.[1] ?? '';
      const [first = ''] = message.split('\n', 1);
      throw new UsageError(
        `cannot load the config ${placeOf(answer, file, path)}: ${first || 'it throws nothing'}${hint}`,
      );
    }
  }
}

/** `limpet.config.ts:3`; a file that the config imports is told beside it. The runtimes count columns in two ways. */
function placeOf({ stack, position }: FromModule & { kind: 'failed' }, file: string, path: string): string {
  if (position !== null) return `${file}:${position.line}`;
  const places = Array.from(
    stack.matchAll(/(?<=[\s(]|^)(file:\/\/\/[^\s()]+?|\/[^\s():]+):(\d+)(?::\d+)?(?=[)\s]|$)/g),
    ([, name = '', line]) => ({ name: name.startsWith('file:') ? fileURLToPath(name) : name, line }),
  ).filter(({ name }) => !name.includes('node_modules') && name !== fileURLToPath(entry));
  const [first] = places;
  if (first === undefined) return file;
  const own = places.find(({ name }) => name === path);
  if (own === undefined) return `${file} (${first.name}:${first.line})`;
  return first === own ? `${file}:${own.line}` : `${file}:${own.line} (${first.name}:${first.line})`;
}

function importInThread(url: string, timeout: number): Promise<FromModule | 'timeout' | 'exit'> {
  const init: ModuleInit = { url };
  return new Promise((resolve) => {
    const worker = new Worker(entry, { workerData: init });
    const end = (answer: FromModule | 'timeout' | 'exit'): void => {
      clearTimeout(timer);
      resolve(answer);
      void worker.terminate();
    };
    const timer = setTimeout(() => end('timeout'), timeout);
    worker.once('message', end);
    worker.once('error', (error: unknown) => {
      const known = error instanceof Error;
      end({
        kind: 'failed',
        message: known ? error.message : String(error),
        stack: known ? String(error.stack) : '',
        position: null,
      });
    });
    worker.once('exit', () => end('exit'));
  });
}

function timeoutOf({ LIMPET_CONFIG_TIMEOUT: written }: Environment): number {
  if (written === undefined || written === '') return usualTimeout;
  const time = parseDuration(written);
  if (time > 0) return time;
  throw new UsageError(`LIMPET_CONFIG_TIMEOUT: found ${JSON.stringify(written)}, expected a time such as 30s`);
}
