/**
 * Holds a node:http response back until its session is stored. The session's header lines are added to the head at the last moment,
 * whoever sends it, and nothing of the response is sent while a store is asked.
 *
 *      open ── head ──> headSent ── last byte ──> over
 *        └ holdingHead ┘       └── holdingEnd ──┘         (a store is asked; what the app sends meanwhile is buffered)
 *
 * To the app the response looks as it would without a session: from the moment at which the app has sent or ended it, whether its
 * bytes are sent or not. Whatever fails becomes a response of status 503 (or 500) as long as the head is not sent, and a broken
 * connection after it: a change that was not stored never looks like success. `failed` is final: what the app sends after it is dropped.
 *
 * There are two ways to hold a response: node-response-gate.ts lets Node buffer it, queued-response-gate.ts is for all other
 * implementations of the interface.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { asError, SessionError } from '../error.ts';
import { type Exchange, type HeaderLines, noHeaderLines } from '../exchange.ts';
import { failureHeaders, failureText } from './failure.ts';
import type { ResponseGuard } from './response-guard.ts';
import { isBrokenOff } from './response-head.ts';

export abstract class ResponseGate<Response extends ServerResponse = ServerResponse> implements ResponseGuard {
  protected state: 'open' | 'holdingHead' | 'headSent' | 'holdingEnd' | 'over' | 'failed' = 'open';
  /** Bytes of the body that the app has yet to send, when the length is known; else -1. */
  protected bodyBytesLeft = -1;
  protected readonly request: IncomingMessage;
  protected readonly response: Response;
  private readonly onError: (error: Error) => void;
  /** null: no session is opened, or the response is over. */
  private exchange: Exchange | null = null;
  /** The same, also after the response is over: the handler may still throw. */
  private lastExchange: Exchange | null = null;
  private beforeHeadListener: () => void = () => {};

  constructor(request: IncomingMessage, response: Response, onError: (error: Error) => void) {
    this.request = request;
    this.response = response;
    this.onError = onError;
    response.on('close', () => {
      if (isBrokenOff(request, response)) this.lastExchange?.fail();
      this.closeExchange(response.writableFinished);
      this.drop();
    });
    if (response.headersSent) this.state = 'headSent';
  }

  /** From now on the response waits for that session. */
  use(exchange: Exchange): void {
    this.exchange = this.lastExchange = exchange;
    if (this.state !== 'open') exchange.markHeadSent();
    if (this.response.destroyed) this.closeExchange(this.response.writableFinished);
  }

  refuse(error: unknown): void {
    this.lastExchange?.fail();
    if (this.state === 'failed') return;
    // Too late for this response, but the error must be reported.
    if (this.response.writableEnded) this.onError(asError(error));
    else this.fail(error);
  }

  /** Whether the response, as it stands now, says that the request has failed: its changes are going to be undone. */
  get isFailing(): boolean {
    return this.response.statusCode >= 500;
  }

  /** `listener` runs just before the session is stored for the head; it may still change the session, or throw. */
  onBeforeHead(listener: () => void): void {
    this.beforeHeadListener = listener;
  }

  /** The connection is gone: what is held will never be sent. */
  protected abstract drop(): void;
  /** Sends the response of an error in place of the app's. The head is not sent. */
  protected abstract replace(error: Error): void;
  /** The head, or a part of it, was sent. */
  protected abstract isHeadSent(): boolean;

  /** Stores the session before the head; returns the lines to add to it. `status`: of that head. */
  protected storeBeforeHead(status: number): HeaderLines | Promise<HeaderLines> {
    this.beforeHeadListener();
    if (status >= 500) this.exchange?.fail();
    return this.exchange?.beforeHead() ?? noHeaderLines;
  }

  /** Stores the session before the last byte; returns the trailers to add. */
  protected storeBeforeEnd(canTrail: boolean): HeaderLines | Promise<HeaderLines> {
    return this.exchange?.beforeEnd(canTrail) ?? noHeaderLines;
  }

  protected fail(thrown: unknown): void {
    const error = asError(thrown);
    this.onError(error);
    this.lastExchange?.fail();
    this.closeExchange(false);
    this.state = 'failed';
    if (this.isHeadSent() || this.response.destroyed) this.response.destroy();
    else this.replace(error);
  }

  /** Sets status and headers of the response of an error; returns its body. */
  protected describeFailure(error: Error): string {
    const { response } = this;
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    response.statusCode = error instanceof SessionError ? error.status : 500;
    // HTTP/2 has no status message, and warns whoever sets one.
    if (!('stream' in response)) response.statusMessage = '';
    for (const [name, value] of Object.entries(failureHeaders(error))) response.setHeader(name, value);
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    response.setHeader('Content-Length', Buffer.byteLength(failureText));
    if (response.statusCode === 503) response.setHeader('Retry-After', '1');
    return failureText;
  }

  /** express-session adds a cookie to every head, also to that of our error: its id is not stored. */
  protected removeCookieOfFailure(): void {
    if (this.state === 'failed' && !this.response.headersSent) this.response.removeHeader('Set-Cookie');
  }

  private closeExchange(isSent: boolean): void {
    this.exchange?.close(isSent);
    this.exchange = null;
  }
}
