/**
 * Holds a response of Node. Node itself has a way to hold one: a response whose predecessor on the connection is not through
 * is buffered (`outputData`) until the connection is its own, and its flags, events and errors are right all that time. This
 * does the same for a response that waits for its session: `_writeRaw`, where all of its bytes come by, buffers, and
 * nothing of Node's has to be imitated.
 */
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Lines } from '../exchange.ts';
import { callbackOf, destroyedError, sizeOf } from './response.ts';
import { Gate } from './response-gate.ts';

type Callback = (error?: Error | null) => void;
type Arguments = readonly unknown[];

interface Output {
  data: string | Uint8Array;
  encoding: string | null | undefined;
  callback: Callback | null | undefined;
}

/** What Node's responses have beside the documented interface; the same from Node 22 to 26. */
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
  outputSize: number;
  _writeRaw(data: string | Uint8Array, encoding?: string | Callback | null, callback?: Callback | null): boolean;
  _flush(): void;
  /** The server stops reading from a connection for which too much is buffered. */
  _onPendingData(bytes: number): void;
}

/** False for all that is no response of Node's own to a socket: Bun, HTTP/2, the `inject` of Fastify. */
export function isNodeResponse(request: IncomingMessage, response: ServerResponse): response is NodeResponse {
  if (isBun || !(response instanceof ServerResponse)) return false;
  const { outputData, _contentLength, _writeRaw, _flush, _onPendingData }: Partial<NodeResponse> = Object(response);
  const hasParts = Array.isArray(outputData) && _contentLength !== undefined;
  return '_handle' in request.socket && hasParts && [_writeRaw, _flush, _onPendingData].every(isFunction);
}

const isBun = process.versions.bun !== undefined;
const noOutputs: ReadonlySet<Output> = new Set();

export class NodeGate extends Gate<NodeResponse> {
  private readonly original: Pick<NodeResponse, 'writeHead' | 'write' | 'end' | '_writeRaw' | '_flush'>;
  private isHeld = false;
  /** The app has called end(). */
  private isEnded = false;
  /** What Node has buffered at end(): the end of the body, whose callback tells that the response is finished. */
  private lastOutputs: readonly Output[] = [];
  private headLeft: boolean;

  constructor(request: IncomingMessage, response: NodeResponse, onError: (error: Error) => void) {
    super(request, response, onError);
    this.headLeft = response.headersSent;
    const { writeHead, write, end, _writeRaw, _flush } = response;
    this.original = { writeHead, write, end, _writeRaw, _flush };
    response.writeHead = (...args: unknown[]) => this.writeHead(args);
    response.write = (...args: unknown[]) => this.write(args);
    response.end = (...args: unknown[]) => this.end(args);
  }

  /** Node calls it as well when the app sends without. It makes the head and sends nothing. */
  private writeHead(args: Arguments): NodeResponse {
    this.dropLateCookie();
    // What Node refuses has not been asked of the session.
    this.call('writeHead', args);
    if (this.state !== 'open') return this.response;
    this.rest = this.response._contentLength ?? -1;
    this.ask(
      () => this.askHead(this.response.statusCode),
      'holding',
      (lines) => this.addHeaders(lines),
    );
    return this.response;
  }

  private write(args: Arguments): boolean {
    if (this.state === 'failed') return pretendToWrite(args);
    const together = this.state === 'open';
    const size = sizeOf(args);
    // By its length the client has the whole body then, whether end() comes or not.
    if (this.state === 'sent' && this.rest > 0 && size >= this.rest) this.askToClose();
    const more: boolean = this.call('write', args);
    if (this.rest > 0) this.rest = Math.max(0, this.rest - size);
    if (together) this.closeIfWhole();
    return more;
  }

  private end(args: Arguments): NodeResponse {
    const { response } = this;
    if (this.state === 'failed') return this.call('end', args.filter(isFunction));
    if (this.isHeld && this.isEnded) return this.endAgain(args);
    const before = response.outputData.length === 0 ? noOutputs : new Set(response.outputData);
    const together = this.state === 'open';
    if (this.state === 'sent' && !response.writableEnded) this.askToClose();
    this.call('end', this.isHeld && this.hasNothingToSend(args) ? [Buffer.alloc(0), ...args.filter(isFunction)] : args);
    if (!this.isEnded && response.writableEnded && this.isHeld) {
      this.lastOutputs = response.outputData.filter((output) => !before.has(output));
    }
    this.isEnded = response.writableEnded;
    if (together) this.closeIfWhole();
    return response;
  }

  /** To the app all of it has been sent: Node 22 would have the callback wait for what is buffered. */
  private endAgain(args: Arguments): NodeResponse {
    const { response } = this;
    Object.defineProperty(response, 'writableFinished', { value: true, configurable: true });
    try {
      return this.call('end', args);
    } finally {
      Reflect.deleteProperty(response, 'writableFinished');
    }
  }

  /** Head and body have left together: nothing can have changed between them. */
  private closeIfWhole(): void {
    if (this.state === 'sent' && (this.isEnded || this.rest === 0)) this.state = 'over';
  }

  /** The last byte is about to leave. */
  private askToClose(): void {
    const { request, response } = this;
    const canTrail = request.httpVersion === '1.1' && request.method !== 'HEAD' && response.chunkedEncoding;
    this.ask(
      () => this.askLast(canTrail),
      'closing',
      (lines) => this.addTrailers(lines),
    );
  }

