/**
 * Every way in which an exchange can fail: its code, whose fault it was, what the client gets, and whether another server may be tried.
 * One registry, so that failover is one decision.
 * Faults are values: the hot path never throws.
 */

/** client: the request was wrong. server: the server, or the way to it. balancer: limits and decisions of Limpet. */
export type Side = 'client' | 'server' | 'balancer';

export interface Fault {
  /** Place in `faults`: its counter stands there (metrics/counters.ts). */
  readonly index: number;
  /** Stable, lower case with hyphens: the label of the counter, the log field, and `Limpet-Reason`. */
  readonly code: string;
  readonly side: Side;
  /** HTTP status for the client while no response has begun. */
  readonly status: number;
  /** One sentence for the person who reads the error page. */
  readonly text: string;
}

const all: Fault[] = [];

function fault(code: string, side: Side, status: number, text: string): Fault {
  const made: Fault = Object.freeze({ index: all.length, code, side, status, text });
  all.push(made);
  return made;
}

/** Requests that are refused (RFC 9110, RFC 9112). Each closes the connection: the bytes after such a request cannot be trusted. */
export const requestFaults = {
  badRequestLine: fault('bad-request-line', 'client', 400, 'The request line is not METHOD SP TARGET SP HTTP/1.1.'),
  badMethod: fault('bad-method', 'client', 400, 'The method is not a token.'),
  methodRefused: fault('method-refused', 'client', 501, 'CONNECT and TRACE are not served here.'),
  badTarget: fault('bad-target', 'client', 400, 'The request target is not valid.'),
  uriTooLong: fault('uri-too-long', 'client', 414, 'The request target is too long.'),
  badVersion: fault('bad-version', 'client', 505, 'Only HTTP/1 is spoken here.'),
  bareLineFeed: fault('bare-line-feed', 'client', 400, 'A line ends without CR LF.'),
  badHeaderName: fault('bad-header-name', 'client', 400, 'A header name is not a token directly before its colon.'),
  badHeaderValue: fault('bad-header-value', 'client', 400, 'A header value holds a control byte.'),
  foldedHeader: fault('folded-header', 'client', 400, 'A header value is folded over several lines.'),
  headTooLarge: fault('head-too-large', 'client', 431, 'The request head is too large.'),
  tooManyHeaders: fault('too-many-headers', 'client', 431, 'The request has too many headers.'),
  tooManyConnectionOptions: fault(
    'too-many-connection-options',
    'client',
    400,
    'The Connection header has too many options.',
  ),
  hostMissing: fault('host-missing', 'client', 400, 'An HTTP/1.1 request needs a Host header.'),
  hostRepeated: fault('host-repeated', 'client', 400, 'The Host header is given more than once.'),
  badHost: fault('bad-host', 'client', 400, 'The Host header is not a host with an optional port.'),
  badContentLength: fault('bad-content-length', 'client', 400, 'Content-Length is not one decimal number.'),
  lengthRepeated: fault('content-length-repeated', 'client', 400, 'Content-Length is given more than once.'),
  lengthAndEncoding: fault(
    'length-and-encoding',
    'client',
    400,
    'Content-Length and Transfer-Encoding are both given.',
  ),
  lengthRequired: fault('length-required', 'client', 411, 'An HTTP/1.0 request with a body needs Content-Length.'),
  badTransferEncoding: fault(
    'bad-transfer-encoding',
    'client',
    400,
    'Transfer-Encoding is not a single final chunked.',
  ),
  encodingUnknown: fault('encoding-unknown', 'client', 501, 'Only the chunked transfer coding is known here.'),
  expectUnknown: fault('expect-unknown', 'client', 417, 'Only Expect: 100-continue is known here.'),
  badChunk: fault('bad-chunk', 'client', 400, 'The chunked body is malformed.'),
  badTrailer: fault('bad-trailer', 'client', 400, 'The trailer section is malformed or too large.'),
  badFields: fault('bad-fields', 'client', 400, 'The fields of the HTTP/2 request are not valid.'),
  http2Required: fault('http2-required', 'client', 505, 'Only HTTP/2 is spoken here.'),
  httpsRequired: fault('https-required', 'client', 400, 'A plain HTTP request was sent to a port of HTTPS.'),
  bodyTooLarge: fault('body-too-large', 'client', 413, 'The request body is larger than allowed.'),
  requestTimeout: fault('request-timeout', 'client', 408, 'The request did not arrive in time.'),
  clientGone: fault('client-gone', 'client', 499, 'The client went away.'),
} as const;

