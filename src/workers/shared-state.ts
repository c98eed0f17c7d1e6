/**
 * The memory that all threads share, as the supervisor holds it: it creates the memory, gives out the slots and lifetimes in it,
 * sums up what all threads count, and cleans up after a worker that died.
 */
import type { LimpetOptions } from '../config/options.ts';
import type { Load } from '../fleet/load.ts';
import type { Counters } from '../metrics/counters.ts';
import { ExchangeStats, type SlotStats } from '../metrics/exchange-stats.ts';
import type { Descriptors } from '../net/descriptors.ts';
import type { ConfigVersion } from '../shared/config-version.ts';
import { attach, closeGauges, createShared, type SharedBuffers, statsOf, sumCounters } from '../shared/memory.ts';
import { type Numbers, numberAll } from '../shared/slots.ts';
import { Lifetimes } from '../table/lifetimes.ts';
import { ServerNumbers } from '../table/numbers.ts';
import { SessionTable } from '../table/table.ts';

export interface SharedStateOptions {
  /** Sessions that the table must hold. */
  readonly capacity: number;
  readonly workers: number;
  /** Seconds for which the table keeps an ended session dead. Left out: a minute. */
  readonly tombstoneTime?: number | undefined;
  /** A server that left the config may still use the store interface: no other server may get its slot. */
  readonly isSlotExpected: (slot: number) => boolean;
}

export class SharedState {
  readonly buffers: SharedBuffers;
  readonly table: SessionTable;
  readonly load: Load;
  /** The supervisor's own row of counters. */
  readonly counters: Counters;
  readonly configVersion: ConfigVersion;
  readonly descriptors: Descriptors;
  readonly servers: ServerNumbers;
  readonly lifetimes: Lifetimes;
  /** The statistics of each worker, and last those of the supervisor. */
  readonly stats: readonly ExchangeStats[];
  private readonly workers: number;

  constructor({ capacity, workers, tombstoneTime, isSlotExpected }: SharedStateOptions) {
    this.workers = workers;
    // The supervisor counts, too: it has the row after the workers'.
    this.buffers = createShared(capacity, workers + 1, tombstoneTime);
    const { load, counters, configVersion, descriptors } = attach(this.buffers, workers);
    this.stats = this.buffers.stats.map((_, worker) => statsOf(this.buffers, worker));
    this.load = load;
    this.counters = counters;
    this.configVersion = configVersion;
    this.descriptors = descriptors;
    // Writer 0 of the table is the supervisor.
    this.table = SessionTable.attach(this.buffers.table, 0);
    const isBusy = (slot: number) => load.running(slot) !== 0 || load.waiting(slot) !== 0 || isSlotExpected(slot);
    this.servers = new ServerNumbers(this.table, isBusy, (slot) => {
      for (const one of this.stats) one.clear(slot);
    });
    this.lifetimes = new Lifetimes(this.table);
  }

  /** The slots and lifetimes of a config. What is no longer in the config gives its own back. */
  assignNumbers(options: LimpetOptions, nowSeconds: number): Numbers {
    return numberAll(options, this.servers, this.lifetimes, nowSeconds);
  }

  /** Round-robin begins with a random server: balancers that start together would otherwise all begin with the first one. */
  randomizeTurns({ slots }: Numbers, random: () => number): void {
    for (const slot of slots.values()) this.load.passTurn(slot, 0, Math.floor(random() * 0x10000));
  }

  /** The counters of all threads together, by name. */
  countersNow(): Record<string, number> {
    const sum = sumCounters(this.buffers, this.workers + 1);
    const { evicted, returned } = this.table.counters;
    return { ...sum, sessions_evicted: evicted, claims_returned: returned };
  }

  /** What the server or pool of this slot has done, at all workers. `isWhole` as for `ExchangeStats.read`. */
  statsNow(slot: number, isWhole = true): SlotStats {
    return ExchangeStats.read(this.stats, slot, isWhole);
  }

  /** Requests that the server or pool of this slot has completed, at all workers. */
  requestsNow(slot: number): number {
    return ExchangeStats.requests(this.stats, slot);
  }

  /** How late (ms) the event loop of this worker, from 0, was at its last beat. */
  loopDelayNow(worker: number): number {
    return this.stats[worker]?.lastLoopDelayMs ?? 0;
  }

  /** Sessions in the table, by `pool/server`. */
  sessionsNow(): Record<string, number> {
    const sessions: Record<string, number> = {};
    for (const [name, number] of this.servers.entries()) {
      if (/^[^ ]+\/./.test(name)) sessions[name] = this.table.count(number);
    }
    return sessions;
  }

  /** A worker has died: what it had open, and what it counted as running, is over. */
  releaseWorker(worker: number): void {
    this.table.recover(worker + 1);
    const { load, descriptors } = attach(this.buffers, worker);
    load.forget(worker);
    descriptors.forget(worker);
    closeGauges(this.buffers, worker);
  }
}
