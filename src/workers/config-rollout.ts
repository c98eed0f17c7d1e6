/**
 * The config that is in force, and how another one replaces it: at all workers or at none.
 *
 *      read certificates ─> resolve names ─> ports free? ─> assign slots ─> publish ─> every worker applies it ─> health monitor ...
 *           │                                                                   ^                 │ one cannot
 *           └── rejects: nothing has changed                                    └── publish the former config again, and reject
 *
 * Changes run one after the other. When a host name resolves to other addresses, its pool has other servers, and that is a
 * change like a reload.
 */
import { isDeepStrictEqual } from 'node:util';
import type { LoadedCertificates } from '../certificates/load.ts';
import { noTls, type TlsMaterial } from '../certificates/material.ts';
import type { LimpetOptions, ListenerOptions, TraceExportOptions } from '../config/options.ts';
import type { Names } from '../discovery/names.ts';
import { resolveServers } from '../discovery/servers.ts';
import { codeOf } from '../errors.ts';
import type { EventPublisher } from '../events/bus.ts';
import type { NamedHealthReport } from '../fleet/health-report.ts';
import type { Net } from '../net/socket.ts';
import { pairInOrder } from '../shared/pair-in-order.ts';
import { listenerName, type Numbers } from '../shared/slots.ts';
import { type Clock, type Timers, unixSeconds } from '../time/clock.ts';
import type { CertificateService } from './certificate-service.ts';
import { summarizeChange } from './config-summary.ts';
import type { DescriptorRoom } from './descriptor-room.ts';
import type { FleetOwners } from './fleet-owners.ts';
import type { HealthMonitor } from './health-monitor.ts';
import type { KeptChanges } from './kept-changes.ts';
import type { Listening, WorkerConfig } from './messages.ts';
import { refuseTakenPort } from './port-check.ts';
import type { SharedState } from './shared-state.ts';
import type { StoreService } from './store-service.ts';
import type { WorkerGroup } from './worker-group.ts';

export interface ConfigRolloutDependencies {
  readonly state: SharedState;
  readonly names: Names;
  readonly monitor: HealthMonitor;
  readonly descriptorRoom: DescriptorRoom;
  readonly certificates: CertificateService;
  readonly workers: () => WorkerGroup;
  /** What operators have changed of servers, and who forgets what does not hold any more with these pools in force. */
  readonly changes: () => KeptChanges;
  readonly settleChanges: (pools: LimpetOptions['pools']) => void;
  /** null: no copies of sessions are kept. */
  readonly store: () => StoreService | null;
  /** null: this is the only balancer. */
  readonly fleetOwners: () => FleetOwners | null;
  /** For the tokens when the config names no keys: the first one signs, all of them verify. */
  readonly tokenKeys: () => readonly Buffer[];
  readonly tableSecret: Buffer;
  /** What a worker gets: with its share of what all nodes of a fleet may have together. */
  readonly shareLimits: (options: LimpetOptions) => LimpetOptions;
  readonly net: Net;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: { warn(message: string): void };
  readonly events: EventPublisher;
}

/** What was in force before a change. */
interface Rollback {
  readonly resolved: LimpetOptions;
  readonly ports: readonly number[];
  readonly material: TlsMaterial;
}

export class ConfigRollout {
  private readonly deps: ConfigRolloutDependencies;
  /** The config as it was given, without a generated key. */
  private given: LimpetOptions;
  /** The exporter of spans is made at the start. */
  private readonly startedExport: TraceExportOptions | null;
  private material: TlsMaterial = noTls;
  /** The same with keys. */
  private configured: LimpetOptions;
  /** The same, with a server for each address of a host name that stands for several servers. */
  private resolved: LimpetOptions;
  private assigned: Numbers = { slots: new Map(), lifetimes: new Map() };
  /** The ports that are bound, by listener: the first worker finds them for all. */
  private ports: readonly number[] = [];
  private bound: readonly string[] = [];
  private stopping = false;
  private last: Promise<void> = Promise.resolve();

  constructor(options: LimpetOptions, deps: ConfigRolloutDependencies) {
    this.deps = deps;
    this.given = options;
    this.startedExport = options.tracing?.export ?? null;
    this.configured = this.withKeys(options);
    this.resolved = this.configured;
  }

