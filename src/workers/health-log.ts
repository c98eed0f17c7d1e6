/**
 * What the log says of the servers of one pool: one line for each change of one, with its reason, since when it was as it was, and
 * its last check; one when no server is left that could be used, and one when that is over.
 *
 *      up ──> out ──> tried again ──> back
 *              └──────────────────────┘ it has answered meanwhile
 *
 * A server whose ejection is over has not answered anything yet: it is not back, and an outage of its pool is not over, until it has.
 */
import type { Fleet } from '../fleet/fleet.ts';
import type { ServerState } from '../fleet/health-report.ts';
import type { Server } from '../fleet/server.ts';
import type { Clock } from '../time/clock.ts';

export interface HealthLogger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** Names of servers in one line. */
const mostNamed = 5;

/** What has been told of one server. */
interface Told {
  state: ServerState;
  /** It is up again, and has not answered anything yet. */
  isTried: boolean;
  /** It has answered, or passed a check, since it went out. */
  hasAnswered: boolean;
  /** Wall time of the beginning of that. */
  since: number;
  drained: boolean;
  /** Why it is out. */
  reason: string;
  /** Wall time and outcome of the last check; -1: there was none. `problem` null: it was good. */
  checkedAt: number;
  problem: string | null;
  /** Wall time of the first bad check in a row; -1: the last one was good. */
  failingSince: number;
}

export class HealthLog {
  private readonly pool: string;
  private readonly clock: Pick<Clock, 'wall'>;
  private readonly log: HealthLogger;
  private fleet!: Fleet;
  private told = new Map<string, Told>();
  /** Wall time since when the pool has no server that could be used; -1: it has one. */
  private outageSince = -1;

  constructor(pool: string, clock: Pick<Clock, 'wall'>, log: HealthLogger) {
    this.pool = pool;
    this.clock = clock;
    this.log = log;
  }

  /** Speaks of the servers of this fleet from now on: what was told of one with the same name and address is known. */
  follow(fleet: Fleet): void {
    this.fleet = fleet;
    this.takeServers();
    for (const server of fleet.servers) this.followed(server);
    this.lookAtPool();
  }

  /** The fleet has other servers than before: what was told of those that stay holds. */
  membersChanged(): void {
    this.takeServers();
    this.lookAtPool();
  }

  private takeServers(): void {
    const before = this.told;
    this.told = new Map(
      this.fleet.servers.map((server) => [server.identity, before.get(server.identity) ?? this.untold(server)]),
    );
  }

  /** A new config forgets ejections, and nothing is heard of probations that another one has begun. */
  private followed(server: Server): void {
    const told = this.told.get(server.identity)!;
    told.isTried = false;
    told.drained = server.report.drained;
    if (told.state === server.state) return;
    const what = told.state === 'down' ? 'is tried again' : `is ${server.state}`;
    this.enter(server, told, 'info', `${what}: the config has changed`);
  }

  private untold({ state, report: { drained } }: Server): Told {
    const since = this.clock.wall();
    const unchecked = { checkedAt: -1, problem: null, failingSince: -1 };
    return { state, isTried: false, hasAnswered: false, since, drained, reason: '', ...unchecked };
  }

  /** A check has ended; `problem` null: well. To be told before what it changes. */
  checked(server: Server, problem: string | null): void {
    const told = this.told.get(server.identity);
    if (told === undefined) return;
    told.checkedAt = this.clock.wall();
    told.problem = problem;
    if (problem === null) told.failingSince = -1;
    else if (told.failingSince < 0) told.failingSince = told.checkedAt;
    this.log.debug(`health check of ${this.nameOf(server)}: ${problem ?? 'good'}`);
    if (problem === null) this.answered(server, 'health check passed');
  }

  /** It has answered well. To be told before what that changes. */
  answered(server: Server, reason: string): void {
    const told = this.told.get(server.identity);
    if (told === undefined) return;
    told.hasAnswered = true;
    if (!told.isTried) return;
    this.enter(server, told, 'info', `is back: ${reason}`);
    this.lookAtPool();
  }

