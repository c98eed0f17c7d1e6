/** Sessions of one app, whatever the strategy: what `sessions(options)` gives, and what all adapters open sessions with. */
import { LocalSessions } from './local.ts';
import { type FilledOptions, fillOptions, type SessionOptions, type Strategy } from './options.ts';
import type { Exchange, Incoming, Opener } from './session.ts';
import { StickySessions } from './sticky.ts';

export class Sessions {
  readonly options: FilledOptions;
  private readonly opener: Opener;

  constructor(options: SessionOptions) {
    this.options = fillOptions(options);
    this.opener = openerOf(this.options);
  }

  get strategy(): Strategy {
    return this.options.strategy;
  }

  /** At once where nothing has to be asked. Throws, or rejects with, SessionError. */
  exchange(incoming: Incoming, hasResponse: boolean): Exchange | Promise<Exchange> {
    return this.opener.open(incoming, hasResponse);
  }

  /** Ends connections to stores. Sessions that are kept somewhere stay there. */
  close(): Promise<void> {
    return this.opener.close();
  }
}

function openerOf(options: FilledOptions): Opener {
  switch (options.strategy) {
    case 'sticky':
      return new StickySessions(options, options.fallback === 'local' ? new LocalSessions(options) : null);
    default:
      return new LocalSessions(options);
  }
}
