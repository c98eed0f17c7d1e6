/** The data of a session as the text that is stored: encoded, checked, and of a size that may be stored. */
import { asError, SessionError } from '../error.ts';
import type { FilledOptions } from '../filled-options.ts';
import type { LiveSession } from '../live-session.ts';
import type { Codec, SessionData } from './codec.ts';

/** The error that a codec, also one of the app's own, has thrown. */
export function asSessionError(thrown: unknown): SessionError {
  if (thrown instanceof SessionError) return thrown;
  return new SessionError('not-serialisable', `session.data cannot be written: ${asError(thrown).message}`, {
    cause: thrown,
  });
}

/**
 * The encoded data. Its size and its values are checked when it has changed; `mayHaveChanged`: the values are checked in any case,
 * because some changes do not show in the text (undefined). Throws SessionError `not-serialisable` or `state-too-large`.
 */
export function encodeState(
  live: LiveSession,
  { codec, limits, onWarning }: FilledOptions,
  mayHaveChanged: boolean,
): string {
  const encoded = codec.encode(live.data);
  const isChanged = encoded !== live.encoded;
  if (isChanged || mayHaveChanged) codec.check(live.data);
  if (!isChanged) return encoded;
  const bytes = Buffer.byteLength(encoded);
  if (bytes > limits.bytes) {
    throw new SessionError(
      'state-too-large',
      `the session's state has ${bytes} bytes; expected at most ${limits.bytes}. ${largestPart(live.data, codec)}`,
    );
  }
  if (bytes >= limits.warnBytes && !live.isSizeWarned) {
    live.isSizeWarned = true;
    onWarning({
      code: 'state-large',
      message: `a session's state has ${bytes} bytes. ${largestPart(live.data, codec)}`,
    });
  }
  return encoded;
}

/** The encoded data of a session that is over: what of it cannot be stored does not matter any more, and is undone. */
export function encodeEnded(live: LiveSession, { codec }: FilledOptions): string {
  try {
    return codec.encode(live.data);
  } catch (error) {
    live.undo(live.encoded, codec, asSessionError(error));
    return live.encoded;
  }
}

function largestPart(data: SessionData, codec: Codec): string {
  const sizes = Object.keys(data).map((name) => [name, codec.encode({ [name]: data[name] }).length] as const);
  const [largest] = sizes.sort((a, b) => b[1] - a[1]);
  if (largest === undefined) return '';
  return `The largest part is ${JSON.stringify(largest[0])} with ${largest[1]} characters.`;
}
