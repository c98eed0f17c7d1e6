/**
 * The streams and tunnels of a pool, which end when their clients like. When their server is drained or has left the pool, or the config
 * has another pool in place of theirs, they are asked to leave after a grace, so that their clients come back elsewhere; those of a
 * server that is taken down, at once. What cannot be asked, or does not go, is closed at the deadline.
 *
 *      drained ── grace ──> asked, once a second ── deadline ──> closed
 *      down ──────────────> asked ──────── a second ───────────> closed
 */
import { isDrained, isTakenDown } from '../fleet/health-report.ts';
import type { Server } from '../fleet/server.ts';
import { type Indexed, IndexedSet } from './indexed-set.ts';

export interface LongLived extends Indexed {
  readonly at: Server;
  /** Ends in a way that makes its client come back, if that can be done now. Called again and again. */
  dismiss(): void;
  /** Ends at once. */
  cut(): void;
}

/** Times are milliseconds. */
export interface DrainSettings {
  /** From the drain to the first question; 0: at once. */
  readonly grace: number;
  /** From the drain to the end; 0: never. */
  readonly deadline: number;
}

/** Times at which it was seen; negative: not yet. */
interface Since {
  drained: number;
  down: number;
}

export class LongLivedSet {
  private readonly settings: DrainSettings;
  private readonly open = new IndexedSet<LongLived>();
  /** When each server was drained, taken down or removed, as far as that was seen here. */
  private readonly since = new Map<Server, Since>();
  /** The pool is replaced: all are to leave. */
  private retired: Since | null = null;
  private onAdded: () => void = () => {};

  constructor(settings: DrainSettings) {
    this.settings = settings;
  }

  get isEmpty(): boolean {
    return this.open.size === 0;
  }

  add(one: LongLived): void {
    this.open.add(one);
    // Its exchange began before that.
    if (one.at.removed) this.left(one.at);
    this.onAdded();
  }

  remove(one: LongLived): void {
    this.open.remove(one);
  }

  /** The server is not in the pool any more. */
  left(server: Server): void {
    if (!this.since.has(server)) this.since.set(server, { drained: -1, down: -1 });
  }

  /** The pool is replaced. `needsTicks` is called while there is something that is to leave. */
  retire(needsTicks: () => void): void {
    this.retired = { drained: -1, down: -1 };
    this.onAdded = needsTicks;
    if (!this.isEmpty) needsTicks();
  }

  /** To be called about once a second. */
  tick(servers: readonly Server[], now: number): void {
    for (const server of servers) this.note(server, now);
    if (this.since.size === 0 && this.retired === null) return;
    const used = new Set<Server>();
    for (const one of this.open.all()) {
      used.add(one.at);
      const since = this.since.get(one.at) ?? this.retired;
      if (since === null) continue;
      if (since.drained < 0) since.drained = now;
      const { grace, deadline } = this.settings;
      const isDown = since.down >= 0;
      if (isDown ? now > since.down : deadline > 0 && now - since.drained >= deadline) one.cut();
      else if (isDown || now - since.drained >= grace) one.dismiss();
    }
    for (const server of this.since.keys()) if (server.removed && !used.has(server)) this.since.delete(server);
  }

  private note(server: Server, now: number): void {
    const [drained, maintenance] = [isDrained(server.report), isTakenDown(server.report)];
    const known = this.since.get(server);
    if (!drained && !maintenance) {
      if (known !== undefined) this.since.delete(server);
    } else if (known === undefined) this.since.set(server, { drained: now, down: maintenance ? now : -1 });
    else if (!maintenance) known.down = -1;
    else if (known.down < 0) known.down = now;
  }
}
