/** A pool as an exchange sees it: where a session lives, who takes a new one, who waits, and which connections are idle. */
import type { Affinity, Session } from '../affinity/affinity.ts';
import { balancerFaults, type Fault } from '../errors.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import type { Connecting, Socket } from '../net/socket.ts';
import type { Moves } from '../table/moves.ts';
import type { Exchange } from './exchange.ts';
import { Upstream } from './upstream.ts';
import type { Work } from './work.ts';

/** Times are milliseconds. */
export interface PoolSettings {
  readonly name: string;
  readonly whenOwnerFails: 'rebind' | 'temporary' | 'reject';
  readonly rejectStatus: number;
  readonly whenOwnerFull: 'queue' | 'rebind' | 'reject';
  readonly queue: { readonly max: number; readonly timeout: number };
  readonly retry: { readonly attempts: number; readonly bufferBody: number; readonly deadline: number };
  readonly timeouts: {
    readonly connect: number;
    readonly response: number;
    readonly responseBody: number;
    readonly keepAlive: number;
    readonly tunnel: number;
  };
  /** Idle connections kept to each server. */
  readonly maxIdle: number;
  /** Tell clients who served them: `Limpet-Server: name; epoch=n`. */
  readonly identify: boolean;
}

/** What the pool is handed: decisions made elsewhere. */
export interface PoolParts {
  readonly fleet: Fleet;
  readonly affinities: readonly Affinity[];
  readonly moves: Moves;
  /** A server with room for a session that is nobody's (balance/chooser.ts). */
  readonly choose: (key: number, tried: readonly Server[] | null) => Server | undefined;
  /** Some server lacks nothing but room. */
  readonly busy: (tried: readonly Server[] | null) => boolean;
  /** Where hashing puts a key among all servers of the pool, up or down. */
  readonly home: (key: number) => Server | undefined;
  /** Where hashing puts a key among those that are up. */
  readonly borrow: (key: number, tried: readonly Server[] | null) => Server | undefined;
  readonly health: {
    connectFailed(server: Server): void;
    answered(server: Server, status: number): void;
  } | null;
}

export class Pool {
  readonly settings: PoolSettings;
  readonly parts: PoolParts;
  /** The affinity that binds new sessions; null: none does. */
  readonly binder: Affinity | null;
  /** What a client gets when its owner failed and the pool rejects. */
  readonly ownerDown: Fault;
  private readonly work: Work;
  /** Idle connections by server number; the last one used is the first to be used again. */
  private readonly idle: Upstream[][];
  /** Exchanges that wait for room, in order; `server` null: any. */
  private readonly waiting: { exchange: Exchange; server: Server | null }[] = [];

  constructor(work: Work, settings: PoolSettings, parts: PoolParts) {
    this.work = work;
    this.settings = settings;
    this.parts = parts;
    this.binder = parts.affinities.find((affinity) => affinity.binds !== false) ?? null;
    this.idle = parts.fleet.servers.map(() => []);
    this.ownerDown = { ...balancerFaults.ownerDown, status: settings.rejectStatus };
  }

  /** The owner of a recognised session, usable or not. A move that the token has not heard of is believed over it. */
  locate(session: Session, now: number): Server | undefined {
    if (session.owner === 0) return this.parts.home(session.key);
    if (!this.parts.moves.isEmpty) {
      const move = this.parts.moves.newer(session.sid0, session.sid1, session.epoch, now);
      const server = move === undefined ? undefined : this.parts.fleet.servers[move.server];
      if (move !== undefined && server !== undefined) {
        session.epoch = move.epoch;
        session.owner = server.id;
        session.changed = true;
        // Some clients cannot be told (a cookie of the app's): they are remembered for as long as they come.
        this.parts.moves.record(session.sid0, session.sid1, move.epoch, move.server, now);
        return server;
      }
    }
    return this.parts.fleet.find(session.owner);
  }

  isUsable(server: Server): boolean {
    return server.state !== 'down' || this.parts.fleet.snapshot.panic;
  }

  /** Makes `server` the owner from the next epoch on. */
  claim(session: Session, server: Server, now: number): void {
    session.epoch++;
    session.owner = server.id;
    session.changed = true;
    this.parts.moves.record(session.sid0, session.sid1, session.epoch, server.number, now);
  }

  take(server: Server): void {
    server.inflight++;
    this.parts.fleet.inflight++;
  }

  /** The exchange's place is free again: the first that waits for this server, or for any, gets it. */
  leave(server: Server): void {
    server.inflight--;
    this.parts.fleet.inflight--;
    // One that is offered the place may go elsewhere, or wait again: then it is the next one's.
    for (let offers = this.waiting.length; offers > 0 && server.hasRoom; offers--) {
      const i = this.waiting.findIndex((entry) => entry.server === null || entry.server === server);
      if (i < 0) return;
      const [entry] = this.waiting.splice(i, 1);
      entry!.exchange.onRoom();
    }
  }

  /** False when the queue is full. */
  wait(exchange: Exchange, server: Server | null): boolean {
    if (this.waiting.length >= this.settings.queue.max) return false;
    this.waiting.push({ exchange, server });
    return true;
  }

  stopWaiting(exchange: Exchange): void {
    const i = this.waiting.findIndex((entry) => entry.exchange === exchange);
    if (i >= 0) this.waiting.splice(i, 1);
  }

  /** States have changed: whoever waits asks again. */
  wake(): void {
    for (const entry of this.waiting.splice(0)) entry.exchange.onRoom();
  }

  takeIdle(server: Server): Upstream | undefined {
    const upstream = this.idle[server.number]!.pop();
    if (upstream !== undefined) this.work.wheel.set(upstream.deadline, 0);
    return upstream;
  }

  /** Keeps a connection for the next exchange; false when there are enough. */
  keep(upstream: Upstream): boolean {
    const idle = this.idle[upstream.server.number]!;
    if (idle.length >= this.settings.maxIdle || this.work.stopping) return false;
    idle.push(upstream);
    this.work.wheel.set(upstream.deadline, this.settings.timeouts.keepAlive);
    return true;
  }

  forget(upstream: Upstream): void {
    const idle = this.idle[upstream.server.number]!;
    const i = idle.indexOf(upstream);
    if (i >= 0) idle.splice(i, 1);
  }

  connect(server: Server, onOpen: (upstream: Upstream) => void, onFail: (error: Error) => void): Connecting {
    return this.work.net.connect(server.address, {
      onOpen: (socket: Socket) => {
        const upstream = new Upstream(this.work, this, server, socket);
        onOpen(upstream);
        return upstream;
      },
      onFail,
    });
  }

  closeIdle(): void {
    for (const idle of this.idle) for (const upstream of idle.splice(0)) upstream.close();
  }
}
