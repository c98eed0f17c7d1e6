/**
 * Holds a node:http response back until its session is safe: the session's word joins the head at the last moment, whoever
 * sends it, and nothing of the response leaves while a store is asked.
 *
 *      open ── head ──> sent ── last byte ──> over
 *        └ holding ┘      └── closing ──┘            (a store is asked; what the app sends meanwhile is buffered)
 *
 * To the app the response is what it would be without a session: from the moment the app has sent or ended it, whether the
 * bytes have left or not. Whatever fails becomes 503 (or 500) as long as the head is here, and else a broken connection: a
 * change that was not kept never looks like success. `failed` is final: what the app still sends goes nowhere.
 *
 * There are two ways to hold: node-gate.ts lets Node buffer, queued-gate.ts is for all other responses.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { asError, SessionError } from '../error.ts';
import { type Exchange, type Lines, noLines } from '../exchange.ts';
import { isBrokenOff } from './response.ts';

export abstract class Gate<Response extends ServerResponse = ServerResponse> {
  protected state: 'open' | 'holding' | 'sent' | 'closing' | 'over' | 'failed' = 'open';
  /** Bytes of the body still to come when its length is known, else -1. */
  protected rest = -1;
  protected readonly request: IncomingMessage;
  protected readonly response: Response;
  private readonly onError: (error: Error) => void;
  private exchange: Exchange | null = null;
  /** The same, also after the response is over: its handler may still throw. */
  private used: Exchange | null = null;
  private lastWork: () => void = () => {};

  constructor(request: IncomingMessage, response: Response, onError: (error: Error) => void) {
    this.request = request;
    this.response = response;
    this.onError = onError;
    response.on('close', () => {
      if (isBrokenOff(request, response)) this.used?.fail();
      this.close(response.writableFinished);
      this.drop();
    });
    if (response.headersSent) this.state = 'sent';
  }

  /** From here on the response answers for that session. */
  use(exchange: Exchange): void {
    this.exchange = this.used = exchange;
    if (this.state !== 'open') exchange.late();
    if (this.response.destroyed) this.close(this.response.writableFinished);
  }

  /** Instead of what the app would have sent: the session could not be opened, or its handler has failed. */
  refuse(error: unknown): void {
    this.used?.fail();
    if (this.state === 'failed') return;
    // Too late for this response, but whoever runs the app has to hear of it.
    if (this.response.writableEnded) this.onError(asError(error));
    else this.fail(error);
  }

  /** As it stands now: what this request changes is going to be undone. */
  get isFailing(): boolean {
    return this.response.statusCode >= 500;
  }

  /** `last` runs just before the session is asked what has to go with the head; it may still change it, or throw. */
  beforeHead(last: () => void): void {
    this.lastWork = last;
  }

  /** The connection is gone: what is held will never be sent. */
  protected abstract drop(): void;
  /** The response becomes the page of an error. The head is here still. */
  protected abstract replace(error: Error): void;
  /** The head, or a part of it, is with the network. */
  protected abstract hasLeft(): boolean;

  /** `status` of the head that is to leave. */
  protected askHead(status: number): Lines | Promise<Lines> {
    this.lastWork();
    if (status >= 500) this.exchange?.fail();
    return this.exchange?.head() ?? noLines;
  }

  protected askLast(trailers: boolean): Lines | Promise<Lines> {
    return this.exchange?.last(trailers) ?? noLines;
  }

  protected fail(thrown: unknown): void {
    const error = asError(thrown);
    this.onError(error);
    this.used?.fail();
    this.close(false);
    this.state = 'failed';
    if (this.hasLeft() || this.response.destroyed) this.response.destroy();
    else this.replace(error);
  }

  /** Status and headers of the page of an error; answers its text. */
  protected describe(error: Error): string {
    const { response } = this;
    const known = error instanceof SessionError;
    const text = 'Your session could not be kept. What you did has not been done; please try again.\n';
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    response.statusCode = known ? error.status : 500;
    // HTTP/2 has none, and warns of whoever sets one.
    if (!('stream' in response)) response.statusMessage = '';
    response.setHeader('Limpet-Reason', known ? error.code : 'session-error');
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    response.setHeader('Content-Length', Buffer.byteLength(text));
    if (response.statusCode === 503) response.setHeader('Retry-After', '1');
    return text;
  }

  /** express-session adds one to every head, also to that of our page: of an id that is not kept. */
  protected dropLateCookie(): void {
    if (this.state === 'failed' && !this.response.headersSent) this.response.removeHeader('Set-Cookie');
  }

  private close(sent: boolean): void {
    this.exchange?.close(sent);
    this.exchange = null;
  }
}
