/**
 * The supervisor: starts the workers and replaces those that fail, judges the health of servers for all of them, and keeps what
 * must outlast a worker: the config, the session table, the clock and the store.
 *
 *      config, signals ──> supervisor ───── health reports, configs ─────> worker 1, 2, ... N
 *                              ^  <── passive reports, logs, access lines ──┘
 *                              └── shared memory: session table, load, counters ──┘
 */

import type { ServerView } from '../admin/schemas.ts';
import type { LimpetOptions } from '../config/options.ts';
import { UsageError } from '../errors.ts';
import type { EventBus } from '../events/bus.ts';
import { noSessionEvents } from '../events/session-events.ts';
import { type CounterName, counter } from '../metrics/counters.ts';
import { shortageOf } from '../net/shortage.ts';
import { type Address, formatAddress } from '../net/socket.ts';
import { connectFleet } from '../nodes/fleet-store.ts';
import { MissedMoves } from '../shared/missed-moves.ts';
import type { RedisConnection } from '../store/redis-connection.ts';
import { within } from '../time/within.ts';
import type { CertificateStatus } from './certificate-service.ts';
import { FleetOwners } from './fleet-owners.ts';
import { StoreService } from './store-service.ts';
import { createParts, type SupervisorDependencies, type SupervisorParts } from './supervisor-parts.ts';

export type { Log, SupervisorDependencies } from './supervisor-parts.ts';

/** A thread that hangs and has not ended this long (ms) after it was terminated never will. */
const terminateTimeoutMs = 30_000;

/** For the counters of a worker that does not answer (ms). */
const countLimitMs = 1000;

export class Supervisor {
  private readonly deps: SupervisorDependencies;
  private readonly parts: SupervisorParts;
  private store: StoreService | null = null;
  /** To the store of the fleet; null: there is none. */
  private connection: RedisConnection | null = null;
  private fleetOwners: FleetOwners | null = null;
  private stopping = false;

  constructor(options: LimpetOptions, deps: SupervisorDependencies) {
    this.deps = deps;
    this.parts = createParts(options, deps, {
      store: () => this.store,
      fleetOwners: () => this.fleetOwners,
      isStopping: () => this.stopping,
      onHung: (worker) => this.replaceHung(worker),
      acceptFailed: (error, at) => this.acceptFailed(error, at),
    });
  }

  /** Where it listens, as URLs or `unix:` paths, in the order of the config. */
  get addresses(): readonly string[] {
    return this.parts.rollout.addresses;
  }

  /** What happens, for programs. */
  get events(): EventBus {
    return this.parts.events;
  }

  /** Rejects with the system's error when an address cannot be bound; then no thread is left. */
  async start(): Promise<void> {
    const { rollout, state, tableSaver, timekeeper, monitor, servers, descriptorRoom, workers, hangs } = this.parts;
    const { admin, limits, fleetNodes } = this.parts;
    servers.read();
    await this.connectFleet();
    this.parts.emptyWatch.start();
    await rollout.prepare();
    state.randomizeTurns(rollout.numbers, this.deps.random ?? Math.random);
    await this.parts.traceExport.open(rollout.options);
    await this.openStore();
    await tableSaver.load();
    // Not before the table is loaded: what it has is older.
    this.fleetOwners?.follow(rollout.options, rollout.numbers);
    await this.fleetOwners?.start();
    timekeeper.start();
    monitor.follow(rollout.options, rollout.numbers);
    servers.restore();
    descriptorRoom.follow(rollout.options);
    descriptorRoom.start();
    limits.start();
    try {
      await fleetNodes.start();
      await rollout.checkPorts();
      await workers.start();
      await admin.open();
    } catch (error) {
      this.stopping = true;
      this.stopWatching();
      timekeeper.stop();
      hangs.stop();
      await workers.terminate();
      await fleetNodes.stop();
      await this.closeStore();
      throw error;
    }
    tableSaver.start();
    this.parts.metrics.start();
    this.parts.readiness.start();
    this.parts.rates.start();
  }

  /** Replaces the config at all workers. Rejects when that cannot be, and says why; then nothing has changed. */
  async reload(options: LimpetOptions): Promise<void> {
    try {
      await this.parts.rollout.reload(options);
    } catch (error) {
      this.configRefused(error instanceof Error ? error.message : String(error));
      throw error;
    }
    this.parts.state.counters.add(counter.reloads);
  }

  /** A config that was to be taken over cannot be, for this reason. `reload` reports its own failures. */
  configRefused(reason: string): void {
    this.parts.events.publish('config.refused', { reason });
  }

  /** True when every open exchange finished by itself in time. */
  async stop(): Promise<boolean> {
    const { rollout, admin, workers, hangs, tableSaver, timekeeper, traceExport } = this.parts;
    this.stopping = true;
    this.parts.metrics.stop();
    await rollout.stop();
    await admin.close();
    this.stopWatching();
    const finished = await workers.stop(rollout.options.shutdown.timeout);
    // Until here what is open here is counted by the other nodes, and a drain waits for it.
    await this.parts.fleetNodes.stop();
    // Only now: a worker that hangs while it stops is ended, too.
    hangs.stop();
    await tableSaver.stop();
    timekeeper.stop();
    await workers.terminate();
    await traceExport.stop();
    await this.closeStore();
    return finished;
  }

