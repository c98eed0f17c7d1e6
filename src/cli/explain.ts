/** `limpet explain`: gathers the question from flags, files and the clock, and prints the answer. It writes no file. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseListener } from '../config/address.ts';
import { shortestKey } from '../config/keys.ts';
import type { LimpetOptions, ListenerOptions } from '../config/options.ts';
import { UsageError } from '../errors.ts';
import { explain } from '../explain/explain.ts';
import type { Explanation } from '../explain/explanation.ts';
import { inWords } from '../explain/words.ts';
import { formatAddress } from '../net/socket.ts';
import { systemClock } from '../time/clock.ts';
import type { ExplainFlags } from './arguments.ts';
import { keptKey } from './state-key.ts';

export interface ExplainSurroundings {
  /** The current folder. */
  readonly folder: string;
  readonly readInput: () => Promise<Buffer>;
}

/** Throws UsageError for a file that cannot be read, and for a listener or server that the config does not have. */
export async function tellExplanation(
  options: LimpetOptions,
  flags: ExplainFlags,
  { folder, readInput }: ExplainSurroundings,
): Promise<string> {
  const [source, keys] = findKeys(options);
  const answer = await explain(
    { ...options, keys },
    {
      request: flags.request === '-' ? await readInput() : readRequest(resolve(folder, flags.request)),
      listener: findListener(options.listeners, flags.listener),
      peer: flags.client ?? '127.0.0.1',
      down: flags.down ?? [],
      draining: flags.draining ?? [],
      now: flags.now ?? systemClock.now(),
      keys: source,
      tableSecret: keptKey(options.stateDir, 'table') ?? randomBytes(shortestKey),
      random: Math.random,
    },
  );
  return flags.json === true ? `${JSON.stringify(answer, null, 2)}\n` : inWords(answer);
}

/** A key that nobody has stands in where there is none: all tokens are foreign to it. */
function findKeys({ keys, stateDir }: LimpetOptions): [Explanation['keys'], readonly Buffer[]] {
  if (keys.length > 0) return ['config', keys];
  const kept = keptKey(stateDir, 'token');
  return kept === null ? ['none', [randomBytes(shortestKey)]] : ['state', [kept]];
}

function findListener(listeners: readonly ListenerOptions[], named: string | undefined): ListenerOptions {
  if (named === undefined) return listeners[0]!;
  const address = parseListener(named);
  const found = listeners.find((one) => address !== null && formatAddress(one.address) === formatAddress(address));
  if (found !== undefined) return found;
  const known = listeners.map((one) => formatAddress(one.address)).join(', ');
  throw new UsageError(`there is no listener "${named}", expected one of ${known}`);
}

function readRequest(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : error;
    throw new UsageError(`cannot read the request ${path}: ${code === 'ENOENT' ? 'there is no such file' : code}`);
  }
}
