/** A response that has the documented interface of node:http alone, and notes what is sent: for tests of what holds one back. */
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';

export class FakeResponse extends EventEmitter {
  /** What has left, in order. */
  readonly sent: string[] = [];
  readonly writableHighWaterMark = 16;
  statusCode = 200;
  statusMessage = '';
  headersSent = false;
  writableEnded = false;
  writableFinished = false;
  destroyed = false;
  errored: Error | null = null;
  chunkedEncoding = true;
  private readonly headers = new Map<string, string[]>();

  setHeader(name: string, value: unknown): this {
    this.headers.set(name.toLowerCase(), [value].flat().map(String));
    return this;
  }

  appendHeader(name: string, value: unknown): this {
    const before = this.headers.get(name.toLowerCase()) ?? [];
    this.headers.set(name.toLowerCase(), [...before, ...[value].flat().map(String)]);
    return this;
  }

  getHeader(name: string): string | undefined {
    return this.headers.get(name.toLowerCase())?.join(', ');
  }

  hasHeader(name: string): boolean {
    return this.headers.has(name.toLowerCase());
  }

  removeHeader(name: string): void {
    this.headers.delete(name.toLowerCase());
  }

  getHeaderNames(): string[] {
    return [...this.headers.keys()];
  }

  writeHead(status: number, headers: object = {}): this {
    this.statusCode = status;
    for (const [name, value] of Object.entries(headers)) this.setHeader(name, value);
    this.sendHead();
    return this;
  }

  flushHeaders(): void {
    this.sendHead();
  }

  private sendHead(): void {
    if (this.headersSent) return;
    this.headersSent = true;
    if (this.hasHeader('content-length')) this.chunkedEncoding = false;
    const lines = Array.from(this.headers, ([name, values]) => `${name}: ${values.join(', ')}`);
    this.sent.push([`head ${this.statusCode}`, ...lines].join('; '));
  }

  addTrailers(trailers: object): void {
    this.sent.push(`trailers ${JSON.stringify(trailers)}`);
  }

  write(chunk: string, done?: () => void): boolean {
    this.sendHead();
    this.sent.push(chunk);
    if (done !== undefined) process.nextTick(done);
    return true;
  }

  end(chunk?: string | (() => void), done?: () => void): this {
    this.sendHead();
    if (typeof chunk === 'string') this.sent.push(chunk);
    this.sent.push('end');
    this.writableEnded = this.writableFinished = true;
    const callback = typeof chunk === 'function' ? chunk : done;
    process.nextTick(() => {
      callback?.();
      this.emit('finish');
      this.emit('close');
    });
    return this;
  }

  destroy(): this {
    this.destroyed = true;
    this.emit('close');
    return this;
  }
}

/** As a gate takes it. */
export function asResponse(response: FakeResponse): ServerResponse {
  return response as unknown as ServerResponse;
}