  get options(): LimpetOptions {
    return this.resolved;
  }

  get numbers(): Numbers {
    return this.assigned;
  }

  /** Where the workers listen, as URLs or `unix:` paths, in the order of the config. */
  get addresses(): readonly string[] {
    return this.bound;
  }

  /** Before the start: certificates are read, names looked up, and slots assigned. Throws ConfigError for files that cannot be used. */
  async prepare(): Promise<void> {
    this.follow(await this.deps.certificates.load(this.given));
    await this.deps.names.follow(this.withAdded(this.configured));
    this.resolved = this.resolve(this.configured);
    this.assigned = this.deps.state.assignNumbers(this.resolved, unixSeconds(this.deps.clock));
  }

  /** Before the first worker listens. Rejects when another program listens on a port of ours. */
  async checkPorts(listeners: readonly ListenerOptions[] = this.resolved.listeners): Promise<void> {
    for (const listener of listeners) await refuseTakenPort(this.deps.net, listener, this.deps.timers);
  }

  /** Replaces the config. Rejects when that cannot be, and says why; then nothing has changed. */
  reload(options: LimpetOptions): Promise<void> {
    return this.inTurn(async () => {
      const former = this.configured;
      const certificates = await this.deps.certificates.load(this.withFixedFields(options));
      await this.replace(options, certificates.material);
      this.given = options;
      this.follow(certificates);
      this.deps.events.publish('config.reloaded', { summary: summarizeChange(former, this.configured) });
    });
  }

  /** Operators have changed servers: the pools get them as a change of their members. Rejects when that cannot be. */
  reapply(): Promise<void> {
    return this.inTurn(() => this.replace(this.configured, this.material));
  }

  /** The generated keys are other ones. Rejects when that cannot be. */
  rekey(): Promise<void> {
    return this.inTurn(() => this.replace(this.given, this.material));
  }

  /** The config has token keys: generated ones are not used. */
  get hasOwnKeys(): boolean {
    return this.given.keys.length > 0;
  }

  /** Files of certificates may have changed: the workers get what can be used, and keep what they have otherwise. */
  renewCertificates(): Promise<void> {
    const { certificates, workers } = this.deps;
    return this.inTurn(async () => {
      if (this.stopping) return;
      const renewed = await certificates.reread(this.withFixedFields(this.given));
      if (renewed === null) return;
      this.follow(renewed);
      workers().broadcast({ kind: 'certificates', material: this.material });
    });
  }

  /** Host names have other addresses: the workers get them at once, and the config changes if other servers follow from them. */
  applyNames(): void {
    const { names, workers, log } = this.deps;
    workers().broadcast({ kind: 'addresses', names: names.addresses });
    const done = this.inTurn(async () => {
      if (this.stopping || isDeepStrictEqual(this.resolve(this.configured).pools, this.resolved.pools)) return;
      await this.replace(this.configured, this.material);
    });
    done.catch((error: unknown) => log.warn(`the addresses of names were not taken over: ${codeOf(error)}`));
  }

  /** No change begins any more. Resolves when the last one is over. */
  stop(): Promise<void> {
    this.stopping = true;
    return this.last;
  }

  /** The workers listen, and the system may have chosen ports. */
  listening({ addresses, ports }: Listening): void {
    this.bound = addresses;
    this.ports = ports;
  }

  /** The newest config as worker number `worker` runs it. */
  configFor(worker: number): WorkerConfig {
    const { monitor, names, state, tableSecret } = this.deps;
    const options = this.resolved;
    // Workers share a TCP port by SO_REUSEPORT. A path has one socket only: the first worker has it.
    const ports = options.listeners.map(({ address }, i) => {
      if (address.kind === 'unix') return worker === 0 ? 0 : null;
      return this.ports[i] || address.port;
    });
    return {
      options: this.deps.shareLimits(options),
      numbers: this.assigned,
      material: this.material,
      ports,
      secret: tableSecret,
      healthReports: monitor.preview(options),
      names: names.addresses,
      versions: state.configVersion.versions,
    };
  }