  /** Adds to a counter on behalf of a part outside of the balancer, such as the program's log. */
  count(name: CounterName, by: number): void {
    this.parts.state.counters.add(counter[name], by);
  }

  /**
   * Resolves when the counters have all that clients have got so far: a worker counts a response when it has sent it. After a second at the
   * latest, if a worker hangs.
   */
  async counted(): Promise<void> {
    const { timers, workers } = this.parts;
    await within(timers, countLimitMs, workers.sync());
  }

  /** The counters of all threads together, by name. */
  countersNow(): Record<string, number> {
    return this.parts.state.countersNow();
  }

  /** Sessions in the table, by `pool/server`. */
  sessionsNow(): Record<string, number> {
    return this.parts.state.sessionsNow();
  }

  /** The certificates that are in use, with the seconds that they are still valid. */
  certificatesNow(): readonly CertificateStatus[] {
    return this.parts.certificates.status();
  }

  /** Every server with its state, its exchanges and its sessions. */
  serversNow(): Promise<readonly ServerView[]> {
    return this.parts.servers.list();
  }

  /**
   * Takes a server out of use, or back, until the opposite is said: also across reloads and restarts. False: there is no
   * such server. Resolves when every worker does so.
   */
  async drain(pool: string, server: string, drained: boolean): Promise<boolean> {
    return (await this.parts.servers.change(pool, server, { state: drained ? 'drain' : 'ready' })) === 'done';
  }

  /**
   * Waits until nothing is lost if the server is stopped. False after `waitMs`, or when `signal` says so. Throws UsageError when there
   * is no such server, or no more.
   */
  async drained(pool: string, server: string, waitMs: number, signal: AbortSignal): Promise<boolean> {
    const state = await this.parts.servers.drained(pool, server, waitMs, signal);
    if (state === 'no-such-server') throw new UsageError(`there is no server "${pool}/${server}"`);
    return state.drained;
  }

  private stopWatching(): void {
    const { names, monitor, descriptorRoom, certificates, limits, readiness } = this.parts;
    readiness.stop();
    this.parts.emptyWatch.stop();
    this.parts.rates.stop();
    limits.stop();
    certificates.stop();
    names.stop();
    monitor.stop();
    descriptorRoom.stop();
  }

  private async connectFleet(): Promise<void> {
    const { rollout, clock, timers, fleetNodes } = this.parts;
    const { fleet } = rollout.options;
    if (fleet === null) return;
    this.connection = await connectFleet(fleet, () => clock.now(), timers);
    await fleetNodes.open(this.connection);
  }

  private async openStore(): Promise<void> {
    const { rollout, clock, timers, state, events, fleetNodes } = this.parts;
    const { sessions, fleet, stateDir } = rollout.options;
    if (sessions === null && fleet === null) return;
    const { log, injectedFault = null, storeKey, tableSecret } = this.deps;
    const { table, load, counters } = state;
    const acceptFailed = (error: Error, at: Address): void => this.acceptFailed(error, at);
    const node = fleetNodes.id;
    const shared = { clock, timers, table, tableSecret, load, counters, injectedFault, log, node };
    this.store = await StoreService.open(sessions, fleet, { ...shared, stateDir, storeKey, acceptFailed, events });
    this.store.follow(rollout.options, rollout.numbers);
    if (fleet !== null && this.connection !== null) {
      const missed = new MissedMoves(state.buffers.missedMoves);
      const store = this.store.owners;
      const others = () => fleetNodes.others;
      const parts = { ...shared, missed, store, others, events: noSessionEvents };
      this.fleetOwners = new FleetOwners(this.connection, fleet, parts);
      this.store.claimBy(this.fleetOwners.claim);
    }
    if (injectedFault !== null) log.warn(`LIMPET_INJECTED_FAULT: ${injectedFault} is broken on purpose`);
  }

  private async closeStore(): Promise<void> {
    this.fleetOwners?.stop();
    this.connection?.close();
    await this.store?.stop();
  }

  /** The worker's event loop hangs: its thread is ended, and another one takes its place. */
  private replaceHung(worker: number): void {
    const { state, rollout, timers, workers } = this.parts;
    state.counters.add(counter.workers_hung);
    const seconds = rollout.options.workerTimeout / 1000;
    const reason = `its event loop has not turned for ${seconds} s (workerTimeout)`;
    // Both runtimes can end a loop of JavaScript. A thread that hangs in a system call cannot be ended, and the kernel goes on
    // giving it its share of the connections.
    const cancel = timers.after(terminateTimeoutMs, () => {
      throw new Error(`worker ${worker + 1} cannot be ended: ${reason}; so the balancer ends`);
    });
    void workers.replace(worker, new Error(reason)).then(cancel);
  }

  /** A connection to the admin listener, or to the store interface, could not be accepted. */
  private acceptFailed(error: Error, at: Address): void {
    this.parts.state.counters.add(counter.shortages_accept);
    this.parts.shortages.report('accept', shortageOf(error, at.kind) ?? error.message, formatAddress(at));
  }
}
