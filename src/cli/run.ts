/** Runs a balancer until a signal ends it: what it says when it starts, what each signal does, how it ends. */
import { isDeepStrictEqual } from 'node:util';
import type { LimpetOptions } from '../config/options.ts';
import { ConfigError } from '../config/problem.ts';
import { UsageError } from '../errors.ts';
import { formatAddress } from '../net/socket.ts';
import { exitCodes } from './exit-codes.ts';
import type { Logger } from './log.ts';

/** What is needed of a balancer that runs. */
export interface Running {
  /** Where it listens, as URLs or `unix:` paths. */
  readonly addresses: readonly string[];
  /** True when every open exchange finished in time. */
  stop(): Promise<boolean>;
  /** Takes over another config; rejects with the system's error when it cannot. */
  reload(options: LimpetOptions): Promise<void>;
  countersNow(): Record<string, number>;
  /** Sessions in the table, by `pool/server`. */
  sessionsNow(): Record<string, number>;
}

export type Start = (options: LimpetOptions, deps: { readonly log: Logger }) => Promise<Running>;

/** The part of `process` that is needed. */
export interface Signals {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
}

export interface RunDependencies {
  readonly start: Start;
  readonly log: Logger;
  /** `bun` or `node`, for the line that says that it listens. */
  readonly runtime: string;
  readonly signals: Signals;
  /** Reads the config again: throws what is wrong with it. null: there is no file to read. */
  readonly reread: (() => Promise<LimpetOptions>) | null;
  /** Writes to stderr, beside the log. */
  readonly writeError: (text: string) => void;
}

/** Answers the exit code, once all is over. */
export async function run(options: LimpetOptions, deps: RunDependencies): Promise<number> {
  const { log, signals } = deps;
  let limpet: Running;
  try {
    limpet = await deps.start(options, { log });
  } catch (error) {
    if (error instanceof UsageError) {
      log.error(error.message);
      return exitCodes.config;
    }
    const reason = whyNotListening(error, options);
    if (reason === undefined) throw error;
    log.error(reason);
    return exitCodes.listen;
  }
  return new Promise((done) => {
    let stopping = false;
    const stop = (signal: string) => {
      if (stopping) {
        log.warn(`${signal} again: ending at once`);
        done(exitCodes.cut);
        return;
      }
      stopping = true;
      log.info(`${signal}: finishing open exchanges`);
      limpet.stop().then(
        (finished) => {
          if (!finished) log.warn(`shutdown.timeout (${options.shutdown.timeout} ms) is over: open exchanges were cut`);
          done(finished ? exitCodes.ok : exitCodes.cut);
        },
        (error: unknown) => {
          log.error(`shutdown failed: ${stackOf(error)}`);
          done(exitCodes.unexpected);
        },
      );
    };
    signals.on('SIGTERM', () => stop('SIGTERM'));
    signals.on('SIGINT', () => stop('SIGINT'));
    signals.on('SIGUSR2', () =>
      deps.writeError(`${JSON.stringify({ counters: limpet.countersNow(), sessions: limpet.sessionsNow() })}\n`),
    );
    let current = options;
    signals.on('SIGHUP', async () => {
      try {
        if (deps.reread === null)
          throw new UsageError('the servers stand on the command line: there is no file to read');
        const next = await deps.reread();
        await limpet.reload(next);
        for (const what of keptTillRestart(current, next)) log.warn(`${what} changes with a restart only`);
        current = next;
        log.info('config reloaded');
      } catch (error) {
        log.error(`reload refused, everything stays as it was: ${whyNotReloaded(error, deps)}`);
      }
    });
    for (const event of ['uncaughtException', 'unhandledRejection']) {
      signals.on(event, (error) => {
        log.error(`unexpected failure: ${stackOf(error)}`);
        done(exitCodes.unexpected);
      });
    }
    // Last: who reads this line may send a signal at once.
    for (const address of limpet.addresses) log.info(`listening on ${address} (${deps.runtime})`);
  });
}

/** Fields that a reload leaves as they were at the start. */
function keptTillRestart(before: LimpetOptions, after: LimpetOptions): string[] {
  const fields = ['workers', 'table', 'stateDir', 'log', 'sessions', 'admin'] as const;
  return fields.filter((field) => !isDeepStrictEqual(before[field], after[field]));
}

function whyNotReloaded(error: unknown, { reread }: RunDependencies): string {
  if (error instanceof ConfigError) return `the config is not valid\n${error.message}`;
  if (error instanceof UsageError || reread === null) return error instanceof Error ? error.message : String(error);
  if (error instanceof Error && 'code' in error) return `${error.message} (${String(error.code)})`;
  return stackOf(error);
}

const advice: Readonly<Record<string, string>> = {
  EADDRINUSE:
    'the address is in use. Stop the program that listens there, or choose another address (--listen, or listeners in the config)',
  EACCES:
    'no permission. Ports below 1024 need root or CAP_NET_BIND_SERVICE; a unix socket needs a folder that you may write to',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOENT: 'the folder of the socket does not exist',
};

/** undefined: the error is no refusal of the system to listen. */
function whyNotListening(error: unknown, { listeners }: LimpetOptions): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  const why = advice[error.code];
  if (why === undefined) return undefined;
  // Bun's error does not name the port; with several listeners the one whose port it names is told, else all.
  const port = 'port' in error ? error.port : undefined;
  const named = listeners.filter(({ address }) => address.kind === 'tcp' && address.port === port);
  const told = (named.length > 0 ? named : listeners).map(({ address }) => formatAddress(address)).join(' or ');
  return `cannot listen on ${told}: ${why} (${error.code})`;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
