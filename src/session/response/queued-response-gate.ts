/**
 * Holds a response of another kind than Node's own (Bun, HTTP/2, the `inject` of Fastify) by its documented interface
 * alone: what the app sends meanwhile is queued and sent afterwards, and until then what the response says of itself is
 * said here.
 */
import { type IncomingMessage, OutgoingMessage, type ServerResponse } from 'node:http';
import type { Lines } from '../exchange.ts';
import { callbackOf, destroyedError, setAll, sizeOf, statedLength } from './response.ts';
import { Gate } from './response-gate.ts';
import { lockResponse, type Pending } from './response-lock.ts';

const isBun = process.versions.bun !== undefined;

type Arguments = readonly unknown[];

interface Call {
  readonly name: 'write' | 'end' | 'flushHeaders';
  readonly args: Arguments;
}

export class QueuedGate extends Gate implements Pending {
  private readonly original: Pick<ServerResponse, 'writeHead' | 'write' | 'end' | 'flushHeaders'>;
  /** What the app has sent meanwhile. */
  private waiting: Call[] = [];
  bytes = 0;
  owesDrain = false;
  /** The app has called end(). */
  isEnded = false;
  /** As given to writeHead, where that is yet to be called; 0: the response has it. */
  private headStatus = 0;
  /** While something waits. */
  private endLock: (() => void) | null = null;
  /** What the head says that waits, whatever the app sets meanwhile. */
  private status: ReturnType<typeof statusOf> | null = null;
  private headLeft: boolean;
  private readonly ownWriteHead: ServerResponse['writeHead'];

  constructor(request: IncomingMessage, response: ServerResponse, onError: (error: Error) => void) {
    super(request, response, onError);
    this.headLeft = response.headersSent;
    const { writeHead, write, end, flushHeaders } = response;
    this.original = { writeHead, write, end, flushHeaders };
    response.writeHead = this.ownWriteHead = (...args: unknown[]) => this.writeHead(args);
    response.write = (...args: unknown[]) => this.write(args);
    response.end = (...args: unknown[]) => this.end(args);
    response.flushHeaders = () => this.flushHeaders();
  }

  private writeHead(args: Arguments): ServerResponse {
    const { response } = this;
    const headers = args.find((one): one is object => typeof one === 'object' && one !== null);
    this.dropLateCookie();
    if (this.state !== 'open' || response.headersSent) this.call('writeHead', args);
    else if (isBun) {
      // Sends nothing yet. What Bun refuses has not been asked of the session.
      this.call('writeHead', args);
      this.begin(headers, () => {});
    } else {
      const [status, message] = args;
      if (typeof status === 'number') this.headStatus = status;
      this.begin(headers, (merged) => {
        if (merged) this.call('writeHead', typeof message === 'string' ? [status, message] : [status]);
        else this.call('writeHead', args);
      });
      // As writeHead leaves it, although it is yet to be called.
      if (this.endLock !== null && typeof status === 'number') response.statusCode = status;
    }
    return response;
  }

  private flushHeaders(): void {
    if (this.state === 'open' && isBun) this.response.writeHead(this.response.statusCode);
    if (this.state === 'open') this.begin(undefined, () => this.call('flushHeaders', []));
    else if (this.endLock !== null) this.waiting.push({ name: 'flushHeaders', args: [] });
    else if (this.state !== 'failed') this.call('flushHeaders', []);
  }

  private write(args: Arguments): boolean {
    if (this.state === 'failed') {
      const callback = callbackOf(args);
      if (callback !== undefined) process.nextTick(callback);
      return true;
    }
    if (this.mayNotBeWritten()) return this.call('write', args);
    if (!this.isEnded) assertChunk(args[0]);
    if (this.state === 'open') {
      let more = true;
      this.begin(
        undefined,
        () => (more = this.write(args)),
        () => {},
      );
      return this.endLock === null ? more : this.queue({ name: 'write', args });
    }
    if (this.endLock !== null) return this.queue({ name: 'write', args });
    if (this.state === 'sent' && this.rest > 0) {
      this.rest -= sizeOf(args);
      // By its length the client has the whole body now, whether end() comes or not.
      if (this.rest <= 0) {
        let more = true;
        this.finish(() => (more = this.call('write', args)));
        return this.endLock === null ? more : this.count(args);
      }
    }
    return this.call('write', args);
  }

