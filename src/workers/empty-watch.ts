/**
 * Publishes `server.empty`, once in each drain: the server can be stopped without a loss. A drain begins and ends with events about its
 * server, whoever asked for it; in between, the same look at its counts as that of `limpet drain --wait`, once a second.
 */
import type { DrainState } from '../admin/schemas.ts';
import type { EventBus } from '../events/bus.ts';
import type { LimpetEvent } from '../events/event.ts';

export interface EmptyWatchDependencies {
  readonly events: Pick<EventBus, 'publish' | 'subscribe'>;
  readonly isDrained: (pool: string, server: string) => boolean;
  /** Resolves when the server is empty, when there is none, or when `signal` says so. */
  readonly whenEmpty: (pool: string, server: string, signal: AbortSignal) => Promise<DrainState | 'no-such-server'>;
}

export class EmptyWatch {
  private readonly deps: EmptyWatchDependencies;
  /** Drains under way, also of servers that are empty by now: what ends the wait. By pool and server. */
  private readonly drains = new Map<string, AbortController>();
  private unsubscribe: () => void = () => {};

  constructor(deps: EmptyWatchDependencies) {
    this.deps = deps;
  }

  start(): void {
    this.unsubscribe = this.deps.events.subscribe((event) => this.onEvent(event));
  }

  stop(): void {
    this.unsubscribe();
    for (const wait of this.drains.values()) wait.abort();
    this.drains.clear();
  }

  private onEvent({ name, fields }: LimpetEvent): void {
    if (!name.startsWith('server.') || name === 'server.empty') return;
    const [pool, server] = [String(fields.pool), String(fields.server)];
    const key = JSON.stringify([pool, server]);
    const wait = this.drains.get(key);
    if (!this.deps.isDrained(pool, server)) {
      wait?.abort();
      this.drains.delete(key);
    } else if (wait === undefined) {
      const begun = new AbortController();
      this.drains.set(key, begun);
      void this.publishWhenEmpty(pool, server, begun.signal);
    }
  }

  private async publishWhenEmpty(pool: string, server: string, signal: AbortSignal): Promise<void> {
    const state = await this.deps.whenEmpty(pool, server, signal);
    if (signal.aborted || state === 'no-such-server' || !state.drained) return;
    this.deps.events.publish('server.empty', { pool, server });
  }
}
