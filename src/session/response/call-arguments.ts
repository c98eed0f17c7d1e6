/** The arguments of `write` and `end`, which take a chunk, an encoding and a callback in several orders. */

import { isBun } from './response-head.ts';

export type Arguments = readonly unknown[];

/** Bytes that a call of `write` or `end` sends. */
export function bytesOf([chunk, encoding]: Arguments): number {
  if (chunk instanceof Uint8Array) return chunk.byteLength;
  const known = typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8';
  return typeof chunk === 'string' ? Buffer.byteLength(chunk, known) : 0;
}

/** The callback of a call of `write` or `end`. */
export function callbackOf(args: Arguments): ((error?: Error) => void) | undefined {
  return args.find(isFunction);
}

export function isFunction(value: unknown): value is (error?: Error | null) => void {
  return typeof value === 'function';
}

/** Calls back as if the chunk had been sent. For a chunk that nobody gets: its sender must go on all the same. */
export function pretendToWrite(args: Arguments): true {
  const callback = callbackOf(args);
  if (callback !== undefined) process.nextTick(callback);
  return true;
}

/** The error that callbacks of writes get when the connection is gone. */
export function destroyedError(): Error {
  return Object.assign(new Error('Cannot call write after a stream was destroyed'), { code: 'ERR_STREAM_DESTROYED' });
}

/** Throws the error of Node's for a chunk that cannot be written: at once, because the call may be held. */
export function assertChunk(chunk: unknown): void {
  if (typeof chunk === 'string' || chunk instanceof Uint8Array) return;
  // To Bun it is an empty chunk.
  if (isBun && (chunk === null || chunk === undefined)) return;
  const code = chunk === null ? 'ERR_STREAM_NULL_VALUES' : 'ERR_INVALID_ARG_TYPE';
  throw Object.assign(new TypeError('The "chunk" argument must be of type string or an instance of Uint8Array'), {
    code,
  });
}
