/**
 * Holds a node:http response back until its session is safe. It stands in for writeHead, write, end and flushHeaders of one
 * response, so that the session's word joins the head at the last moment, whoever sends it.
 *
 *      open ── head ──> sent ── last byte ──> over
 *        └ holding ┘      └── closing ──┘            (a store is asked; what the app sends meanwhile waits)
 *
 * Whatever fails becomes 503 (or 500) as long as the head is here, and else a broken connection: a change that was not
 * kept never looks like success. `failed` is final: what the app still sends goes nowhere.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { asError, SessionError } from './error.ts';
import { isBrokenOff, setAll, sizeOf, statedLength } from './response.ts';
import { type Exchange, type Lines, noLines } from './session.ts';

type Arguments = readonly unknown[];

export class Gate {
  private state: 'open' | 'holding' | 'sent' | 'closing' | 'over' | 'failed' = 'open';
  private exchange: Exchange | null = null;
  /** The same, also after the response is over: its handler may still throw. */
  private used: Exchange | null = null;
  private readonly request: IncomingMessage;
  private readonly response: ServerResponse;
  private readonly onError: (error: Error) => void;
  private readonly original: Pick<ServerResponse, 'writeHead' | 'write' | 'end' | 'flushHeaders'>;
  /** What the app has sent meanwhile. */
  private waiting: (() => unknown)[] = [];
  private lastWork: () => void = () => {};
  /** As given to writeHead; 0: it is that of the response. */
  private status = 0;
  private owesDrain = false;
  /** Bytes of the body still to come when its length is known, else -1. */
  private rest = -1;

  constructor(request: IncomingMessage, response: ServerResponse, onError: (error: Error) => void) {
    this.request = request;
    this.response = response;
    this.onError = onError;
    const { writeHead, write, end, flushHeaders } = response;
    this.original = { writeHead, write, end, flushHeaders };
    response.writeHead = (...args: unknown[]) => this.writeHead(args);
    response.write = (...args: unknown[]) => this.write(args);
    response.end = (...args: unknown[]) => this.end(args);
    response.flushHeaders = () => this.flushHeaders();
    response.on('close', () => {
      if (isBrokenOff(request, response)) this.used?.fail();
      this.close(response.writableFinished);
    });
    if (response.headersSent) this.state = 'sent';
  }

  /** From here on the response answers for that session. */
  use(exchange: Exchange): void {
    this.exchange = this.used = exchange;
    if (this.state !== 'open') exchange.late();
    if (this.response.destroyed) this.close(this.response.writableFinished);
  }

  private close(sent: boolean): void {
    this.exchange?.close(sent);
    this.exchange = null;
  }

  /** Instead of what the app would have sent: the session could not be opened, or its handler has failed. */
  refuse(error: unknown): void {
    this.used?.fail();
    if (this.state === 'failed' || this.response.writableEnded) return;
    this.fail(error);
  }

  /** `last` runs just before the session is asked what has to go with the head; it may still change it, or throw. */
  beforeHead(last: () => void): void {
    this.lastWork = last;
  }

  private writeHead(args: Arguments): ServerResponse {
    const headers = args.find((one): one is object => typeof one === 'object' && one !== null);
    const plain = () => args.filter((one) => one !== headers);
    if (typeof args[0] === 'number') this.status = args[0];
    if (this.state === 'open') this.begin(headers, (merged) => this.call('writeHead', merged ? plain() : args));
    else if (this.state === 'sent' || this.state === 'over') this.call('writeHead', args);
    // Our own page of an error has a head, what the app sends after it has none; nor has a held one a second.
    else if (this.state === 'failed' && !this.response.headersSent) {
      // express-session would tell the client of an id that is not kept.
      this.response.removeHeader('Set-Cookie');
      this.call('writeHead', args);
    }
    return this.response;
  }

  private flushHeaders(): void {
    if (this.state === 'open') this.begin(undefined, () => this.call('flushHeaders', []));
    else if (this.state === 'holding') this.waiting.push(() => this.flushHeaders());
    else if (this.state !== 'failed') this.call('flushHeaders', []);
  }

  private write(args: Arguments): boolean {
    if (this.state === 'open') {
      let more = false;
      this.begin(undefined, () => (more = this.write(args)));
      return more;
    }
    if (this.isWaiting()) {
      this.waiting.push(() => this.write(args));
      return this.refuseMore();
    }
    if (this.state === 'failed') return true;
    if (this.state === 'sent' && this.rest > 0) {
      this.rest -= sizeOf(args);
      // By its length the client has the whole body now, whether end() comes or not.
      if (this.rest <= 0) {
        this.finish(() => this.call('write', args));
        return this.isWaiting() ? this.refuseMore() : true;
      }
    }
    const more: boolean = this.call('write', args);
    return more;
  }

  private end(args: Arguments): ServerResponse {
    if (this.state === 'open') {
      // Head and body leave together: nothing can change between them. After a wait it can.
      const together = () => {
        this.state = 'over';
        this.call('end', args);
      };
      this.begin(undefined, together, () => this.end(args));
    } else if (this.isWaiting()) this.waiting.push(() => this.end(args));
    else if (this.state === 'sent') this.finish(() => this.call('end', args));
    else if (this.state === 'over') this.call('end', args);
    return this.response;
  }

  /**
   * The head is to leave, with the `headers` of writeHead. `go` sends what wanted it: `merged` when these are set already.
   * `later` the same after a wait.
   */
  private begin(headers: object | undefined, go: (merged: boolean) => void, later = go): void {
    this.ask(
      () => {
        this.lastWork();
        if ((this.status || this.response.statusCode) >= 500) this.exchange?.fail();
        return this.exchange?.head() ?? noLines;
      },
      'holding',
      (lines, waited) => {
        const { response } = this;
        const merged = lines.length > 0 && headers !== undefined;
        // What writeHead is given counts over what was set before: our cookie must not be lost to one of the app's.
        if (merged) setAll(response, headers);
        for (const [name, value] of lines) response.appendHeader(name, value);
        this.rest = statedLength(response, headers);
        this.state = 'sent';
        (waited ? later : go)(merged);
      },
    );
  }

  /** The last byte is to leave: `go` sends it. */
  private finish(go: () => void): void {
    this.ask(
      () => this.exchange?.last(this.canTrail()) ?? noLines,
      'closing',
      (lines) => {
        if (lines.length > 0) this.response.addTrailers(Object.fromEntries(lines));
        this.state = 'over';
        go();
      },
    );
  }

  private ask(
    question: () => Lines | Promise<Lines>,
    meanwhile: 'holding' | 'closing',
    go: (lines: Lines, waited: boolean) => void,
  ): void {
    let lines: Lines | Promise<Lines>;
    try {
      lines = question();
    } catch (error) {
      this.fail(error);
      return;
    }
    if (!(lines instanceof Promise)) {
      go(lines, false);
      return;
    }
    this.state = meanwhile;
    lines.then(
      (found) => {
        if (this.response.destroyed) return;
        go(found, true);
        this.resume();
      },
      (error: unknown) => this.fail(error),
    );
  }

  private isWaiting(): boolean {
    return this.state === 'holding' || this.state === 'closing';
  }

  private refuseMore(): false {
    this.owesDrain = true;
    return false;
  }

  /** What was sent meanwhile, in order; some of it may wait again. */
  private resume(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const send of waiting) send();
    if (!this.owesDrain || this.waiting.length > 0) return;
    this.owesDrain = false;
    this.response.emit('drain');
  }

  private fail(thrown: unknown): void {
    const { response } = this;
    const error = asError(thrown);
    this.onError(error);
    this.used?.fail();
    this.close(false);
    this.state = 'failed';
    this.waiting = [];
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const known = error instanceof SessionError;
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    response.statusCode = known ? error.status : 500;
    response.statusMessage = '';
    response.setHeader('Limpet-Reason', known ? error.code : 'session-error');
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    if (response.statusCode === 503) response.setHeader('Retry-After', '1');
    this.call('end', ['Your session could not be kept. What you did has not been done; please try again.\n']);
    // A stream that pipes into us waits for it, and has to find its end.
    if (this.owesDrain) response.emit('drain');
  }

  /** Trailers: only of a chunked body. (Bun does not say that it is one.) */
  private canTrail(): boolean {
    const { request, response, rest } = this;
    if (request.httpVersion !== '1.1' || request.method === 'HEAD') return false;
    if (process.versions.bun === undefined) return response.chunkedEncoding;
    return rest < 0 && response.statusCode !== 204 && response.statusCode !== 304;
  }

  private call(name: keyof Gate['original'], args: Arguments) {
    return Reflect.apply(this.original[name], this.response, args);
  }
}