  private end(args: Arguments): ServerResponse {
    const { response } = this;
    const chunk = typeof args[0] === 'function' ? undefined : args[0];
    if (this.state === 'failed') {
      this.call(
        'end',
        args.filter((one) => typeof one === 'function'),
      );
      return response;
    }
    if (this.mayNotBeWritten()) {
      this.call('end', args);
      return response;
    }
    if (!this.isEnded && chunk !== undefined && chunk !== null && chunk !== '') assertChunk(chunk);
    if (this.state === 'open') {
      // Head and body leave together: nothing can change between them. After a wait it can.
      const together = () => {
        this.state = 'over';
        this.call('end', args);
      };
      this.begin(undefined, together, () => {});
      if (this.endLock !== null) this.queueEnd(args);
    } else if (this.endLock !== null) this.queueEnd(args);
    else if (this.state === 'sent') {
      this.finish(() => this.call('end', args));
      if (this.endLock !== null) this.isEnded = true;
    } else this.call('end', args);
    return response;
  }

  /** The response itself knows what to answer then. */
  private mayNotBeWritten(): boolean {
    return this.response.destroyed || (this.endLock === null && this.response.writableEnded);
  }

  private queue(call: Call): boolean {
    const { statusCode } = this.response;
    if (!this.isEnded && (this.request.method === 'HEAD' || statusCode === 204 || statusCode === 304)) {
      const callback = callbackOf(call.args);
      if (callback !== undefined) process.nextTick(callback);
      return true;
    }
    this.waiting.push(call);
    return this.count(call.args) && !this.isEnded;
  }

  private queueEnd(args: Arguments): void {
    this.waiting.push({ name: 'end', args });
    this.isEnded = true;
    this.bytes += sizeOf(args);
  }

  private count(args: Arguments): boolean {
    const size = sizeOf(args);
    const { response } = this;
    const framing = response.hasHeader('content-length') || size === 0 ? 0 : size.toString(16).length + 4;
    this.bytes += size + framing;
    if (this.bytes < response.writableHighWaterMark) return true;
    this.owesDrain = true;
    return false;
  }

  /**
   * The head is to leave, with the `headers` of writeHead. `go` sends what wanted it: `merged` when these are set already.
   * `later` the same after a wait.
   */
  private begin(headers: object | undefined, go: (merged: boolean) => void, later = go): void {
    const { response } = this;
    let merged = false;
    const merge = () => {
      if (isBun) return;
      // What writeHead is given counts over what was set before: our cookie must not be lost to one of the app's.
      if (headers !== undefined && !merged) setAll(response, headers);
      merged ||= headers !== undefined;
    };
    this.ask(
      () => this.askHead(this.headStatus || response.statusCode),
      'holding',
      (lines, waited) => {
        if (lines.length > 0) merge();
        for (const [name, value] of lines) append(response, name, value);
        this.rest = statedLength(response, headers);
        this.state = 'sent';
        (waited ? later : go)(merged);
      },
      merge,
    );
  }

