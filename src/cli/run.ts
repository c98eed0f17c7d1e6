/** Runs a balancer until a signal ends it: the messages at its start, what each signal does, and the exit code. */
import { readFileSync } from 'node:fs';
import type { ConfigFile } from '../admin/dependencies.ts';
import type { ConfigCheck, Reload } from '../admin/schemas.ts';
import { FolderWatch } from '../certificates/folder-watch.ts';
import { diffOptions } from '../config/diff.ts';
import type { LimpetOptions } from '../config/options.ts';
import { ConfigError } from '../config/problem.ts';
import { keptTillRestart } from '../config/restart-fields.ts';
import { UsageError } from '../errors.ts';
import { isListenError } from '../net/listen-error.ts';
import { systemTimers } from '../time/clock.ts';
import type { CertificateStatus } from '../workers/certificate-service.ts';
import { configLines } from './config-lines.ts';
import { exitCodes } from './exit-codes.ts';
import type { Logger } from './log.ts';
import type { Signals } from './signals.ts';

/** What is needed of a running balancer. */
export interface Running {
  /** Where it listens, as URLs or `unix:` paths. */
  readonly addresses: readonly string[];
  /** True when every open exchange finished in time. */
  stop(): Promise<boolean>;
  /** Replaces the config; rejects with the system's error when that cannot be. */
  reload(options: LimpetOptions): Promise<void>;
  /** The config could not even be read, for this reason. */
  configRefused(reason: string): void;
  /** Resolves when the counters have all that clients have got so far. */
  counted(): Promise<void>;
  countersNow(): Record<string, number>;
  /** Sessions in the table, by `pool/server`. */
  sessionsNow(): Record<string, number>;
  /** Those in use, with the seconds that they are still valid. */
  certificatesNow(): readonly CertificateStatus[];
}

export type Start = (
  options: LimpetOptions,
  deps: { readonly log: Logger; readonly configFile: string | null; readonly config: ConfigFile | null },
) => Promise<Running>;

/** The file of the config, as often as it is read. */
export interface ConfigSource {
  readonly path: string;
  /** Throws what is wrong with it. */
  readonly reread: () => Promise<LimpetOptions>;
  /** Reads a text as if it were in the file. Throws what is wrong with it. */
  readonly readText: (text: string) => { readonly options: LimpetOptions; readonly warnings: string };
  /** Reload when it changes. */
  readonly watch: boolean;
  /** What was in the file before it was read; null: that is not known. */
  readonly content: Buffer | null;
}

export interface RunDependencies {
  readonly start: Start;
  readonly log: Logger;
  /** `bun` or `node`, for the message that it listens. */
  readonly runtime: string;
  readonly signals: Signals;
  /** null: there is no file to read. */
  readonly file: ConfigSource | null;
  /** The files of logs are opened again. */
  readonly reopenLogs: () => void;
  /** Writes to stderr, outside of the log. */
  readonly writeError: (text: string) => void;
}

/** A start that has not ended this long (ms) after a signal to stop is given up. */
const startTimeoutMs = 5000;

/**
 * Resolves with the exit code when everything has ended. Signals count from the beginning; what they ask for during the start is done
 * when the start is over.
 */
export function run(options: LimpetOptions, deps: RunDependencies): Promise<number> {
  // Keeps Node running when no socket does: while a worker waits to be started again, or while a store does not answer.
  const alive = setInterval(() => {}, 2 ** 30);
  return new Promise<number>((done) => new Run(options, deps, done).begin()).finally(() => clearInterval(alive));
}

class Run {
  private readonly options: LimpetOptions;
  private readonly deps: RunDependencies;
  private readonly done: (code: number) => void;
  /** null: it is still starting. */
  private limpet: Running | null = null;
  /** The first signal that asked for the end. */
  private stopping: string | null = null;
  /** What signals have asked for during the start. */
  private postponed = { reload: false, print: false };
  /** The counters are being printed. */
  private printing: Promise<void> = Promise.resolve();
  private current: LimpetOptions;
  private reloading = false;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(options: LimpetOptions, deps: RunDependencies, done: (code: number) => void) {
    this.options = options;
    this.current = options;
    this.deps = deps;
    this.done = done;
  }

  begin(): void {
    const { signals, log, file } = this.deps;
    for (const signal of ['SIGTERM', 'SIGINT']) signals.on(signal, () => this.stop(signal));
    signals.on('SIGUSR1', () => this.deps.reopenLogs());
    signals.on('SIGUSR2', () => this.print());
    signals.on('SIGHUP', () => this.reload());
    for (const event of ['uncaughtException', 'unhandledRejection']) {
      signals.on(event, (error) => {
        log.error(`unexpected failure: ${stackOf(error)}`);
        this.done(exitCodes.unexpected);
      });
    }
    this.logConfig(this.options);
    const config = file && {
      check: (text: string) => this.check(text, file),
      reload: (dry: boolean) => this.reloadFor(dry, file),
    };
    this.deps.start(this.options, { log, configFile: file?.path ?? null, config }).then(
      (limpet) => this.started(limpet),
      (error: unknown) => this.notStarted(error),
    );
  }

  private logConfig(options: LimpetOptions): void {
    const { log } = this.deps;
    if (options.log.level === 'debug') for (const line of configLines(options)) log.debug(line);
  }

  private started(limpet: Running): void {
    const { log, runtime } = this.deps;
    this.limpet = limpet;
    for (const address of limpet.addresses) log.info(`listening on ${address} (${runtime})`);
    this.watch();
    if (this.postponed.print) this.print();
    if (this.stopping !== null) this.finish(limpet, this.stopping);
    else if (this.postponed.reload) this.reload();
  }

