/**
 * What the supervisor tells all workers, numbered, so that a worker can see that something is still on its way to it: how
 * far the telling has come stands in shared memory, how far the hearing, here.
 *
 *      supervisor:  publish ──> message to worker 1, 2, ... N        shared:  [ configs told, standings told ]
 *      worker:                  message ──> hear                     its own: [ configs heard, standings heard ]
 *
 * Without this a server that comes back is known to one worker a moment before the next one: that one would take a session
 * away from the owner which the first has just sent it home to.
 */

const kinds = { configs: 0, standings: 1 } as const;

export type NewsKind = keyof typeof kinds;

/** How many of each kind. */
export type Edition = Readonly<Record<NewsKind, number>>;

/** Waits until the worker has heard everything. */
export interface Listener {
  onNews(): void;
}

export class News {
  private readonly told: Int32Array<SharedArrayBuffer>;
  private readonly heard = new Int32Array(2);
  private readonly listeners = new Set<Listener>();

  constructor(buffer: SharedArrayBuffer) {
    this.told = new Int32Array(buffer);
  }

  static create(): SharedArrayBuffer {
    return new SharedArrayBuffer(8);
  }

  /** For the supervisor, before it tells the first worker. */
  publish(kind: NewsKind): void {
    Atomics.add(this.told, kinds[kind], 1);
  }

  /** What has been told up to now. */
  get edition(): Edition {
    return { configs: Atomics.load(this.told, kinds.configs), standings: Atomics.load(this.told, kinds.standings) };
  }

  /** All of this edition has reached this thread, and what came before. */
  hear({ configs, standings }: Edition): void {
    const { heard } = this;
    heard[kinds.configs] = Math.max(heard[kinds.configs]!, configs);
    heard[kinds.standings] = Math.max(heard[kinds.standings]!, standings);
    if (this.listeners.size === 0 || this.behind) return;
    const waiting = [...this.listeners];
    this.listeners.clear();
    for (const listener of waiting) listener.onNews();
  }

  /** Something has been told that this thread has not heard yet. */
  get behind(): boolean {
    const { told, heard } = this;
    return (
      Atomics.load(told, kinds.configs) !== heard[kinds.configs] ||
      Atomics.load(told, kinds.standings) !== heard[kinds.standings]
    );
  }

  /** Calls back when this thread has heard everything: never at once. */
  await(listener: Listener): void {
    this.listeners.add(listener);
  }

  forget(listener: Listener): void {
    this.listeners.delete(listener);
  }
}
