/**
 * The lines of the log about the health of one pool, and its events. One line for each change of a server, with the reason, the time
 * of the change before, and the last check. One line when no usable server is left, and one when there is a usable server again.
 *
 *      up ──> out ──> tried again ──> back
 *              └──────────────────────┘ it has answered meanwhile
 *
 * A server whose ejection has ended has not answered anything yet. It is not "back", and the outage of its pool is not over,
 * before it has answered.
 */
import type { EventPublisher } from '../events/bus.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { isDrained, isTakenDown, type ServerState, takesNewSessions } from '../fleet/health-report.ts';
import type { Server } from '../fleet/server.ts';
import type { Clock } from '../time/clock.ts';

export interface HealthLogger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** The most servers named in one line. */
const mostNamed = 5;

type ServerEvent = 'server.up' | 'server.down' | 'server.drained' | 'server.ready';

/** The event of a server that has this state now. */
const eventOf: Readonly<Record<ServerState, ServerEvent>> = {
  up: 'server.up',
  down: 'server.down',
  draining: 'server.drained',
};

/** What the log has said about one server. */
interface Logged {
  state: ServerState;
  /** It is up again, but has not answered anything yet. */
  isTried: boolean;
  /** It has answered, or passed a check, since it went out. */
  hasAnswered: boolean;
  /** Wall time at which this state began. */
  since: number;
  drained: boolean;
  maintenance: boolean;
  /** Why it is in this state. */
  reason: string;
  /** Wall time of the last check; -1: there was none. `problem` is its result; null: it passed. */
  checkedAt: number;
  problem: string | null;
  /** Wall time of the first of the last failed checks in a row; -1: the last check passed. */
  failingSince: number;
}

/** What was logged last about one server. */
export interface LoggedHealth {
  /** Wall time at which its state began. */
  readonly since: number;
  /** Why it is out, drained or back; '' when that is not known. */
  readonly reason: string;
  /** null: there was no check. `problem` null: it passed. */
  readonly lastCheck: { readonly at: number; readonly problem: string | null } | null;
}

export class HealthLog {
  private readonly pool: string;
  private readonly clock: Pick<Clock, 'wall'>;
  private readonly log: HealthLogger;
  private readonly events: EventPublisher;
  private fleet!: Fleet;
  private logged = new Map<string, Logged>();
  /** Wall time since when the pool has no usable server; -1: it has one. */
  private outageSince = -1;

  constructor(pool: string, clock: Pick<Clock, 'wall'>, log: HealthLogger, events: EventPublisher) {
    this.pool = pool;
    this.clock = clock;
    this.log = log;
    this.events = events;
  }

  /**
   * Logs about the servers of this fleet from now on. What was logged about a server with the same name and address still
   * holds.
   */
  follow(fleet: Fleet): void {
    this.fleet = fleet;
    this.takeServers();
    for (const server of fleet.servers) this.followed(server);
    this.checkPool();
  }

  /** The fleet has other servers than before. What was logged about those that stay still holds. */
  membersChanged(): void {
    this.takeServers();
    this.checkPool();
  }

  private takeServers(): void {
    const before = this.logged;
    this.logged = new Map(
      this.fleet.servers.map((server) => [server.identity, before.get(server.identity) ?? this.firstEntry(server)]),
    );
  }

  /** A new config ends ejections, and an ejection that ended in this way is not followed by a report that the server answered. */
  private followed(server: Server): void {
    const logged = this.logged.get(server.identity)!;
    logged.isTried = false;
    logged.drained = isDrained(server.report);
    logged.maintenance = isTakenDown(server.report);
    if (logged.state === server.state) return;
    const what = logged.state === 'down' ? 'is tried again' : `is ${server.state}`;
    this.enter(server, logged, 'info', `${what}: the config has changed`);
    this.publish(eventOf[server.state], server, 'the config has changed');
  }

  private firstEntry({ state, report }: Server): Logged {
    const [drained, maintenance] = [isDrained(report), isTakenDown(report)];
    const since = this.clock.wall();
    const unchecked = { checkedAt: -1, problem: null, failingSince: -1 };
    return { state, isTried: false, hasAnswered: false, since, drained, maintenance, reason: '', ...unchecked };
  }

  /** A check has ended; `problem` null: it passed. To be called before the check changes the state of the server. */
  checked(server: Server, problem: string | null): void {
    const logged = this.logged.get(server.identity);
    if (logged === undefined) return;
    logged.checkedAt = this.clock.wall();
    logged.problem = problem;
    if (problem === null) logged.failingSince = -1;
    else if (logged.failingSince < 0) logged.failingSince = logged.checkedAt;
    this.log.debug(`health check of ${this.nameOf(server)}: ${problem ?? 'good'}`);
    if (problem === null) this.answered(server, 'health check passed');
  }

  /** The server has answered well. To be called before that changes its state. */
  answered(server: Server, reason: string): void {
    const logged = this.logged.get(server.identity);
    if (logged === undefined) return;
    logged.hasAnswered = true;
    if (!logged.isTried) return;
    this.enterBack(server, logged, reason);
    this.checkPool();
  }