  private notStarted(error: unknown): void {
    const { log } = this.deps;
    if (error instanceof UsageError) {
      log.error(error.message);
      this.done(exitCodes.config);
      return;
    }
    const listen = isListenError(error);
    log.error(listen ? error.message : `unexpected failure: ${stackOf(error)}`);
    this.done(listen ? exitCodes.listen : exitCodes.unexpected);
  }

  private stop(signal: string): void {
    const { log } = this.deps;
    if (this.stopping !== null) {
      log.warn(`${signal} again: ending at once`);
      this.done(exitCodes.cut);
      return;
    }
    this.stopping = signal;
    if (this.limpet !== null) {
      this.finish(this.limpet, signal);
      return;
    }
    log.info(`${signal}: stopping when the start is over`);
    systemTimers.after(startTimeoutMs, () => {
      if (this.limpet !== null) return;
      log.warn(`the start is not over after ${startTimeoutMs} ms: ending at once`);
      this.done(exitCodes.cut);
    });
  }

  private finish(limpet: Running, signal: string): void {
    const { log } = this.deps;
    log.info(`${signal}: finishing open exchanges`);
    const stopped = this.printing.then(() => limpet.stop());
    stopped.then(
      (finished) => {
        const limit = this.options.shutdown.timeout;
        if (!finished) log.warn(`shutdown.timeout (${limit} ms) is over: open exchanges were cut`);
        this.done(finished ? exitCodes.ok : exitCodes.cut);
      },
      (error: unknown) => {
        log.error(`shutdown failed: ${stackOf(error)}`);
        this.done(exitCodes.unexpected);
      },
    );
  }

  private print(): void {
    const { limpet } = this;
    if (limpet === null) {
      this.postponed.print = true;
      return;
    }
    this.printing = limpet.counted().then(() => {
      const now = {
        counters: limpet.countersNow(),
        sessions: limpet.sessionsNow(),
        certificates: limpet.certificatesNow(),
      };
      this.deps.writeError(`${JSON.stringify(now)}\n`);
    });
  }

  /** Several that wait are done as one. */
  private reload(): void {
    this.postponed.reload = true;
    if (this.limpet === null || this.reloading) return;
    this.reloading = true;
    const done = this.inTurn(() => {
      this.postponed.reload = false;
      return this.reloadNow();
    });
    // `reloadNow` has logged why.
    void done
      .catch(() => {})
      .finally(() => {
        this.reloading = false;
        if (this.postponed.reload) this.reload();
      });
  }

  /** One after the other, so that the config that was read last is in force. */
  private inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    const done = this.turn.then(act);
    this.turn = done.catch(() => {});
    return done;
  }

  /** Rejects with UsageError when it is refused: everything stays as it was. */
  private async reloadNow(): Promise<Reload> {
    const { log, file } = this.deps;
    const { limpet } = this;
    try {
      if (file === null) throw new UsageError('the servers stand on the command line: there is no file to read');
      if (limpet === null) throw new UsageError('it is still starting');
      const next = await file.reread().catch((error: unknown) => {
        limpet.configRefused(whyNotReloaded(error, this.deps));
        throw error;
      });
      await limpet.reload(next);
      const done = this.reportOf(next, true);
      for (const what of done.restart) log.warn(`${what} changes with a restart only`);
      this.current = next;
      this.logConfig(next);
      log.info('config reloaded');
      return done;
    } catch (error) {
      const why = whyNotReloaded(error, this.deps);
      log.error(`reload refused, everything stays as it was: ${why}`);
      throw new UsageError(why);
    }
  }

  private reportOf(next: LimpetOptions, applied: boolean): Reload {
    return { applied, diff: diffOptions(this.current, next), restart: keptTillRestart(this.current, next) };
  }

  private reloadFor(dryRun: boolean, { reread }: ConfigSource): Promise<Reload> {
    if (!dryRun) return this.inTurn(() => this.reloadNow());
    return reread().then(
      (next) => this.reportOf(next, false),
      (error: unknown) => {
        throw new UsageError(whyNotReloaded(error, this.deps));
      },
    );
  }

  private check(text: string, { readText }: ConfigSource): Promise<ConfigCheck> {
    try {
      const { options, warnings } = readText(text);
      return Promise.resolve({ valid: true, problems: linesOf(warnings), diff: diffOptions(this.current, options) });
    } catch (error) {
      if (!(error instanceof ConfigError || error instanceof UsageError)) throw error;
      return Promise.resolve({ valid: false, problems: linesOf(error.message), diff: [] });
    }
  }

  /** The file is compared, because its folder changes for other reasons too. */
  private watch(): void {
    const { file, log } = this.deps;
    if (file?.watch !== true) return;
    let known = file.content;
    const compare = (): void => {
      const content = contentOf(file.path);
      // Between two steps of an editor it may not be there.
      if (content === null || (known !== null && content.equals(known))) return;
      known = content;
      log.info(`${file.path} has changed`);
      this.reload();
    };
    const watch = new FolderWatch(systemTimers, () => {
      watch.follow([file.path]);
      compare();
    });
    watch.follow([file.path]);
    // It may have changed since it was read.
    compare();
  }
}

/** null: it is not there, or cannot be read. */
export function contentOf(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch {
    return null;
  }
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}

function whyNotReloaded(error: unknown, { file }: RunDependencies): string {
  if (error instanceof ConfigError) return `the config is not valid\n${error.message}`;
  if (isListenError(error)) return error.message;
  if (error instanceof UsageError || file === null) return error instanceof Error ? error.message : String(error);
  if (error instanceof Error && 'code' in error) return `${error.message} (${String(error.code)})`;
  return stackOf(error);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
