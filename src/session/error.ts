/** What can go wrong with a session: a stable code, the status for the client, and a sentence for whoever repairs it. */

/**
 * - `no-balancer`: strategy sticky, and the request has no valid Limpet-Session header.
 * - `not-serialisable`, `state-too-large`, `cookie-too-large`: the state cannot be stored.
 * - `head-left`: the head of the response was sent, and the client cannot get a cookie or a new id any more.
 * - `session-ended`: used after its end, or under an id that was replaced.
 * - `session-fenced`: another server owns the session now.
 * - `session-conflict`: another request changed it first.
 * - `session-limit`: the user may not have another session.
 * - `session-ending`: the session is over, and the balancer has yet to tell its store.
 * - `session-lost`: the balancer had a copy, and its store does not have it any more. Never an empty session in its place.
 * - `session-store`: the store did not answer, or failed.
 */
export type SessionErrorCode =
  | 'no-balancer'
  | 'not-serialisable'
  | 'state-too-large'
  | 'cookie-too-large'
  | 'head-left'
  | 'session-ended'
  | 'session-fenced'
  | 'session-conflict'
  | 'session-limit'
  | 'session-ending'
  | 'session-lost'
  | 'session-store';

/** Status that the client gets as long as the head is not sent: 500 is the app's mistake, 503 is worth another try, 403 is not. */
const statuses: Readonly<Record<SessionErrorCode, 403 | 500 | 503>> = {
  'no-balancer': 500,
  'not-serialisable': 500,
  'state-too-large': 500,
  'cookie-too-large': 500,
  'head-left': 500,
  'session-ended': 503,
  'session-fenced': 503,
  'session-conflict': 503,
  'session-limit': 403,
  'session-ending': 503,
  'session-lost': 503,
  'session-store': 503,
};

/** All codes. The balancer has its own list of the codes that it lets pass to the client (http/hop-headers.ts). */
export const sessionErrorCodes = Object.keys(statuses) as readonly SessionErrorCode[];

/**
 * What all methods of sessions throw when the session, and not an argument, is the reason.
 *
 * @example
 * try {
 *   await session.save();
 * } catch (error) {
 *   if (error instanceof SessionError && error.code === 'session-store') return reply.code(error.status).send();
 *   throw error;
 * }
 */
export class SessionError extends Error {
  /** What the error is called when it is printed. */
  override readonly name = 'SessionError';
  /** Stable; what an app decides by. */
  readonly code: SessionErrorCode;
  /** Of the response that the client gets as long as its head is not sent: 403, 500 or 503. */
  readonly status: number;
  /** The same, as Fastify reads it. */
  readonly statusCode: number;
  /** For the response that a framework makes of the error: Express, Koa and Fastify set them. */
  readonly headers: Readonly<Record<string, string>>;

  /** `options`: its `cause`. */
  constructor(code: SessionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.status = this.statusCode = statuses[code];
    this.headers = { 'Limpet-Reason': code };
  }
}

/** A new session needs a cookie, and cookies are sent with the head of the response. */
export function beganAfterHead(): SessionError {
  return new SessionError(
    'head-left',
    'a new session began after the head; expected before it: the cookie is part of it',
  );
}

/** Whether `thrown` is a SessionError of that code. */
export function hasCode(thrown: unknown, code: SessionErrorCode): thrown is SessionError {
  return thrown instanceof SessionError && thrown.code === code;
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