  /** An end whose only sign is that the connection ends, or nothing at all: Node would not wait for what is buffered. */
  private hasNothingToSend([chunk]: Arguments): boolean {
    const { response } = this;
    const noChunk = chunk === undefined || chunk === null || chunk === '' || isFunction(chunk);
    const isAllSent = response._headerSent && response.writableLength === 0;
    return noChunk && isAllSent && response._hasBody && !response.chunkedEncoding && !response.writableEnded;
  }

  private ask(
    question: () => Lines | Promise<Lines>,
    meanwhile: 'holding' | 'closing',
    go: (lines: Lines) => void,
  ): void {
    let answer: Lines | Promise<Lines>;
    try {
      answer = question();
    } catch (error) {
      // Node is in the midst of sending: what it sends is to be thrown away, too.
      answer = Promise.reject(error);
    }
    if (!(answer instanceof Promise)) {
      go(answer);
      this.headLeft = true;
      this.state = meanwhile === 'holding' ? 'sent' : 'over';
      return;
    }
    this.state = meanwhile;
    this.hold();
    answer.then(
      (lines) => {
        // In the next turn: Node puts the writes of one turn together, and does so at its end.
        process.nextTick(() => {
          if (this.state !== meanwhile || this.response.destroyed) return;
          go(lines);
          this.proceed();
        });
      },
      (error: unknown) => this.fail(error),
    );
  }

  private proceed(): void {
    // The session may have changed while the head waited.
    if (this.state === 'holding' && (this.isEnded || this.rest === 0)) this.askToClose();
    else this.state = this.state === 'holding' ? 'sent' : 'over';
    if (this.state === 'sent' || this.state === 'over') this.release();
  }

  private hold(): void {
    if (this.isHeld) return;
    this.isHeld = true;
    const { response } = this;
    response._flush = () => {};
    response._writeRaw = (data, encoding, callback) => {
      if (response.destroyed || response.socket?.destroyed === true) return false;
      const given = typeof encoding === 'function' ? { encoding: null, callback: encoding } : { encoding, callback };
      response.outputData.push({ data, ...given });
      this.account(data.length);
      return response.outputSize < response.writableHighWaterMark;
    };
  }

  private release(): void {
    this.headLeft = true;
    this.letThrough();
    this.response._flush();
  }

  private letThrough(): void {
    this.isHeld = false;
    Object.assign(this.response, { _writeRaw: this.original._writeRaw, _flush: this.original._flush });
  }

  private account(bytes: number): void {
    this.response.outputSize += bytes;
    this.response._onPendingData(bytes);
  }

  private addHeaders(lines: Lines): void {
    const { response } = this;
    const head = response._header;
    if (lines.length === 0 || head === null) return;
    const whole = `${head.slice(0, -2)}${textOf(lines)}\r\n`;
    response._header = whole;
    if (!response._headerSent) return;
    // It is buffered already, before the first piece of the body or as a piece of its own.
    for (const output of response.outputData) {
      if (typeof output.data !== 'string' || !output.data.startsWith(head)) continue;
      output.data = whole + output.data.slice(head.length);
      this.account(whole.length - head.length);
      return;
    }
  }

  private addTrailers(lines: Lines): void {
    if (lines.length === 0) return;
    const { response } = this;
    const text = textOf(lines);
    const end = `0\r\n${response._trailer}\r\n`;
    response._trailer += text;
    // The end of a chunked body is buffered already: `0`, the trailers, an empty line.
    for (const last of this.lastOutputs) {
      if (typeof last.data !== 'string' || !last.data.endsWith(end)) continue;
      last.data = `${last.data.slice(0, -2)}${text}\r\n`;
      this.account(text.length);
    }
  }

  protected override hasLeft(): boolean {
    return this.headLeft && this.response._headerSent;
  }

  protected override drop(): void {
    if (!this.isHeld) return;
    const error = destroyedError();
    for (const { callback } of this.takeBuffered()) if (isFunction(callback)) process.nextTick(callback, error);
    this.letThrough();
  }

  protected override replace(error: Error): void {
    const { response, lastOutputs } = this;
    const needsDrain = response.writableNeedDrain;
    this.hold();
    // What was collected under cork() is thrown away as well.
    while (response.writableCorked > 0) response.uncork();
    const buffered = this.takeBuffered().filter((output) => !lastOutputs.includes(output));
    this.letThrough();
    // As if nothing had been sent yet.
    Object.assign(response, { _header: null, _headerSent: false, _contentLength: null, _trailer: '' });
    Object.assign(response, { finished: false, chunkedEncoding: false, strictContentLength: false });
    response._hasBody = this.request.method !== 'HEAD';
    this.call('end', [this.describe(error)]);
    for (const { callback } of buffered) if (isFunction(callback)) process.nextTick(callback);
    // A stream that pipes into us waits for it, and has to find its end.
    if (needsDrain) response.emit('drain');
  }

  private takeBuffered(): Output[] {
    const { response } = this;
    const buffered = response.outputData;
    response.outputData = [];
    this.account(-response.outputSize);
    return buffered;
  }

  private call(name: keyof NodeGate['original'], args: Arguments) {
    return Reflect.apply(this.original[name], this.response, args);
  }
}

/** After our page of an error: nobody gets it, and whoever waits for it goes on. */
function pretendToWrite(args: Arguments): true {
  const callback = callbackOf(args);
  if (callback !== undefined) process.nextTick(callback);
  return true;
}

function textOf(lines: Lines): string {
  return lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
}

function isFunction(value: unknown): value is Callback {
  return typeof value === 'function';
}