/** Errors of servers, and of the way to them. */
export const serverFaults = {
  connectRefused: fault('connect-refused', 'server', 503, 'The server cannot be reached.'),
  nameNotFound: fault('name-not-found', 'server', 503, 'No address of the server is known.'),
  connectTimeout: fault('connect-timeout', 'server', 503, 'The server did not accept the connection in time.'),
  badResponse: fault('bad-response', 'server', 502, 'The server sent a response that is not valid HTTP.'),
  responseHeadTooLarge: fault('response-head-too-large', 'server', 502, 'The response head is too large.'),
  badResponseBody: fault('bad-response-body', 'server', 502, 'The server sent a malformed body.'),
  tooManyInterim: fault('too-many-interim', 'server', 502, 'The server sent too many interim responses.'),
  closedEarly: fault('closed-early', 'server', 502, 'The server closed the connection before it had answered.'),
  bodyCut: fault('body-cut', 'server', 502, 'The server closed the connection in the middle of its answer.'),
  streamRefused: fault('stream-refused', 'server', 503, 'The server did not begin with the request.'),
  streamReset: fault('stream-reset', 'server', 502, 'The server broke off the request before it had answered.'),
  serverOverloaded: fault('server-overloaded', 'server', 503, 'The server has too much to do.'),
  serverCertificate: fault('server-certificate', 'server', 502, 'The certificate of the server is not accepted.'),
  tlsFailed: fault('tls-failed', 'server', 502, 'No encrypted connection to the server could be made.'),
  serverProtocol: fault('server-protocol', 'server', 502, 'The server does not speak the protocol that is asked for.'),
  responseTimeout: fault('response-timeout', 'server', 504, 'The server did not answer in time.'),
  bodyTimeout: fault('body-timeout', 'server', 504, 'The server stopped in the middle of its answer.'),
} as const;

/** Limits and decisions of Limpet. */
export const balancerFaults = {
  noRoute: fault('no-route', 'balancer', 404, 'Nothing is served at this address.'),
  noServer: fault('no-server', 'balancer', 503, 'No server is available at the moment.'),
  ownerDown: fault('owner-down', 'balancer', 503, 'The server that holds your session is not available.'),
  ownerFull: fault('owner-full', 'balancer', 503, 'The server that holds your session is busy.'),
  queueFull: fault('queue-full', 'balancer', 503, 'All servers are busy.'),
  queueTimeout: fault('queue-timeout', 'balancer', 503, 'All servers are busy.'),
  sessionFenced: fault('session-fenced', 'balancer', 503, 'Your session has moved to another server. Try again.'),
  sessionStore: fault('session-store', 'balancer', 503, 'Your session could not be kept safe. Try again.'),
  buffersFull: fault('buffers-full', 'balancer', 503, 'Too much is waiting for slow connections.'),
  outOfResources: fault('out-of-resources', 'balancer', 503, 'The balancer is short of resources at the moment.'),
  sessionEnding: fault('session-ending', 'balancer', 503, 'Your session is being ended. Try again in a moment.'),
  sessionLost: fault('session-lost', 'balancer', 503, 'Your session is lost. Try again to begin anew.'),
  upgradeUnsupported: fault('upgrade-unsupported', 'balancer', 501, 'The server takes no upgrades over HTTP/2.'),
  tooManyConnections: fault('too-many-connections', 'balancer', 503, 'There are too many connections.'),
  serverDrained: fault('server-drained', 'balancer', 503, 'The server is being stopped.'),
} as const;

/** Seconds after which a client should try again, because there may be room or a server by then; 0: no Retry-After is sent. */
export function retryAfterOf({ side, status }: Fault): number {
  return side === 'balancer' && status === 503 ? 2 : 0;
}

/** Every fault, in order of definition: the metrics make one counter of each. */
export const faults: readonly Fault[] = all;

/**
 * A mistake in what a person wrote (a config, a command line, the name of a server). The message is for that person: it
 * says what was found and what is expected, and needs no stack.
 *
 * @example
 * ```ts
 * try {
 *   await limpet.drain('s9');
 * } catch (error) {
 *   if (!(error instanceof UsageError)) throw error;
 *   console.error(error.message); // there is no server "s9", expected one of shop/s1, shop/s2
 * }
 * ```
 */
export class UsageError extends Error {
  /** Tells the class in a log, where `instanceof` cannot. */
  override readonly name = 'UsageError';
}

/** The system's code of an error, such as ENOENT; without one, its message. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
