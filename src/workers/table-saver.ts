/** Keeps the session table across restarts: loads it once, then saves it at an interval and at the end, one save at a time. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UsageError } from '../errors.ts';
import { loadTable, type Saved, saveTable } from '../table/snapshot.ts';
import { type Clock, type Timers, unixSeconds } from '../time/clock.ts';

export interface TableSaverDependencies {
  readonly file: string;
  readonly saved: () => Saved;
  /** Milliseconds between the end of a save and the beginning of the next. 0: the table is neither loaded nor saved. */
  readonly interval: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: {
    info(message: string): void;
    warn(message: string): void;
  };
}

export class TableSaver {
  private readonly deps: TableSaverDependencies;
  private cancelTimer: () => void = () => {};
  private saving: Promise<void> = Promise.resolve();
  /** The last save failed: logged once, not for every save. */
  private failing = false;

  constructor(deps: TableSaverDependencies) {
    this.deps = deps;
  }

  /** A file that cannot be used is logged, and left as it is until the next save. The balancer then starts with an empty table. */
  async load(): Promise<void> {
    const { file, saved, interval, clock, log } = this.deps;
    if (interval === 0) return;
    try {
      const sessions = await loadTable(file, saved(), unixSeconds(clock));
      if (sessions !== null) log.info(`loaded ${sessions} sessions from ${file}`);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      log.warn(error.message);
    }
  }

  start(): void {
    const { interval, timers } = this.deps;
    if (interval === 0) return;
    this.cancelTimer = timers.after(interval, () => {
      this.save().then(
        () => this.start(),
        () => this.start(),
      );
    });
  }

  /** Saves once more. */
  async stop(): Promise<void> {
    this.cancelTimer();
    if (this.deps.interval > 0) await this.save();
  }

  private save(): Promise<void> {
    this.saving = this.saving.then(() => this.saveNow());
    return this.saving;
  }

  private async saveNow(): Promise<void> {
    const { file, saved, log } = this.deps;
    try {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await saveTable(file, saved());
      if (this.failing) log.info(`the session table is saved again to ${file}`);
      this.failing = false;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (!this.failing) log.warn(`${message}: learned sessions would be lost with this process`);
      this.failing = true;
    }
  }
}
