/** A sticky session that another server owns, as it was last kept: to be read, or to be ended. A second live object would lose changes. */

import type { Directory } from '../directory.ts';
import { SessionError } from '../error.ts';
import { type Lines, noLines } from '../exchange.ts';
import type { Live } from '../live-session.ts';
import { OpenSession } from '../open-session.ts';
import type { FilledOptions } from '../options.ts';

export class ForeignSession extends OpenSession {
  readonly strategy = 'sticky';
  readonly survivesCrash = true;
  private readonly directory: Directory;

  /** `live`: of this object alone, known to no registry. */
  constructor(live: Live, options: FilledOptions, directory: Directory) {
    super(live, options, { reason: 'held', isNew: false, hasResponse: false });
    this.directory = directory;
  }

  override async update<T>(): Promise<T> {
    throw notOurs();
  }

  protected changeId(): undefined {
    this.assertHeadHere('session.regenerate');
  }

  async destroy(): Promise<void> {
    this.live.assertLive();
    await this.directory.end(this.live.id);
    this.live.written = this.lastText(this.live);
    this.live.state = 'ended';
    this.tellEnd();
  }

  async save(): Promise<void> {
    const { live, options } = this;
    live.assertLive();
    if (this.text() === live.written) return;
    const error = notOurs();
    live.undo(live.written, options.codec, error);
    throw error;
  }

  head(): Lines {
    return noLines;
  }

  last(): Lines {
    return noLines;
  }

  close(): void {
    this.leave(false);
  }
}

function notOurs(): SessionError {
  return new SessionError(
    'session-fenced',
    'another server owns the session; expected its change in a request or a socket of the session, for they come to its owner',
  );
}