  /** The last byte is to leave: `go` sends it. */
  private finish(go: () => void): void {
    this.ask(
      () => this.askLast(this.canTrail()),
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
    beforeWait: () => void = () => {},
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
    try {
      beforeWait();
    } finally {
      this.lock();
    }
    if (meanwhile === 'holding') this.status ??= statusOf(this.response);
    lines.then((found) => this.proceed(() => go(found, true))).catch((error: unknown) => this.fail(error));
  }

  private proceed(go: () => void): void {
    const { response, request } = this;
    if (response.destroyed || request.socket?.destroyed === true) return;
    this.unlock();
    const now = statusOf(response);
    const isSame = this.status === null || now.statusCode === this.status.statusCode;
    if (!isSame) Object.assign(response, this.status);
    go();
    this.resume();
    if (this.endLock === null) this.status = null;
    if (!isSame) Object.assign(response, now);
  }

  /** What was sent meanwhile, in order; some of it may wait again. */
  private resume(): void {
    const { waiting, owesDrain } = this;
    this.waiting = [];
    this.bytes = 0;
    let more = true;
    for (const { name, args } of waiting) {
      if (name === 'write') more = this.write(args) && more;
      else if (name === 'end') this.end(args);
      else this.flushHeaders();
    }
    // What the response itself has no room for it will tell of.
    if (!owesDrain || this.endLock !== null) return;
    this.owesDrain = false;
    if (more && !this.response.writableEnded) process.nextTick(() => this.response.emit('drain'));
  }

  private lock(): void {
    this.endLock ??= lockResponse(this.response, this);
  }

  private unlock(): void {
    this.endLock?.();
    this.endLock = null;
    this.isEnded = false;
  }

  protected override hasLeft(): boolean {
    return this.headLeft;
  }

  protected override drop(): void {
    const error = destroyedError();
    const { waiting } = this;
    this.waiting = [];
    for (const { args } of waiting) {
      const callback = callbackOf(args);
      if (callback !== undefined) process.nextTick(callback, error);
    }
  }

  protected override replace(error: Error): void {
    const { response, waiting, owesDrain } = this;
    this.waiting = [];
    this.unlock();
    for (const { name, args } of waiting) {
      const callback = callbackOf(args);
      if (callback !== undefined && name === 'end') response.once('finish', callback);
      else if (callback !== undefined) process.nextTick(callback);
    }
    // Bun is to forget the head and the trailers of the app, which have not left.
    if (isBun) {
      Object.assign(response, { headersSent: false, _hasBody: this.request.method !== 'HEAD' });
      response.addTrailers({});
    }
    const text = this.describe(error);
    if (isBun) this.call('writeHead', [response.statusCode]);
    this.call('end', [text]);
    // A stream that pipes into us waits for it, and has to find its end.
    if (owesDrain) response.emit('drain');
  }

  /** Trailers: only of a chunked body. (Bun does not say that it is one.) */
  private canTrail(): boolean {
    const { request, response, rest } = this;
    if (request.httpVersion !== '1.1' || request.method === 'HEAD') return false;
    if (!isBun) return response.chunkedEncoding;
    return rest < 0 && response.statusCode !== 204 && response.statusCode !== 304;
  }

  private call(name: keyof QueuedGate['original'], args: Arguments) {
    const { response, original, ownWriteHead } = this;
    // Bun sends a head by another way when somebody stands before writeHead; we need not, by now.
    if (name !== 'writeHead') this.headLeft = true;
    const isOwn = response.writeHead === ownWriteHead;
    if (isOwn) response.writeHead = original.writeHead;
    try {
      return Reflect.apply(original[name], response, args);
    } finally {
      if (isOwn) response.writeHead = ownWriteHead;
    }
  }
}

function append(response: ServerResponse, name: string, value: string): void {
  if (!isBun) {
    response.appendHeader(name, value);
    return;
  }
  // Its writeHead closes the head to the app, long before it is sent; the method of its parent does not ask.
  const before = [response.getHeader(name) ?? []].flat().map(String);
  OutgoingMessage.prototype.setHeader.call(response, name, before.length === 0 ? value : [...before, value]);
}

function statusOf(response: ServerResponse): Partial<Pick<ServerResponse, 'statusCode' | 'statusMessage'>> {
  const { statusCode } = response;
  // HTTP/2 has no message, and warns of whoever asks for one.
  return isBun ? { statusCode, statusMessage: response.statusMessage } : { statusCode };
}

function assertChunk(chunk: unknown): void {
  if (typeof chunk === 'string' || chunk instanceof Uint8Array) return;
  // To Bun it is an empty one.
  if (isBun && (chunk === null || chunk === undefined)) return;
  const code = chunk === null ? 'ERR_STREAM_NULL_VALUES' : 'ERR_INVALID_ARG_TYPE';
  throw Object.assign(new TypeError('The "chunk" argument must be of type string or an instance of Uint8Array'), {
    code,
  });
}
