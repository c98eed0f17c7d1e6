/** Sessions of one app, whatever the strategy: what `sessions(options)` gives, and what all adapters open sessions with. */
import { DevalueCodec } from './devalue-codec.ts';
import { type Former, formerExpress, formerStrategy, Move } from './former.ts';
import { LocalSessions } from './local.ts';
import { type FilledOptions, fillOptions, type SessionOptions, type Strategy } from './options.ts';
import type { Exchange, Incoming, Opener } from './session.ts';
import { SharedSessions } from './shared.ts';
import { StatelessSessions } from './stateless.ts';
import { StickySessions } from './sticky.ts';

export class Sessions {
  readonly options: FilledOptions;
  private readonly opener: Opener;
  private readonly move: Move | null;
  /** Until what the codec needs is loaded; null: it is. */
  private loading: Promise<void> | null = null;

  constructor(options: SessionOptions) {
    this.options = fillOptions(options);
    this.opener = openerOf(this.options);
    const { from } = options;
    this.move = from === undefined ? null : new Move(formerOf(from, this.options), this.options);
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
    if (this.loading !== null) return this.loading.then(() => this.openHere(incoming, hasResponse));
    return this.openHere(incoming, hasResponse);
  }

  /** Ends connections to stores. Sessions that are kept somewhere stay there. */
  async close(): Promise<void> {
    await this.opener.close();
    await this.move?.close();
  }

  private openHere(incoming: Incoming, hasResponse: boolean): Exchange | Promise<Exchange> {
    const { move } = this;
    const opened = this.opener.open(incoming, hasResponse);
    if (move === null) return opened;
    return opened instanceof Promise
      ? opened.then((exchange) => move.bring(exchange, incoming, hasResponse))
      : move.bring(opened, incoming, hasResponse);
  }
}

function formerOf(from: Exclude<SessionOptions['from'], undefined>, options: FilledOptions): Former {
  if (!('strategy' in from)) return formerExpress(from, options);
  const { clock, timers, random, onWarning, onError } = options;
  const filled = fillOptions({ clock, timers, random, onWarning, onError, ...from });
  return formerStrategy(openerOf(filled), filled, options);
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
