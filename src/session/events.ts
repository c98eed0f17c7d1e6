/** What happens to the sessions of an app, for its listeners. Each process emits what it has seen itself, and nothing of others. */
import type { SessionData } from './data/codec.ts';
import { asError } from './error.ts';

/** What all events of sessions have. */
export interface SessionEvent<Reason extends string> {
  /** The id of the session. */
  readonly id: string;
  /** Why it happened. */
  readonly reason: Reason;
  /** As this process had it last. Read only. */
  readonly data: Readonly<SessionData>;
}

/** By what a session was ended: see `destroyed` of {@link SessionEvents}. */
export type DestroyReason = 'destroyed' | 'by-id' | 'by-user' | 'limit';

/**
 * What listeners get, by the name of the event: `id`, `data` as this process had it last (read only), and `reason`.
 *
 * @example
 * app.on('expired', ({ id, reason }) => documents.close(id));
 */
export interface SessionEvents {
  /** The first response that gives the client its session was sent by this process. */
  readonly created: SessionEvent<'new'>;
  /**
   * Sticky: this process is the new owner, because the former one failed (`rebind`) or gave the session away (`move`). Emitted before
   * the handler runs.
   */
  readonly moved: SessionEvent<'rebind' | 'move'>;
  /** The session has another id, and the response that says so was sent by this process. */
  readonly renewed: SessionEvent<'regenerated'> & {
    /** The id before. */
    readonly former: string;
  };
  /**
   * The app has ended it, in this process: by the session's own `destroy` (`destroyed`), by its id (`by-id`), with others of its user
   * (`by-user`), or because its user had too many (`limit`).
   */
  readonly destroyed: SessionEvent<DestroyReason>;
  /**
   * It was not used for too long (`idle`), is too old (`absolute`), or the memory was full (`memory`, strategy local). With sticky: it was
   * not used in this process, and what the process has of it can go.
   */
  readonly expired: SessionEvent<'idle' | 'absolute' | 'memory'>;
}

/** `created`, `moved`, `renewed`, `destroyed`, `expired`. */
export type SessionEventName = keyof SessionEvents;
/** A listener of that event. What it throws, or rejects with, goes to `onError`. */
export type SessionListener<Name extends SessionEventName> = (event: SessionEvents[Name]) => unknown;

export class SessionEmitter {
  private readonly onError: (error: Error) => void;
  private readonly listeners: { readonly [Name in SessionEventName]: Set<SessionListener<Name>> } = {
    created: new Set(),
    moved: new Set(),
    renewed: new Set(),
    destroyed: new Set(),
    expired: new Set(),
  };
  /** The events that were emitted once for an object. */
  private readonly emitted = new WeakMap<object, Set<SessionEventName>>();

  /** `onError` gets what listeners throw: the request in which they are called must not fail by it. */
  constructor(onError: (error: Error) => void) {
    this.onError = onError;
  }

  /** Throws TypeError for a name that is no event. */
  on<Name extends SessionEventName>(name: Name, listener: SessionListener<Name>): void {
    this.listenersOf(name).add(listener);
  }

  /** Throws TypeError for a name that is no event. */
  off<Name extends SessionEventName>(name: Name, listener: SessionListener<Name>): void {
    this.listenersOf(name).delete(listener);
  }

  hasListeners(name: SessionEventName): boolean {
    return this.listeners[name].size > 0;
  }

  emit<Name extends SessionEventName>(name: Name, event: SessionEvents[Name]): void {
    for (const listener of this.listeners[name]) {
      try {
        const result = listener(event);
        if (result instanceof Promise) result.catch((error: unknown) => this.onError(asError(error)));
      } catch (error) {
        this.onError(asError(error));
      }
    }
  }

  /** Emits the event once for `subject`, which several requests may share. */
  emitOnce<Name extends SessionEventName>(subject: object, name: Name, event: SessionEvents[Name]): void {
    if (!this.hasListeners(name)) return;
    const emitted = this.emitted.get(subject) ?? new Set();
    if (emitted.has(name)) return;
    this.emitted.set(subject, emitted.add(name));
    this.emit(name, event);
  }

  private listenersOf<Name extends SessionEventName>(name: Name): Set<SessionListener<Name>> {
    const found = Object.hasOwn(this.listeners, name) ? this.listeners[name] : undefined;
    if (found !== undefined) return found;
    throw new TypeError(
      `events of sessions: found ${JSON.stringify(name)}, expected ${Object.keys(this.listeners).join(', ')}`,
    );
  }
}
