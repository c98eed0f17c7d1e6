/**
 * The health of all servers, judged in one place for all workers. Active checks run here; the workers report what traffic shows;
 * each change of a pool goes to all workers as one set of health reports.
 */
import { createFleet, planServers } from '../balancer/fleets.ts';
import { PoolTls } from '../balancer/pool-tls.ts';
import type { TlsMaterial } from '../certificates/material.ts';
import type { LimpetOptions, PoolOptions } from '../config/options.ts';
import type { EventPublisher } from '../events/bus.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { isDrained, type NamedHealthReport, newHealthReport, type ServerState } from '../fleet/health-report.ts';
import type { Load } from '../fleet/load.ts';
import { changesNothing, differOnlyInServers } from '../fleet/membership.ts';
import { identityOf, type Server } from '../fleet/server.ts';
import { ActiveChecks, type CheckedProcess } from '../health/active.ts';
import { AgentChecks } from '../health/agent.ts';
import { PassiveHealth, type PassiveReport } from '../health/passive.ts';
import type { ProbeTransport } from '../health/probe.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import { formatAddress, type Net } from '../net/socket.ts';
import type { Numbers } from '../shared/slots.ts';
import type { Clock, Timers } from '../time/clock.ts';
import { HealthLog, type HealthLogger, type LoggedHealth } from './health-log.ts';
import type { OperatorState } from './kept-changes.ts';
import { publishMembership } from './membership-events.ts';
import type { HealthReports } from './messages.ts';

export interface HealthMonitorDependencies {
  readonly net: Net;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: () => number;
  readonly load: Load;
  readonly counters: Counters;
  /** Called when a check could not be made for a reason that lies in this machine. */
  readonly reportShortage: (reason: string, at: string) => void;
  readonly log: HealthLogger;
  readonly events: EventPublisher;
  /** Called after each change. */
  readonly publish: (pool: string, healthReports: readonly NamedHealthReport[]) => void;
}

interface Watched {
  options: PoolOptions;
  readonly fleet: Fleet;
  readonly passive: PassiveHealth | null;
  readonly healthLog: HealthLog;
  /** The fleet has other servers than before. */
  membersChanged(): void;
  stop(): void;
}

export class HealthMonitor {
  private readonly deps: HealthMonitorDependencies;
  private pools = new Map<string, Watched>();
  private readonly tls = new PoolTls();
  /** Servers that have asked for their drain, and at whose address nobody listened since. */
  private readonly gone = new WeakSet<Server>();

  constructor(deps: HealthMonitorDependencies) {
    this.deps = deps;
  }

  /**
   * Watches the servers of this config from now on. The health of a server that both configs have is kept. Where a pool differs
   * in its servers only, the servers that stay are not touched: their checks, failures and ejections go on.
   */
  follow({ pools }: LimpetOptions, numbers: Numbers): void {
    const before = this.pools;
    const formerOptions = [...before.values()].map(({ options }) => options);
    this.pools = new Map();
    for (const pool of pools) {
      const old = before.get(pool.name);
      if (old !== undefined && differOnlyInServers(old.options, pool)) {
        this.changeServers(old, pool, numbers);
        this.pools.set(pool.name, old);
      } else this.pools.set(pool.name, this.watch(pool, numbers, old));
    }
    for (const [name, old] of before) if (this.pools.get(name) !== old) old.stop();
    // The servers of the start have not joined anything.
    if (formerOptions.length > 0) publishMembership(formerOptions, pools, this.deps.events);
  }

  get healthReports(): HealthReports {
    return new Map([...this.pools].map(([name, { fleet }]) => [name, fleet.namedReports]));
  }

  /** What `healthReports` would be after `follow`. Changes nothing, because the config may still be refused. */
  preview({ pools }: LimpetOptions): HealthReports {
    return new Map(
      pools.map((pool) => {
        const known = this.pools.get(pool.name);
        const staysWatched = known !== undefined && differOnlyInServers(known.options, pool);
        return [pool.name, inherit(pool, known, staysWatched)];
      }),
    );
  }

  /** Certificates for the checks of pools with `tls`, from now on. Without them such a pool is not checked. */
  useTls(material: TlsMaterial): void {
    this.tls.use(material);
  }

