/**
 * Node's own implementation of a response, beyond the documented interface: the same from Node 22 to 26. Node buffers a response in
 * `outputData` while the one before it on the same connection is not finished.
 */
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { HeaderLines } from '../exchange.ts';
import { isFunction } from './call-arguments.ts';
import { isBun } from './response-head.ts';

type Callback = (error?: Error | null) => void;

/** A piece that Node has buffered. */
export interface Output {
  data: string | Uint8Array;
  encoding: string | null | undefined;
  callback: Callback | null | undefined;
}

export interface NodeResponse extends ServerResponse {
  /** The head as it will be sent, null before there is one. */
  _header: string | null;
  _headerSent: boolean;
  _hasBody: boolean;
  _contentLength: number | null;
  _trailer: string;
  finished: boolean;
  strictContentLength: boolean;
  outputData: Output[];
  /** Bytes in `outputData`. */
  outputSize: number;
  /** All bytes of the response pass here. */
  _writeRaw(data: string | Uint8Array, encoding?: string | Callback | null, callback?: Callback | null): boolean;
  /** Sends what is in `outputData`. */
  _flush(): void;
  /** The server stops reading from a connection for which too much is buffered. */
  _onPendingData(bytes: number): void;
}

/** False for every other implementation: Bun, HTTP/2, the `inject` of Fastify. */
export function isNodeResponse(request: IncomingMessage, response: ServerResponse): response is NodeResponse {
  if (isBun || !(response instanceof ServerResponse)) return false;
  const { outputData, _contentLength, _writeRaw, _flush, _onPendingData }: Partial<NodeResponse> = Object(response);
  const hasParts = Array.isArray(outputData) && _contentLength !== undefined;
  return '_handle' in request.socket && hasParts && [_writeRaw, _flush, _onPendingData].every(isFunction);
}

/** Counts bytes that were added to `outputData`, or removed from it (negative). */
export function countBuffered(response: NodeResponse, bytes: number): void {
  response.outputSize += bytes;
  response._onPendingData(bytes);
}

/** Empties `outputData`. */
export function takeBuffered(response: NodeResponse): Output[] {
  const buffered = response.outputData;
  response.outputData = [];
  countBuffered(response, -response.outputSize);
  return buffered;
}

/** Adds lines to the head, which Node has made already, and has buffered perhaps. */
export function addToHead(response: NodeResponse, lines: HeaderLines): void {
  const head = response._header;
  if (lines.length === 0 || head === null) return;
  const longer = `${head.slice(0, -2)}${textOf(lines)}\r\n`;
  response._header = longer;
  if (!response._headerSent) return;
  // It is buffered before the first piece of the body, or as a piece of its own.
  for (const output of response.outputData) {
    if (typeof output.data !== 'string' || !output.data.startsWith(head)) continue;
    output.data = longer + output.data.slice(head.length);
    countBuffered(response, longer.length - head.length);
    return;
  }
}

/** Adds trailers to a chunked body. `endOutputs`: what Node has buffered of its end: `0`, the trailers, an empty line. */
export function addTrailers(response: NodeResponse, lines: HeaderLines, endOutputs: readonly Output[]): void {
  if (lines.length === 0) return;
  const text = textOf(lines);
  const end = `0\r\n${response._trailer}\r\n`;
  response._trailer += text;
  for (const output of endOutputs) {
    if (typeof output.data !== 'string' || !output.data.endsWith(end)) continue;
    output.data = `${output.data.slice(0, -2)}${text}\r\n`;
    countBuffered(response, text.length);
  }
}

/** As if nothing had been sent: the app's head is forgotten, and another one can be made. */
export function forgetHead(response: NodeResponse, hasBody: boolean): void {
  Object.assign(response, { _header: null, _headerSent: false, _contentLength: null, _trailer: '' });
  Object.assign(response, { finished: false, chunkedEncoding: false, strictContentLength: false });
  response._hasBody = hasBody;
}

function textOf(lines: HeaderLines): string {
  return lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
}
