/**
 * What happens to the sessions of an app, told to whoever listens: `app.on('destroyed', ({ data }) => ...)`. Each process tells
 * of what it has seen itself; no process hears of another's.
 */
import type { SessionData } from './data/codec.ts';
import { asError } from './error.ts';

interface Told<Reason extends string> {
  readonly id: string;
  readonly reason: Reason;
  /** As this process had it last. To be read only. */
  readonly data: Readonly<SessionData>;
}

export type Ended = 'destroyed' | 'by-id' | 'by-user' | 'limit';

/** What listeners get, by event. */
export interface SessionEvents {
  /** The first answer that its client has of it has left this process. */
  readonly created: Told<'new'>;
  /** Sticky: this process is the new owner, because the former one failed (`rebind`) or gave it away (`move`). Before the handler runs. */
  readonly moved: Told<'rebind' | 'move'>;
  /** It goes on under another id; the answer that tells its client so has left this process. */
  readonly renewed: Told<'regenerated'> & { readonly former: string };
  /**
   * The app has ended it, here: by the session's own `destroy` (`destroyed`), by its id (`by-id`), with others of its user
   * (`by-user`), or because its user had too many (`limit`).
   */
  readonly destroyed: Told<Ended>;
  /**
   * It was not used for so long (`idle`), is too old (`absolute`), or the memory was full (`memory`, strategy local). With sticky
   * that it was not used here: what this process has of it can go.
   */
  readonly expired: Told<'idle' | 'absolute' | 'memory'>;
}

export type SessionEventName = keyof SessionEvents;
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
  private readonly told = new WeakMap<object, Set<SessionEventName>>();

  /** `onError` hears of what listeners throw: the request that they are called in is not to fail by it. */
  constructor(onError: (error: Error) => void) {
    this.onError = onError;
  }

  /** Throws TypeError for a name that is none. */
  on<Name extends SessionEventName>(name: Name, listener: SessionListener<Name>): void {
    this.of(name).add(listener);
  }

  off<Name extends SessionEventName>(name: Name, listener: SessionListener<Name>): void {
    this.of(name).delete(listener);
  }

  /** Whether anybody listens. */
  hears(name: SessionEventName): boolean {
    return this.listeners[name].size > 0;
  }

  emit<Name extends SessionEventName>(name: Name, event: SessionEvents[Name]): void {
    for (const listener of this.listeners[name]) {
      try {
        const done = listener(event);
        if (done instanceof Promise) done.catch((error: unknown) => this.onError(asError(error)));
      } catch (error) {
        this.onError(asError(error));
      }
    }
  }

  /** The same, once for this object: several requests may share it. */
  emitOnce<Name extends SessionEventName>(of: object, name: Name, event: SessionEvents[Name]): void {
    if (!this.hears(name)) return;
    const told = this.told.get(of) ?? new Set();
    if (told.has(name)) return;
    this.told.set(of, told.add(name));
    this.emit(name, event);
  }

  private of<Name extends SessionEventName>(name: Name): Set<SessionListener<Name>> {
    const found = Object.hasOwn(this.listeners, name) ? this.listeners[name] : undefined;
    if (found !== undefined) return found;
    throw new TypeError(
      `events of sessions: found ${JSON.stringify(name)}, expected ${Object.keys(this.listeners).join(', ')}`,
    );
  }
}
