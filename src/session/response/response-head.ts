/** The head of a node:http response that is about to be sent: what it says, and how it is changed on Node and on Bun. */
import { type IncomingMessage, OutgoingMessage, type ServerResponse } from 'node:http';

export const isBun = process.versions.bun !== undefined;

/** Sets the headers that writeHead was given, in either of the forms it takes: an object, or names and values in turn. */
export function setHeaders(response: ServerResponse, headers: object): void {
  const pairs = pairsOf(headers);
  for (const [name] of pairs) response.removeHeader(name);
  for (const [name, value] of pairs) response.appendHeader(name, value);
}

export function appendHeader(response: ServerResponse, name: string, value: string): void {
  if (!isBun) {
    response.appendHeader(name, value);
    return;
  }
  // On Bun writeHead closes the head to the app long before it is sent. The method of the parent class does not check that.
  const before = [response.getHeader(name) ?? []].flat().map(String);
  OutgoingMessage.prototype.setHeader.call(response, name, before.length === 0 ? value : [...before, value]);
}

/** Content-Length as it was set before, or is given to writeHead (`headers`); -1 when there is none. */
export function contentLengthOf(response: ServerResponse, headers: object | undefined): number {
  const given =
    headers === undefined ? undefined : pairsOf(headers).find(([name]) => /^content-length$/i.test(name))?.[1];
  const length = Number(given ?? response.getHeader('content-length') ?? -1);
  return Number.isInteger(length) ? length : -1;
}

export type Status = Partial<Pick<ServerResponse, 'statusCode' | 'statusMessage'>>;

export function statusOf(response: ServerResponse): Status {
  const { statusCode } = response;
  // HTTP/2 has no status message, and warns whoever reads one.
  return isBun ? { statusCode, statusMessage: response.statusMessage } : { statusCode };
}

/** Only a chunked body can have trailers. `bodyBytesLeft`: -1 its length is not known. */
export function canTrail(request: IncomingMessage, response: ServerResponse, bodyBytesLeft: number): boolean {
  if (request.httpVersion !== '1.1' || request.method === 'HEAD') return false;
  if (!isBun) return response.chunkedEncoding;
  // Bun does not say whether a body is chunked.
  return bodyBytesLeft < 0 && response.statusCode !== 204 && response.statusCode !== 304;
}

/**
 * Whether this side has broken off a response after its head, as frameworks do when a handler throws then. When the client is
 * gone, its end or an error was read from the socket before; the handler may go on, and succeed.
 */
export function isBrokenOff({ socket }: IncomingMessage, response: ServerResponse): boolean {
  if (response.writableFinished || !response.headersSent || socket.readableEnded) return false;
  // `pipeline` destroys a response, and so the socket, with the error of its source: such an error was not read from the socket.
  return Boolean(response.errored) || !socket.errored;
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
