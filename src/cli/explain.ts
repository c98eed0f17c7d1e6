/** `limpet explain`: collects its input from flags, files and the clock, and prints the result. It writes no file. */
import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseListener } from '../config/address.ts';
import { shortestKey } from '../config/keys.ts';
import type { LimpetOptions, ListenerOptions } from '../config/options.ts';
import { codeOf, UsageError } from '../errors.ts';
import { roughly } from '../explain/duration.ts';
import { explain } from '../explain/explain.ts';
import type { Explanation } from '../explain/explanation.ts';
import { inWords } from '../explain/words.ts';
import { formatAddress } from '../net/socket.ts';
import type { SingleWorker } from '../shared/single-worker.ts';
import { loadTable } from '../table/snapshot.ts';
import { systemClock } from '../time/clock.ts';
import type { ExplainFlags } from './arguments.ts';
import { type ExplainSurroundings, readRequest } from './explain-request.ts';
import { keptKeys, keptSecret } from './fleet-keys.ts';
import { resolveOnce } from './resolve-once.ts';

/** Throws UsageError for a file that cannot be read, and for a listener or server that the config does not have. */
export async function formatExplanation(
  options: LimpetOptions,
  flags: ExplainFlags,
  around: ExplainSurroundings,
): Promise<string> {
  const [source, keys] = findKeys(options);
  const table = findTable(options);
  const answer = await explain(
    { ...(await resolveOnce(options)), keys },
    {
      request: await readRequest(flags.request, around),
      listener: findListener(options.listeners, flags.listener),
      peer: flags.client ?? '127.0.0.1',
      down: flags.down ?? [],
      draining: flags.draining ?? [],
      now: flags.now ?? systemClock.now(),
      keys: source,
      tableSecret: table.secret,
      loadTable: table.load,
      random: Math.random,
    },
  );
  return flags.json === true ? `${JSON.stringify(answer, null, 2)}\n` : inWords(answer);
}

/** The token keys. When there are none, a random key takes their place, and all tokens are foreign to it. */
function findKeys(options: LimpetOptions): [Explanation['keys'], readonly Buffer[]] {
  if (options.keys.length > 0) return ['config', options.keys];
  const kept = keptKeys(options);
  return kept.length === 0 ? ['none', [randomBytes(shortestKey)]] : ['state', kept];
}

type TableReport = Explanation['table'];

interface FoundTable {
  readonly secret: Buffer;
  readonly load: (into: SingleWorker, now: number) => Promise<TableReport>;
}

/** The saved session table. When it cannot be used, the explanation says so and goes on without it, with a random key. */
function findTable(options: LimpetOptions): FoundTable {
  const { stateDir } = options;
  const without = (
    source: TableReport['source'],
    note: string,
    secret: Buffer = randomBytes(shortestKey),
  ): FoundTable => {
    const unusable = { source, savedAt: null, sessions: 0, note };
    return { secret, load: () => Promise.resolve(unusable) };
  };
  let secret: Buffer | null;
  try {
    secret = keptSecret(options);
  } catch (error) {
    return without('unusable', messageOf(error));
  }
  if (secret === null) return without('none', `none, and no key of one, in ${stateDir}: ${unknown}`);
  if (options.table.save === 0) return without('none', `table.save is 0, so none is kept: ${unknown}`, secret);
  return { secret, load: (into, now) => load(join(stateDir, tableFile), secret, into, now) };
}

/** As `start.ts` names it. */
const tableFile = 'sessions.table';

const unknown = 'who owns a name is not known';

async function load(
  file: string,
  secret: Buffer,
  { shared, servers, lifetimes }: SingleWorker,
  now: number,
): Promise<TableReport> {
  const nothing = { savedAt: null, sessions: 0 };
  try {
    // Its date first: when a newer file replaces it now, the table is newer than the date that is shown, not older.
    const saved = await dateOf(file);
    const into = { table: shared.table, servers, lifetimes: lifetimes.names(), copies: null, secret };
    const sessions = saved === null ? null : await loadTable(file, into, now);
    if (saved === null || sessions === null) {
      return { ...nothing, source: 'none', note: `none saved as ${file}: ${unknown}` };
    }
    const when = now < saved ? 'later than the time above' : `${roughly(now - saved)} ago`;
    const note = `${sessions} ${sessions === 1 ? 'session' : 'sessions'} as of the last save, ${when}`;
    return { source: 'saved', savedAt: new Date(saved * 1000).toISOString(), sessions, note };
  } catch (error) {
    return { ...nothing, source: 'unusable', note: messageOf(error) };
  }
}

/** Unix seconds; null: there is no such file. */
async function dateOf(file: string): Promise<number | null> {
  try {
    return Math.floor((await stat(file)).mtimeMs / 1000);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function findListener(listeners: readonly ListenerOptions[], named: string | undefined): ListenerOptions {
  if (named === undefined) return listeners[0]!;
  const address = parseListener(named);
  const found = listeners.find((one) => address !== null && formatAddress(one.address) === formatAddress(address));
  if (found !== undefined) return found;
  const known = listeners.map((one) => formatAddress(one.address)).join(', ');
  throw new UsageError(`there is no listener "${named}", expected one of ${known}`);
}

/** The message of an error about a file; any other error is a fault of Limpet, and thrown again. */
function messageOf(error: unknown): string {
  if (error instanceof Error && (error instanceof UsageError || 'code' in error)) return error.message;
  throw error;
}