  private transportOf({ name, protocol, tls }: PoolOptions): ProbeTransport | null {
    if (tls === null) return { protocol, tls };
    const rules = this.tls.get(name);
    return rules === undefined ? null : { protocol, tls: rules };
  }

  /** Traffic has shown something of a server, named by its `identity`. Ignored when the config no longer has that server. */
  report(pool: string, identity: string, report: PassiveReport): void {
    const watched = this.pools.get(pool);
    const server = watched?.fleet.named(identity);
    if (server === undefined) return;
    if (report.what === 'misframed') {
      const then = 'Requests to it are not pipelined any more, and its connections are reused with caution';
      this.deps.log.warn(`server ${pool}/${server.name} breaks HTTP: ${report.how}. ${then}`);
    } else if (report.what === 'tls-failed')
      this.deps.log.warn(`no encrypted connection to server ${pool}/${server.name}: ${report.how}`);
    else if (report.what === 'drain-asked') this.setAsked(pool, server, report.asked);
    else if (report.what === 'connect-failed') watched?.passive?.connectFailed(server);
    else watched?.passive?.answered(server, report.status);
  }

  /**
   * A drain that the server asked for ends with its process. A process may be replaced without the server being found down; then one
   * check found nobody at the address, and a later one is good.
   */
  private noteProcess(pool: string, server: Server, isGood: boolean, { isRefused, drainAsked }: CheckedProcess): void {
    if (drainAsked !== null) this.setAsked(pool, server, drainAsked);
    if (!server.report.asked) return;
    if (isRefused) this.gone.add(server);
    else if (isGood && this.gone.has(server)) this.setAsked(pool, server, false, 'another process answers there');
  }

  private setAsked(
    pool: string,
    server: Server,
    asked: boolean,
    reason = asked ? 'it asks for it (Limpet-Drain)' : 'it does not ask for a drain any more',
  ): void {
    const watched = this.pools.get(pool);
    if (watched === undefined || server.report.asked === asked) return;
    this.gone.delete(server);
    watched.fleet.setAsked(server, asked, this.deps.clock.now());
    watched.healthLog.changed(server, reason);
    this.deps.publish(pool, watched.fleet.namedReports);
  }

  /**
   * An operator drains a server, takes it down, or makes it ready again. Holds until something else is asked for, through
   * reloads. False: no such server.
   */
  setState(pool: string, name: string, state: OperatorState, reason = 'by an operator'): boolean {
    const watched = this.pools.get(pool);
    const server = watched?.fleet.called(name);
    if (watched === undefined || server === undefined) return false;
    const { fleet, healthLog } = watched;
    if (state === 'ready') server.report.asked = false;
    fleet.setOperated(server, state !== 'ready', state === 'down', this.deps.clock.now());
    healthLog.changed(server, reason);
    // Also when its state stays the same (a server that is down stays down): the workers need `drained` all the same.
    this.deps.publish(pool, fleet.namedReports);
    return true;
  }

  /** A server that another node of the fleet does not have gets no new sessions. Nothing happens when that is known. */
  setUnshared(pool: string, name: string, unshared: boolean, reason: string): void {
    const watched = this.pools.get(pool);
    const server = watched?.fleet.called(name);
    if (watched === undefined || server === undefined || server.report.unshared === unshared) return;
    watched.fleet.setUnshared(server, unshared, this.deps.clock.now());
    watched.healthLog.changed(server, reason);
    this.deps.publish(pool, watched.fleet.namedReports);
  }

  /** The servers of a pool with their state, for reading; empty: there is no such pool. */
  serversOf(pool: string): readonly Server[] {
    return this.pools.get(pool)?.fleet.servers ?? [];
  }

  stateOf(pool: string, name: string): { readonly state: ServerState; readonly drained: boolean } {
    const server = this.pools.get(pool)?.fleet.called(name);
    if (server === undefined) return { state: 'down', drained: false };
    return { state: server.state, drained: isDrained(server.report) };
  }

  /** undefined: there is no such server. */
  loggedOf(pool: string, name: string): LoggedHealth | undefined {
    const watched = this.pools.get(pool);
    const server = watched?.fleet.called(name);
    return server && watched?.healthLog.viewOf(server);
  }