  /** The state of the server in the fleet may have changed. */
  changed(server: Server, reason: string): void {
    const logged = this.logged.get(server.identity);
    if (logged === undefined) return;
    const [drained, maintenance] = [isDrained(server.report), isTakenDown(server.report)];
    // Its own wish to be drained ends with it: the fall is what is to be told.
    const isFalling = server.state === 'down' && logged.state !== 'down';
    if (isFalling) logged.drained = drained;
    if (maintenance !== logged.maintenance) this.logMaintenance(server, logged, reason);
    else if (drained !== logged.drained && !isFalling) this.logDrained(server, logged, drained, reason);
    else if (server.state === logged.state) this.log.debug(`${this.nameOf(server)} stays ${logged.state}: ${reason}`);
    else if (server.state === 'down') {
      logged.reason = reason;
      logged.hasAnswered = false;
      this.enter(server, logged, 'warn', `is out: ${reason}`);
      this.publish('server.down', server, reason);
    } else if (logged.hasAnswered) this.enterBack(server, logged, reason);
    else this.enter(server, logged, 'info', `is tried again, and has not answered yet: ${reason}`, true);
    this.checkPool();
  }

  private logMaintenance(server: Server, logged: Logged, reason: string): void {
    const [drained, maintenance] = [isDrained(server.report), isTakenDown(server.report)];
    logged.drained = drained;
    logged.maintenance = maintenance;
    if (!maintenance && server.state === 'down') {
      this.log.info(`${this.nameOf(server)} is taken back: ${reason}; it is out all the same`);
      return;
    }
    logged.reason = reason;
    const what = maintenance ? 'taken down' : drained ? 'drained' : 'ready';
    const isLast = maintenance && logged.state === 'up' && !this.isUsable();
    const warning = isLast ? '; it was the last usable server of its pool' : '';
    this.enter(server, logged, isLast ? 'warn' : 'info', `is ${what}: ${reason}${warning}`);
    this.publish(maintenance ? 'server.down' : drained ? 'server.drained' : 'server.ready', server, reason);
  }

  private logDrained(server: Server, logged: Logged, drained: boolean, reason: string): void {
    logged.drained = drained;
    this.publish(drained ? 'server.drained' : 'server.ready', server, reason);
    if (server.state === 'down') {
      this.log.info(`${this.nameOf(server)} is ${drained ? 'drained' : 'ready'}: ${reason}; it is out all the same`);
      return;
    }
    logged.reason = reason;
    const isLast = drained && logged.state === 'up' && !this.isUsable();
    const warning = isLast ? '; it was the last usable server of its pool' : '';
    const what = drained ? 'drained' : 'ready';
    this.enter(server, logged, isLast ? 'warn' : 'info', `is ${what}: ${reason}${warning}`);
  }

  private enterBack(server: Server, logged: Logged, reason: string): void {
    logged.reason = reason;
    this.enter(server, logged, 'info', `is back: ${reason}`);
    this.publish('server.up', server, reason);
  }

  private enter(server: Server, logged: Logged, level: 'info' | 'warn', what: string, isTried = false): void {
    const { checkedAt, problem, failingSince } = logged;
    this.log[level](`${this.nameOf(server)} ${what}`, {
      was: logged.isTried ? 'tried again' : logged.state,
      since: isoTime(logged.since),
      ...(server.state === 'down' && failingSince >= 0 ? { failingSince: isoTime(failingSince) } : {}),
      ...(checkedAt < 0 ? {} : { lastCheck: `${isoTime(checkedAt)} ${problem ?? 'good'}` }),
    });
    logged.state = server.state;
    logged.isTried = isTried;
    logged.since = this.clock.wall();
  }

  private publish(name: ServerEvent, server: Server, reason: string): void {
    this.events.publish(name, { pool: this.pool, server: server.name, reason });
  }

  /** undefined: there is no such server. */
  viewOf(server: Server): LoggedHealth | undefined {
    const logged = this.logged.get(server.identity);
    if (logged === undefined) return undefined;
    const { since, reason, checkedAt, problem } = logged;
    const lastCheck = checkedAt < 0 ? null : { at: checkedAt, problem };
    return { since, reason, lastCheck };
  }

  private nameOf({ name }: Server): string {
    return `server ${this.pool}/${name}`;
  }

  /** At least one server takes new sessions. */
  private isUsable(): boolean {
    return this.fleet.servers.some(takesNewSessions);
  }

  private checkPool(): void {
    const now = this.clock.wall();
    if (this.outageSince < 0) {
      if (this.isUsable()) return;
      this.outageSince = now;
      const then = this.fleet.snapshot.panic
        ? 'Requests go to those that are out all the same (health.panicThreshold)'
        : 'New sessions get 503 no-server';
      const servers = this.servers();
      this.log.error(`pool ${this.pool} has no usable server: ${servers}. ${then}`);
      this.events.publish('pool.outage', { pool: this.pool, reason: servers });
      return;
    }
    const usable = this.fleet.servers.find(
      (server) => takesNewSessions(server) && this.logged.get(server.identity)?.isTried === false,
    );
    if (usable === undefined) return;
    const since = isoTime(this.outageSince);
    const seconds = Math.max(0, Math.round((now - this.outageSince) / 1000));
    this.outageSince = -1;
    this.log.info(`pool ${this.pool} has a usable server again: ${usable.name}`, { since });
    this.events.publish('pool.recovered', { pool: this.pool, server: usable.name, seconds });
  }

  /** Each server, and why it cannot be used. */
  private servers(): string {
    const { servers } = this.fleet;
    const named = servers.slice(0, mostNamed).map(({ identity, name, state, weight }) => {
      const logged = this.logged.get(identity);
      if (state === 'down') return `${name} is out${logged?.reason ? ` (${logged.reason})` : ''}`;
      return state === 'draining' ? `${name} is drained` : `${name} has weight ${weight}`;
    });
    const more = servers.length - named.length;
    return named.join(', ') + (more > 0 ? `, and ${more} more` : '');
  }
}

function isoTime(wall: number): string {
  return new Date(wall).toISOString();
}
