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
  readonly run: (stage: Stage) => unknown;
}

/** What a sequence works with. All that it notes is compared. */
export class Stage {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly notes: string[] = [];
  private readonly received: (text: string) => Promise<void>;

  /** `received`: resolves when the client has got that text. */
  constructor(request: IncomingMessage, response: ServerResponse, received: (text: string) => Promise<void>) {
    this.request = request;
    this.response = response;
    this.received = received;
    for (const name of ['finish', 'close', 'error', 'pipe', 'unpipe']) {
      response.on(name, (error: unknown) => {
        const { writableFinished, writableEnded, destroyed, headersSent } = response;
        const flags = { writableFinished, writableEnded, destroyed, headersSent };
        this.note(name, name === 'error' ? codeOf(error) : name === 'finish' ? { ...flags, destroyed: '' } : flags);
      });
    }
  }

  note(label: string, value: unknown = ''): void {
    this.notes.push(`${label} ${JSON.stringify(value)}`);
  }

  /** What the response says of itself now. */
  flags(): void {
    const { response } = this;
    const { headersSent, finished, writableEnded, destroyed, statusCode, statusMessage } = response;
    const { writableNeedDrain, writableCorked, writableHighWaterMark, writable, sendDate } = response;
    const isFinished = response.writableFinished && response.writableLength === 0 ? 'finished' : '';
    this.note('flags', { headersSent, finished, writableEnded, destroyed, statusCode, statusMessage });
    this.note('more', { writableNeedDrain, writableCorked, writableHighWaterMark, writable, sendDate, isFinished });
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
    (error?: unknown): void =>
      this.note(label, error === undefined || error === null ? '' : codeOf(error));

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
  const isOurs = ([name, value]: [string, unknown]) =>
    name.startsWith('limpet-session') || (name === 'cache-control' && value === 'private');
  const left = Object.entries(headers).filter((header) => !isOurs(header));
  return Object.fromEntries(left.map(([name, value]) => [name, name === 'set-cookie' ? foreign(value) : value]));
}

function foreign(cookies: unknown): unknown {
  return Array.isArray(cookies) ? cookies.filter((cookie) => !/^(?:sid|session)=/.test(String(cookie))) : cookies;
}