  publishHealth(pool: string, healthReports: readonly NamedHealthReport[]): void {
    const { configVersion } = this.deps.state;
    configVersion.publish('health');
    this.deps.workers().broadcast({ kind: 'health', pool, healthReports, versions: configVersion.versions });
  }

  private inTurn(change: () => Promise<void>): Promise<void> {
    const done = this.last.then(change);
    this.last = done.catch(() => undefined);
    return done;
  }

  private follow(certificates: LoadedCertificates): void {
    this.use(certificates.material);
    this.deps.certificates.follow(certificates);
  }

  /** Checks use the certificates too. */
  private use(material: TlsMaterial): void {
    this.material = material;
    this.deps.monitor.useTls(material);
  }

  private async replace(options: LimpetOptions, material: TlsMaterial): Promise<void> {
    if (this.stopping) throw new Error('the balancer is stopping');
    const { names, monitor, descriptorRoom, workers } = this.deps;
    const configured = this.withKeys(this.withFixedFields(options));
    const before = { resolved: this.resolved, ports: this.ports, material: this.material };
    let isPublished = false;
    try {
      await names.follow(this.withAdded(configured));
      const next = this.resolve(configured);
      const formerPorts = this.formerPorts(next);
      await this.checkPorts(next.listeners.filter((_, i) => formerPorts[i] === undefined));
      isPublished = true;
      this.assigned = this.deps.state.assignNumbers(next, unixSeconds(this.deps.clock));
      this.ports = formerPorts.map((port) => port ?? 0);
      this.resolved = next;
      this.use(material);
      this.publishConfig();
      await workers().reload();
      // Only now: had a worker refused the config, the health of the former servers would have to be known still.
      monitor.follow(next, this.assigned);
      for (const [pool, healthReports] of monitor.healthReports) this.publishHealth(pool, healthReports);
      descriptorRoom.follow(next);
      this.configured = configured;
      this.deps.settleChanges(resolveServers(configured.pools, names.addresses));
    } catch (error) {
      if (isPublished) await this.rollBack(before);
      await names.follow(this.withAdded(this.configured));
      throw error;
    }
  }

  /** Some workers may have applied the config that is refused: all apply the former one again. */
  private async rollBack({ resolved, ports, material }: Rollback): Promise<void> {
    this.resolved = resolved;
    this.use(material);
    this.ports = ports;
    this.assigned = this.deps.state.assignNumbers(resolved, unixSeconds(this.deps.clock));
    this.publishConfig();
    await this.deps.workers().reload(true);
  }

  /** From now on every worker's view is stale, until it has applied this config. */
  private publishConfig(): void {
    this.deps.state.configVersion.publish('configs');
    this.deps.store()?.follow(this.resolved, this.assigned);
    this.deps.fleetOwners()?.follow(this.resolved, this.assigned);
  }

  private resolve(options: LimpetOptions): LimpetOptions {
    const changes = this.deps.changes();
    const pools = resolveServers(changes.withAdded(options.pools), this.deps.names.addresses);
    return { ...options, pools: changes.applyTo(pools) };
  }

  private withAdded(options: LimpetOptions): LimpetOptions {
    return { ...options, pools: this.deps.changes().withAdded(options.pools) };
  }

  /** What the process is built on stays as it was at the start. */
  private withFixedFields(options: LimpetOptions): LimpetOptions {
    const { workers, table, stateDir, log, sessions, fleet, admin } = this.resolved;
    const tracing = options.tracing && { ...options.tracing, export: this.startedExport };
    return { ...options, workers, table, stateDir, log, tracing, sessions, fleet, admin };
  }

  private withKeys(options: LimpetOptions): LimpetOptions {
    return options.keys.length > 0 ? options : { ...options, keys: this.deps.tokenKeys() };
  }

  /** The port of each listener that is open already; undefined: it is new. */
  private formerPorts({ listeners }: LimpetOptions): readonly (number | undefined)[] {
    const open = this.resolved.listeners.map(({ address }, i) => ({
      name: listenerName(address),
      port: this.ports[i],
    }));
    return pairInOrder(listeners, open, ({ address }, { name }) => listenerName(address) === name).map(
      (one) => one?.port,
    );
  }
}
