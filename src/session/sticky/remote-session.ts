/**
 * A sticky session that another server owns, as it was stored last. It can be read and destroyed here, but not changed: a second live
 * object would lose changes.
 */

import { encodeEnded } from '../data/encode.ts';
import type { SessionDirectory } from '../directory.ts';
import { SessionError } from '../error.ts';
import { type HeaderLines, noHeaderLines } from '../exchange.ts';
import type { FilledOptions } from '../filled-options.ts';
import type { LiveSession } from '../live-session.ts';
import { OpenSession } from '../open-session.ts';

export class RemoteSession extends OpenSession {
  readonly strategy = 'sticky';
  readonly survivesCrash = true;
  private readonly directory: SessionDirectory;

  /** `live`: an object that no registry has. */
  constructor(live: LiveSession, options: FilledOptions, directory: SessionDirectory) {
    super(live, options, { reason: 'held', isNew: false, hasResponse: false });
    this.directory = directory;
  }

  override async update<T>(): Promise<T> {
    throw ownedElsewhere();
  }

  protected changeId(): undefined {
    this.assertHeadOpen('session.regenerate');
  }

  async destroy(): Promise<void> {
    const { live } = this;
    live.assertLive();
    await this.directory.end(live.id);
    live.encoded = encodeEnded(live, this.options);
    live.state = 'ended';
    this.emitDestroyed();
  }

  async save(): Promise<void> {
    const { live, options } = this;
    live.assertLive();
    if (this.encodeData() === live.encoded) return;
    const error = ownedElsewhere();
    live.undo(live.encoded, options.codec, error);
    throw error;
  }

  beforeHead(): HeaderLines {
    return noHeaderLines;
  }

  beforeEnd(): HeaderLines {
    return noHeaderLines;
  }

  override close(): void {
    super.close(false);
  }
}

function ownedElsewhere(): SessionError {
  return new SessionError(
    'session-fenced',
    'another server owns the session; expected its change in a request or a socket of the session, for they come to its owner',
  );
}