  /** The fleet may have another state of it now. */
  changed(server: Server, reason: string): void {
    const told = this.told.get(server.identity);
    if (told === undefined) return;
    const { drained } = server.report;
    if (drained !== told.drained) this.tellDrained(server, told, drained, reason);
    else if (server.state === told.state) this.log.debug(`${this.nameOf(server)} stays ${told.state}: ${reason}`);
    else if (server.state === 'down') {
      told.reason = reason;
      told.hasAnswered = false;
      this.enter(server, told, 'warn', `is out: ${reason}`);
    } else if (told.hasAnswered) this.enter(server, told, 'info', `is back: ${reason}`);
    else this.enter(server, told, 'info', `is tried again, and has not answered yet: ${reason}`, true);
    this.lookAtPool();
  }

  private tellDrained(server: Server, told: Told, drained: boolean, reason: string): void {
    told.drained = drained;
    if (server.state === 'down') {
      this.log.info(`${this.nameOf(server)} is ${drained ? 'drained' : 'ready'}: ${reason}; it is out all the same`);
      return;
    }
    const isLast = drained && told.state === 'up' && !this.isUsable();
    const warning = isLast ? '; it was the last usable server of its pool' : '';
    const what = drained ? 'drained' : 'ready';
    this.enter(server, told, isLast ? 'warn' : 'info', `is ${what}: ${reason}${warning}`);
  }

  private enter(server: Server, told: Told, level: 'info' | 'warn', what: string, isTried = false): void {
    const { checkedAt, problem, failingSince } = told;
    this.log[level](`${this.nameOf(server)} ${what}`, {
      was: told.isTried ? 'tried again' : told.state,
      since: isoTime(told.since),
      ...(server.state === 'down' && failingSince >= 0 ? { failingSince: isoTime(failingSince) } : {}),
      ...(checkedAt < 0 ? {} : { lastCheck: `${isoTime(checkedAt)} ${problem ?? 'good'}` }),
    });
    told.state = server.state;
    told.isTried = isTried;
    told.since = this.clock.wall();
  }

  private nameOf({ name }: Server): string {
    return `server ${this.pool}/${name}`;
  }

  /** Some server takes new sessions. */
  private isUsable(): boolean {
    return this.fleet.servers.some(({ state, weight }) => state === 'up' && weight > 0);
  }

  private lookAtPool(): void {
    const now = this.clock.wall();
    if (this.outageSince < 0) {
      if (this.isUsable()) return;
      this.outageSince = now;
      const then = this.fleet.snapshot.panic
        ? 'Requests go to those that are out all the same (health.panicThreshold)'
        : 'New sessions get 503 no-server';
      this.log.error(`pool ${this.pool} has no usable server: ${this.servers()}. ${then}`);
      return;
    }
    const usable = this.fleet.servers.find(
      ({ identity, state, weight }) => state === 'up' && weight > 0 && this.told.get(identity)?.isTried === false,
    );
    if (usable === undefined) return;
    const since = isoTime(this.outageSince);
    this.outageSince = -1;
    this.log.info(`pool ${this.pool} has a usable server again: ${usable.name}`, { since });
  }

  /** What is wrong with each. */
  private servers(): string {
    const { servers } = this.fleet;
    const named = servers.slice(0, mostNamed).map(({ identity, name, state, weight }) => {
      const told = this.told.get(identity);
      if (state === 'down') return `${name} is out${told?.reason ? ` (${told.reason})` : ''}`;
      return state === 'draining' ? `${name} is drained` : `${name} has weight ${weight}`;
    });
    const more = servers.length - named.length;
    return named.join(', ') + (more > 0 ? `, and ${more} more` : '');
  }
}

function isoTime(wall: number): string {
  return new Date(wall).toISOString();
}
