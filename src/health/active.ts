/**
 * Active checks: asks every server at an interval whether it is well, and reports to the fleet.
 *
 * A server is believed to be as the fleet has it at the start, which is up, until `fall` checks in a row have failed; it is up again after
 * `rise` good ones in a row. Servers that are draining or ejected go on being checked.
 */
import type { ActiveOptions } from '../config/options.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import type { Net } from '../net/socket.ts';
import type { Clock, Timers } from '../time/clock.ts';
import { lateMs } from '../time/running-time.ts';
import { Probe, type ProbeTransport } from './probe.ts';

/** What a check has shown of the process behind the address of the server. */
export type CheckedProcess = Pick<Probe, 'isRefused' | 'drainAsked'>;

export interface ActiveDependencies {
  readonly fleet: Fleet;
  readonly options: ActiveOptions;
  readonly net: Net;
  readonly clock: Clock;
  readonly timers: Timers;
  /** How the pool speaks to its servers; null: its certificates are not there. Left out: HTTP/1.1 without TLS. */
  readonly transportFor?: () => ProbeTransport | null;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Called after each check, before what it changes: what was wrong, null when nothing was. */
  readonly onCheck?: (server: Server, problem: string | null, about: CheckedProcess) => void;
  /** Called when a server goes down or comes up by these checks, and why. */
  readonly log?: (server: Server, up: boolean, reason: string) => void;
  /** Called when this machine could not ask a server, and why: that says nothing of the server, and counts neither way (I12). */
  readonly onShortage: (server: Server, reason: string) => void;
}

/** What the checks know of one server. */
interface Checked {
  readonly server: Server;
  up: boolean;
  /** Checks in a row that contradict `up`. */
  streak: number;
  /** The check that runs now; never two of one server. */
  probe: Probe | null;
  cancelTimer: () => void;
}

export class ActiveChecks {
  private readonly deps: ActiveDependencies;
  private readonly checked = new Map<Server, Checked>();

  constructor(deps: ActiveDependencies) {
    this.deps = deps;
  }

  /** Begins with the servers that the fleet has. */
  start(): void {
    this.stop();
    this.follow();
  }

  /**
   * The fleet has other servers than before. Those that have left are not checked any more, those that have joined are; what
   * is known of the others stays. The first checks are spread evenly over one interval: 1,000 servers are never asked in one
   * instant.
   */
  follow(): void {
    const { fleet, options, random } = this.deps;
    for (const entry of this.checked.values()) if (entry.server.removed) this.end(entry);
    const added = fleet.servers.filter((server) => !this.checked.has(server));
    const share = options.interval / added.length;
    for (const [i, server] of added.entries()) {
      const entry = { server, up: server.report.active, streak: 0, probe: null, cancelTimer: () => {} };
      this.checked.set(server, entry);
      this.wait(entry, (i + random()) * share);
    }
  }

  /** Ends all checks, those that run too. What was reported to the fleet last stays. */
  stop(): void {
    for (const entry of this.checked.values()) this.end(entry);
  }

  private end(entry: Checked): void {
    entry.cancelTimer();
    entry.probe?.cancel();
    this.checked.delete(entry.server);
  }

  private wait(entry: Checked, delay: number): void {
    entry.cancelTimer = this.deps.timers.after(delay, () => this.check(entry));
  }

  /** The interval runs from start to start, so that slow answers do not thin the checks out. */
  private check(entry: Checked): void {
    const { net, timers, options, clock, random, transportFor } = this.deps;
    const transport = transportFor?.();
    if (transport === null) {
      this.wait(entry, options.interval);
      // Never plain instead.
      this.deps.onShortage(entry.server, 'the certificates of its pool have not been loaded');
      return;
    }
    const deps = { net, timers, ...(transport !== undefined && { transport }) };
    const started = clock.monotonic();
    const probe: Probe = new Probe(deps, entry.server.address, options, (problem, shortage) => {
      entry.probe = null;
      const spread = 1 + options.jitter * (2 * random() - 1);
      // Set before the outcome is reported: whoever stops the checks because of it stops this timer too.
      this.wait(entry, Math.max(0, started + options.interval * spread - clock.monotonic()));
      const delayMs = clock.monotonic() - started - options.timeout;
      // Its answer may have been there in time, unread.
      const isOurs = problem !== null && delayMs > lateMs;
      const why = shortage ?? (isOurs ? `this process did not run for ${Math.round(delayMs)} ms` : null);
      if (why === null) this.count(entry, problem, probe);
      else this.deps.onShortage(entry.server, why);
    });
    entry.probe = probe;
    probe.start();
  }

  private count(entry: Checked, problem: string | null, { isRefused, drainAsked }: Probe): void {
    const { fleet, options, clock, log, onCheck } = this.deps;
    onCheck?.(entry.server, problem, { isRefused, drainAsked });
    const good = problem === null;
    if (good === entry.up) {
      entry.streak = 0;
      return;
    }
    entry.streak++;
    if (entry.streak < (good ? options.rise : options.fall)) return;
    entry.streak = 0;
    entry.up = good;
    fleet.setActive(entry.server, good, clock.now());
    log?.(entry.server, good, problem ?? 'health check passed');
  }
}