  stop(): void {
    for (const { stop } of this.pools.values()) stop();
  }

  /** Servers join and leave a pool that is watched already. */
  private changeServers(watched: Watched, options: PoolOptions, numbers: Numbers): void {
    const { fleet } = watched;
    watched.options = options;
    const change = planServers(fleet, options, { load: this.deps.load, numbers, idKeys: null });
    if (changesNothing(change)) return;
    for (const server of change.added) {
      // Its slot may have belonged to another server. A drain is for the name, whatever the address.
      server.setMisframed(false);
      const former = fleet.at(server.slot)?.report;
      server.report.drained = former?.drained === true;
      server.report.maintenance = former?.maintenance === true;
    }
    fleet.applyMembership(change, this.deps.clock.now());
    watched.membersChanged();
  }

  private watch(options: PoolOptions, numbers: Numbers, before: Watched | undefined): Watched {
    const { net, clock, timers, random, load, counters, log, events, publish, reportShortage } = this.deps;
    const { name } = options;
    const fleet = createFleet(options, { load, numbers, idKeys: null });
    for (const server of fleet.servers) {
      // Its slot may have belonged to another server.
      if (before?.fleet.named(server.identity) === undefined) server.setMisframed(false);
    }
    fleet.apply(inherit(options, before, false), clock.now());
    const healthLog = before?.healthLog ?? new HealthLog(name, clock, log, events);
    healthLog.follow(fleet);
    fleet.onChange = () => publish(name, fleet.namedReports);

    const { active, passive, agent } = options.health;
    const onShortage = (server: Server, reason: string): void => {
      counters.add(counter.shortages_connect);
      reportShortage(reason, formatAddress(server.address));
    };
    const checks =
      active === null
        ? null
        : new ActiveChecks({
            fleet,
            options: active,
            net,
            clock,
            timers,
            random,
            transportFor: () => this.transportOf(options),
            log: (server, _, reason) => healthLog.changed(server, reason),
            onCheck: (server, problem, about) => {
              healthLog.checked(server, problem);
              this.noteProcess(name, server, problem === null, about);
            },
            onShortage,
          });
    checks?.start();
    const onAgent = (server: Server, reason: string): void => {
      healthLog.changed(server, reason);
      publish(name, fleet.namedReports);
    };
    const agents =
      agent === null ? null : new AgentChecks({ fleet, options: agent, net, clock, timers, onChange: onAgent });
    agents?.follow();
    const judged = (server: Server, up: boolean, reason: string): void => {
      if (!up) counters.add(counter.ejections);
      healthLog.changed(server, reason);
    };
    const onAnswered = (server: Server): void => healthLog.answered(server, 'it answers well');
    const breakers =
      passive === null ? null : new PassiveHealth({ fleet, options: passive, clock, timers, log: judged, onAnswered });
    return {
      options,
      fleet,
      passive: breakers,
      healthLog,
      membersChanged() {
        checks?.follow();
        agents?.follow();
        breakers?.follow();
        healthLog.membersChanged();
      },
      stop() {
        checks?.stop();
        agents?.stop();
        breakers?.stop();
      },
    };
  }
}

/**
 * The reports with which a new config begins. A server with the same name and address keeps the result of its checks. Its ejection
 * ends, unless the pool stays watched: the part that would end the ejection later is gone. A drain is for the name, whatever the
 * address.
 */
function inherit(
  { servers, health }: PoolOptions,
  before: Watched | undefined,
  staysWatched: boolean,
): NamedHealthReport[] {
  const known = new Map(before?.fleet.servers.map((server) => [server.name, server]));
  return servers.map((server) => {
    const report: NamedHealthReport = { ...newHealthReport(), server: identityOf(server) };
    const old = known.get(server.name);
    if (old === undefined) return report;
    const { drained, maintenance } = old.report;
    if (old.identity !== report.server) return { ...report, drained, maintenance };
    if (staysWatched) return { ...report, ...old.report };
    return { ...report, ...old.report, active: health.active === null ? true : old.report.active, passive: true };
  });
}
