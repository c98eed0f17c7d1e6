/** What can go wrong with a session: a stable code, the status for the client, and a sentence for whoever mends it. */

/** Status that the client gets while the head has not left: 500 is the app's mistake, 503 is worth another try. */
const statuses = {
  'no-balancer': 500,
  'not-serialisable': 500,
  'state-too-large': 500,
  'cookie-too-large': 500,
  'head-left': 500,
  'session-ended': 503,
  'session-fenced': 503,
  'session-conflict': 503,
  'session-ending': 503,
  'session-lost': 503,
  'session-store': 503,
} as const;

export type SessionErrorCode = keyof typeof statuses;

/** All codes. The balancer has its own list of those that it lets pass to the client (http/hop-headers.ts). */
export const sessionErrorCodes = Object.keys(statuses) as readonly SessionErrorCode[];

/**
 * no-balancer: no believable Limpet-Session header. not-serialisable, state-too-large, cookie-too-large: the state cannot be
 * kept. head-left: the client can no longer be told. session-ended: used after logout or under an id that was replaced.
 * session-fenced: another server owns it now. session-conflict: somebody else changed it first. session-ending: it is over, and the
 * balancer has yet to tell its store. session-lost: the balancer had a copy, and its store does not have it any more; never an empty
 * session in its place. session-store: the store could not be asked.
 */
export class SessionError extends Error {
  override readonly name = 'SessionError';
  readonly code: SessionErrorCode;
  readonly status: number;
  /** The same, as Fastify reads it. */
  readonly statusCode: number;
  /** Of the answer that a framework makes of it: Express, Koa and Fastify set them. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: SessionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.status = this.statusCode = statuses[code];
    this.headers = { 'Limpet-Reason': code };
  }
}

/** The cookie of a new session leaves with the head. */
export function beganLate(): SessionError {
  return new SessionError(
    'head-left',
    'a new session began after the head; expected before it: the cookie is part of it',
  );
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
