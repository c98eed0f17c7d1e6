/** A session that begins with this request: empty, and not stored anywhere yet. */
import type { FilledOptions } from './filled-options.ts';
import { LiveSession } from './live-session.ts';
import { newSessionId } from './session-id.ts';

/** `createdAt`: Unix ms. Default: a fresh id at epoch 1, without a stored copy. */
export function newLiveSession(
  { codec, random }: FilledOptions,
  createdAt: number,
  { id = newSessionId(random), epoch = 1, storeIncarnation = '' } = {},
): LiveSession {
  const data = {};
  return new LiveSession({ id, epoch, storeIncarnation, data, encoded: codec.encode(data), createdAt });
}
