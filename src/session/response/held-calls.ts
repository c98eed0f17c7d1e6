/** The calls of an app on a response that is held back, in order, and what they make the response look like (response-lock.ts). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Arguments, bytesOf, callbackOf, pretendToWrite } from './call-arguments.ts';
import { type HeldState, lockResponse } from './response-lock.ts';

export interface HeldCall {
  readonly name: 'write' | 'end' | 'flushHeaders';
  readonly args: Arguments;
}

export class HeldCalls implements HeldState {
  bytes = 0;
  needsDrain: boolean;
  isEnded = false;
  private calls: HeldCall[] = [];
  private readonly request: IncomingMessage;
  private readonly response: ServerResponse;
  private endLock: () => void;

  /** From here on the response looks as if all that is added here had been sent. */
  constructor(request: IncomingMessage, response: ServerResponse, needsDrain: boolean) {
    this.request = request;
    this.response = response;
    this.needsDrain = needsDrain;
    this.endLock = lockResponse(response, this);
  }

  /** Returns what `write` returns: false when the app has to wait for `drain`. */
  addWrite(args: Arguments): boolean {
    const { statusCode } = this.response;
    const hasNoBody = this.request.method === 'HEAD' || statusCode === 204 || statusCode === 304;
    if (!this.isEnded && hasNoBody) return pretendToWrite(args);
    this.calls.push({ name: 'write', args });
    return this.count(args) && !this.isEnded;
  }

  addEnd(args: Arguments): void {
    this.calls.push({ name: 'end', args });
    this.isEnded = true;
    this.bytes += bytesOf(args);
  }

  addFlush(): void {
    this.calls.push({ name: 'flushHeaders', args: [] });
  }

  /** Counts a write, also one that is held elsewhere. Returns what `write` returns. */
  count(args: Arguments): boolean {
    const bytes = bytesOf(args);
    const { response } = this;
    // The size of a chunk in hexadecimal digits, and two line ends.
    const framing = response.hasHeader('content-length') || bytes === 0 ? 0 : bytes.toString(16).length + 4;
    this.bytes += bytes + framing;
    if (this.bytes < response.writableHighWaterMark) return true;
    this.needsDrain = true;
    return false;
  }

  /** The response looks like itself again. More than once changes nothing. */
  unlock(): void {
    this.endLock();
    this.endLock = () => {};
  }

  /** The calls, to be made. */
  take(): HeldCall[] {
    const { calls } = this;
    this.calls = [];
    return calls;
  }

  /** Another response is sent in place of the app's: calls back as if the app's had been. */
  pretendToSend(): void {
    for (const { name, args } of this.take()) {
      const callback = callbackOf(args);
      if (callback !== undefined && name === 'end') this.response.once('finish', callback);
      else if (callback !== undefined) process.nextTick(callback);
    }
  }

  /** The connection is gone: calls back with that error. The response stays as it looks. */
  drop(error: Error): void {
    for (const { args } of this.take()) {
      const callback = callbackOf(args);
      if (callback !== undefined) process.nextTick(callback, error);
    }
  }
}
