/** A way in which apps use a response, and what of it has to be the same with and without a session. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

export interface Sequence {
  readonly name: string;
  readonly method?: string;
  readonly version?: '1.0' | '1.1';
  /** Lines of the request's head. */
  readonly headers?: readonly string[];
  /** Another request follows on the connection before this one is answered. */
  readonly pipelined?: boolean;
  /** The client goes away when it has seen this text, or at once with ''. */
  readonly leaveAfter?: string;
  /**
   * The app breaks the connection in the very turn in which it has written: how much the client has by then depends on time
   * with any response. It may have less while a store is asked, and nothing else.
   */
  readonly abrupt?: boolean;
  /** How the body comes in pieces depends on another thread. */
  readonly anyPieces?: boolean;
  readonly run: (stage: Stage) => unknown;
}

/** What a sequence works with. All that it notes is compared. */
export class Stage {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly notes: string[] = [];
  /**
   * What is over: writes, the end, the response, in order. Apart from the notes: when it comes depends on the network with
   * any response.
   */
  readonly progress: string[] = [];
  private readonly received: (text: string) => Promise<void>;

  /** `received`: resolves when the client has got that text. */
  constructor(request: IncomingMessage, response: ServerResponse, received: (text: string) => Promise<void>) {
    this.request = request;
    this.response = response;
    this.received = received;
    response.on('error', (error) => this.note('error', codeOf(error)));
    response.on('pipe', () => this.note('pipe'));
    response.on('unpipe', () => this.note('unpipe'));
    for (const name of ['finish', 'close']) {
      response.on(name, () => {
        const { writableFinished, writableEnded, headersSent } = response;
        this.passed(name, { writableFinished, writableEnded, headersSent });
      });
    }
  }

  note(label: string, value: unknown = ''): void {
    this.notes.push(`${label} ${JSON.stringify(value)}`);
  }

  private passed(label: string, value: unknown = ''): void {
    this.progress.push(`${label} ${JSON.stringify(value)}`);
  }

  /** What the response says of itself now. */
  flags(): void {
    const { response } = this;
    const { headersSent, finished, writableEnded, destroyed, statusCode, statusMessage } = response;
    const { writableNeedDrain, writableCorked, writableHighWaterMark, writable, sendDate } = response;
    this.note('flags', { headersSent, finished, writableEnded, destroyed, statusCode, statusMessage });
    this.note('more', { writableNeedDrain, writableCorked, writableHighWaterMark, writable, sendDate });
    this.note('headers', withoutOurs(response.getHeaders()));
  }

  /** Notes what it answers, or the code of what it throws. */
  attempt(label: string, work: () => unknown): void {
    try {
      const answer = work();
      this.note(label, answer === this.response ? 'this' : answer);
    } catch (error) {
      this.note(`${label} threw`, codeOf(error));
    }
  }

  /** A callback that notes that it was called. */
  readonly done =
    (label: string) =>
    (error?: unknown): void => {
      if (error === undefined || error === null) this.passed(label);
      else this.note(`${label} failed`, codeOf(error));
    };

  event(name: string): Promise<void> {
    return new Promise((done) => this.response.once(name, () => done()));
  }

  clientHas(text: string): Promise<void> {
    return this.received(text);
  }
}

export function codeOf(error: unknown): string {
  const { code, message } = Object(error);
  return String(code ?? message ?? error);
}

/** What a session adds. */
function withoutOurs(headers: OutgoingHttpHeaders): object {
  const entries = Object.entries(headers).map(([name, value]) => [name, foreign(name, value)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== null));
}

function foreign(name: string, value: unknown): unknown {
  if (name.startsWith('limpet-session') || (name === 'cache-control' && value === 'private')) return null;
  if (name !== 'set-cookie') return value;
  const cookies = [value].flat().filter((cookie) => !/^(?:sid|session)=/.test(String(cookie)));
  return cookies.length === 0 ? null : cookies;
}
