/** A session's data as the text that is kept: written, checked, and of a size that may be kept. */

import { asError, SessionError } from '../error.ts';
import type { Live } from '../live-session.ts';
import type { FilledOptions } from '../options.ts';
import type { Codec, SessionData } from './codec.ts';

/** What a write that failed is to whoever asked for it. */
export function asSessionError(thrown: unknown): SessionError {
  if (thrown instanceof SessionError) return thrown;
  return new SessionError('not-serialisable', `session.data cannot be written: ${asError(thrown).message}`, {
    cause: thrown,
  });
}

/**
 * The text of the data; its size and its values are checked when it has changed. `isTouched`: the values in any case, for
 * some change nothing in the text (undefined).
 */
export function encode(live: Live, { codec, limits, onWarning }: FilledOptions, isTouched: boolean): string {
  const text = codec.encode(live.data);
  const isChanged = text !== live.written;
  if (isChanged || isTouched) codec.check(live.data);
  if (!isChanged) return text;
  const size = Buffer.byteLength(text);
  if (size > limits.bytes) {
    throw new SessionError(
      'state-too-large',
      `the session's state has ${size} bytes; expected at most ${limits.bytes}. ${largest(live.data, codec)}`,
    );
  }
  if (size >= limits.warnBytes && !live.warned) {
    live.warned = true;
    onWarning({ code: 'state-large', message: `a session's state has ${size} bytes. ${largest(live.data, codec)}` });
  }
  return text;
}

function largest(data: SessionData, codec: Codec): string {
  const sizes = Object.keys(data).map((name) => [name, codec.encode({ [name]: data[name] }).length] as const);
  const [most] = sizes.sort((a, b) => b[1] - a[1]);
  return most === undefined ? '' : `The largest part is ${JSON.stringify(most[0])} with ${most[1]} characters.`;
}
