/** Sessions of one app, whatever the strategy: what `sessions(options)` gives, and what all adapters open sessions with. */
import { DevalueCodec } from './devalue-codec.ts';
import type { SessionEventName, SessionListener } from './events.ts';
import { LocalSessions } from './local.ts';
import { type FilledOptions, fillOptions, type SessionOptions, type Strategy } from './options.ts';
import type { Exchange, Incoming, Opener } from './session.ts';
import { SharedSessions } from './shared.ts';
import { StatelessSessions } from './stateless.ts';
import { StickySessions } from './sticky.ts';

/** Milliseconds between two looks for idle sessions. */
const longestSweep = 60_000;

export class Sessions {
  readonly options: FilledOptions;
  private readonly opener: Opener;
  /** Ends looking for idle sessions; null: nobody listens. */
  private watch: (() => void) | null = null;
  /** Until what the codec needs is loaded; null: it is. */
  private loading: Promise<void> | null = null;

  constructor(options: SessionOptions) {
    this.options = fillOptions(options);
    this.opener = openerOf(this.options);
    const codec = this.options.codec.inner;
    if (!(codec instanceof DevalueCodec)) return;
    this.loading = codec.load().then(() => void (this.loading = null));
    // Whoever opens a session is told.
    this.loading.catch(() => {});
  }

  get strategy(): Strategy {
    return this.options.strategy;
  }

  /** At once where nothing has to be asked. Throws, or rejects with, SessionError. */
  exchange(incoming: Incoming, hasResponse: boolean): Exchange | Promise<Exchange> {
    if (this.loading !== null) return this.loading.then(() => this.opener.open(incoming, hasResponse));
    return this.opener.open(incoming, hasResponse);
  }

  /**
   * Calls `listener` whenever that happens in this process, until `off`. What it throws goes to `onError`. Throws TypeError for a name
   * that is none.
   *
   *     app.on('expired', ({ id, reason }) => documents.close(id));
   */
  on<Name extends SessionEventName>(name: Name, listener: SessionListener<Name>): this {
    this.options.events.on(name, listener);
    if (name === 'expired') this.watch ??= this.watchIdle();
    return this;
  }

  off<Name extends SessionEventName>(name: Name, listener: SessionListener<Name>): this {
    this.options.events.off(name, listener);
    return this;
  }

  /** Without requests, too, whoever listens hears of sessions that were idle for too long. Answers what ends it. */
  private watchIdle(): () => void {
    const { idle, timers, clock } = this.options;
    return timers.after(Math.min(idle / 4, longestSweep), () => {
      this.opener.sweep?.(clock.now());
      this.watch = this.watchIdle();
    });
  }

  /** Ends connections to stores. Sessions that are kept somewhere stay there. */
  close(): Promise<void> {
    this.watch?.();
    return this.opener.close();
  }
}

function openerOf(options: FilledOptions): Opener {
  switch (options.strategy) {
    case 'sticky':
      return new StickySessions(options, options.fallback === 'local' ? new LocalSessions(options) : null);
    case 'local':
      return new LocalSessions(options);
    case 'shared':
      return new SharedSessions(options);
    case 'stateless':
      return new StatelessSessions(options);
  }
}
