/**
 * How many sockets the workers may have open: the process's limit of descriptors, minus what else is open, minus a reserve for what
 * must always work (health checks, admin, the store interface, files, the start of a worker). Measured every second, because
 * what else is open changes.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { LimpetOptions } from '../config/options.ts';
import { clientRoom, type Descriptors, roomFor, serverRoom } from '../net/descriptors.ts';
import type { Timers } from '../time/clock.ts';

/** The limits of this process, from the system. */
export interface ProcessLimits {
  /** Most descriptors at one time (`ulimit -n`, the soft limit: both runtimes raise it to the hard one); null: not known. */
  limit(): number | null;
  /** Descriptors that are open now. */
  open(): number;
}

export interface DescriptorRoomDependencies {
  readonly descriptors: Descriptors;
  readonly limits: ProcessLimits;
  readonly timers: Timers;
  readonly log: { info(message: string): void; warn(message: string): void };
}

/** Between two measurements (ms). */
const interval = 1000;
/** For files, admin, the store interface and names; for a worker that starts; for a check of a server. */
const baseReserve = 24;
const perWorker = 6;
/** The least room, however low the limit is. */
const leastRoom = 8;

export class DescriptorRoom {
  private readonly deps: DescriptorRoomDependencies;
  private reserve = 0;
  /** The last message: a reload does not log the same again. */
  private logged = '';
  private cancelTimer: () => void = () => {};

  constructor(deps: DescriptorRoomDependencies) {
    this.deps = deps;
  }

  /** Called with each config, the first time before a client can connect. Logs when the limit is lower than the config asks for. */
  follow({ workers, listeners, pools }: LimpetOptions): void {
    const { limits, log } = this.deps;
    const limit = limits.limit();
    if (limit === null) return;
    const servers = pools.reduce((sum, pool) => sum + pool.servers.length, 0);
    // With a low limit the whole reserve would leave no room.
    this.reserve = Math.min(limit >> 2, baseReserve + perWorker * workers + Math.min(servers, 256));
    const room = this.measure(limit);
    const wanted = listeners.reduce((sum, { limits }) => sum + limits.connections, 0);
    const clients = clientRoom(room);
    if (clients >= wanted) return;
    const enough = limit - room + roomFor(wanted);
    const message =
      `ulimit -n is ${limit}: room for ${clients} client connections beside ${serverRoom(room)} to servers; limits.connections allows ${wanted}, and ` +
      `more are refused with 503. For all of them: ulimit -n ${enough}, or LimitNOFILE=${enough} for systemd`;
    if (message === this.logged) return;
    this.logged = message;
    log[clients < fewClients ? 'warn' : 'info'](message);
  }

  start(): void {
    this.cancelTimer = this.deps.timers.after(interval, () => {
      const limit = this.deps.limits.limit();
      if (limit !== null) this.measure(limit);
      this.start();
    });
  }

  stop(): void {
    this.cancelTimer();
  }

  private measure(limit: number): number {
    const { descriptors, limits } = this.deps;
    const others = Math.max(0, limits.open() - descriptors.sockets);
    const room = Math.max(leastRoom, limit - this.reserve - others);
    descriptors.room = room;
    return room;
  }
}

/** Room for fewer clients than this is a warning, for more an information. */
const fewClients = 1000;

/** From Linux's /proc. Elsewhere the limit is not known. */
export const systemLimits: ProcessLimits = {
  limit() {
    try {
      const line = /^Max open files +(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
      const limit = Number(line?.[1]);
      return Number.isSafeInteger(limit) ? limit : null;
    } catch {
      return null;
    }
  },
  open() {
    try {
      // Since Linux 6.2 the size of the folder is the number of descriptors.
      return statSync('/proc/self/fd').size || readdirSync('/proc/self/fd').length;
    } catch {
      return 0;
    }
  },
};
