/** Small questions about a node:http response that is about to be sent. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Sets the headers that writeHead was given, in either of the forms it takes: an object, or names and values in turn. */
export function setAll(response: ServerResponse, headers: object): void {
  const pairs = pairsOf(headers);
  for (const [name] of pairs) response.removeHeader(name);
  for (const [name, value] of pairs) response.appendHeader(name, value);
}

function pairsOf(headers: object): [string, string | string[]][] {
  if (!Array.isArray(headers)) return Object.entries(headers).map(([name, value]) => [name, textOf(value)]);
  const flat: unknown[] = Array.isArray(headers[0]) ? headers.flat(1) : headers;
  const pairs: [string, string | string[]][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([String(flat[i]), textOf(flat[i + 1])]);
  return pairs;
}

function textOf(value: unknown): string | string[] {
  return Array.isArray(value) ? value.map(String) : String(value);
}

/** Content-Length as set before or given to writeHead; -1 when there is none. */
export function statedLength(response: ServerResponse, headers: object | undefined): number {
  const given =
    headers === undefined ? undefined : pairsOf(headers).find(([name]) => /^content-length$/i.test(name))?.[1];
  const length = Number(given ?? response.getHeader('content-length') ?? -1);
  return Number.isInteger(length) ? length : -1;
}

/**
 * A response that is over was broken off by this side after its head: what frameworks do when a handler throws then. When the
 * client has gone its end, or an error, was read from the socket before; its handler may go on, and be right.
 */
export function isBrokenOff({ socket }: IncomingMessage, response: ServerResponse): boolean {
  if (response.writableFinished || !response.headersSent || socket.readableEnded) return false;
  // `pipeline` destroys a response with the error of its source, and so the socket; what was read from that is not the response's.
  return Boolean(response.errored) || !socket.errored;
}

/** Bytes of a call of `write`. */
export function sizeOf([chunk, encoding]: readonly unknown[]): number {
  if (chunk instanceof Uint8Array) return chunk.byteLength;
  const known = typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8';
  return typeof chunk === 'string' ? Buffer.byteLength(chunk, known) : 0;
}

/** The callback of a call of `write` or `end`. */
export function callbackOf(args: readonly unknown[]): ((error?: Error) => void) | undefined {
  return args.find((one): one is () => void => typeof one === 'function');
}

/** What callbacks of writes get that will never be sent. */
export function destroyedError(): Error {
  return Object.assign(new Error('Cannot call write after a stream was destroyed'), { code: 'ERR_STREAM_DESTROYED' });
}
