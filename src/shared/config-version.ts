/**
 * Numbers for what the supervisor publishes to the workers, so that a worker can see that its view is stale: that a message
 * is still on its way to it. The published numbers stand in shared memory; each thread keeps the numbers that it has applied.
 *
 *      supervisor:  publish ──> message to worker 1, 2, ... N        shared:     [ configs, health published ]
 *      worker:                  message ──> apply                    per thread: [ configs, health applied ]
 *
 * Without this, one worker knows that a server is up again a moment before another one does. The first sends a session to
 * its owner, and the other one would still take that session away from the same owner.
 */

const kinds = { configs: 0, health: 1 } as const;

export type VersionKind = keyof typeof kinds;

/** The last version of each kind. */
export type Versions = Readonly<Record<VersionKind, number>>;

/** Waits until the thread's view is current. */
export interface CurrentWaiter {
  onCurrent(): void;
}

export class ConfigVersion {
  private readonly published: Int32Array<SharedArrayBuffer>;
  private readonly applied = new Int32Array(2);
  private readonly waiters = new Set<CurrentWaiter>();

  constructor(buffer: SharedArrayBuffer) {
    this.published = new Int32Array(buffer);
  }

  static create(): SharedArrayBuffer {
    return new SharedArrayBuffer(8);
  }

  /** Called by the supervisor, before it sends the message to the first worker. */
  publish(kind: VersionKind): void {
    Atomics.add(this.published, kinds[kind], 1);
  }

  /** What has been published up to now. */
  get versions(): Versions {
    const { published } = this;
    return {
      configs: Atomics.load(published, kinds.configs),
      health: Atomics.load(published, kinds.health),
    };
  }

  /** This thread has taken over these versions, and all before them. */
  apply({ configs, health }: Versions): void {
    const { applied } = this;
    applied[kinds.configs] = Math.max(applied[kinds.configs]!, configs);
    applied[kinds.health] = Math.max(applied[kinds.health]!, health);
    if (this.waiters.size === 0 || this.isStale) return;
    const waiting = [...this.waiters];
    this.waiters.clear();
    for (const waiter of waiting) waiter.onCurrent();
  }

  /** Something has been published that this thread has not applied yet. */
  get isStale(): boolean {
    const { published, applied } = this;
    return (
      Atomics.load(published, kinds.configs) !== applied[kinds.configs] ||
      Atomics.load(published, kinds.health) !== applied[kinds.health]
    );
  }

  /** Calls `onCurrent` once, when this thread has applied everything. Never before this call has returned. */
  whenCurrent(waiter: CurrentWaiter): void {
    this.waiters.add(waiter);
  }

  /** It waits no longer. */
  forget(waiter: CurrentWaiter): void {
    this.waiters.delete(waiter);
  }
}
