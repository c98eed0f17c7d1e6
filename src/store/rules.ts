/** What a put, claim, destroy or rotate finds, and whether it may go on: the rules of store.ts as pure functions. */
import type { ClaimResult, Copy, Found, Put, RotateResult, SessionId, SessionKey, Store } from './store.ts';

/** Somebody else has the session. */
interface Fence {
  readonly state: 'fenced';
  readonly epoch: number;
  readonly owner: number;
}

const ended = { state: 'ended' } as const;
const superseded = { state: 'superseded' } as const;

/** What is kept of a put. A view may stand in a much larger buffer, which it would keep alive. */
export function copyOf({ owner, epoch, version, by, data, user, ttl }: Put, now: number): Copy {
  const copy = { owner, epoch, version, by, data: new Uint8Array(data), expires: now + ttl };
  return user === undefined ? copy : { ...copy, user };
}

/** null: it may be stored. */
export function refusePut(found: Found, { epoch, version, by }: Put): Fence | typeof ended | typeof superseded | null {
  if (found.state !== 'live') return found.state === 'ended' ? ended : null;
  const { copy } = found;
  if (epoch !== copy.epoch) return epoch < copy.epoch ? fence(copy) : null;
  if (version > copy.version) return null;
  return by === copy.by ? superseded : fence(copy);
}

/** As for a put, but the change that is kept already may move on. */
export function refuseRotate(found: Found, put: Put): ReturnType<typeof refusePut> {
  const refused = refusePut(found, put);
  const kept = found.state === 'live' && found.copy.version === put.version;
  return kept && refused === superseded ? null : refused;
}

/** Whether a session in this state is beyond `epoch`: then nobody of that epoch may end it. */
export function refuseEnd(found: Found, epoch: number): Fence | null {
  return found.state === 'live' && epoch < found.copy.epoch ? fence(found.copy) : null;
}

/** What a claim makes of it. `expires`: of a session that nothing is kept of. */
export function claimed(found: Found, epoch: number, owner: number, expires: number): ClaimResult {
  if (found.state !== 'live') {
    if (found.state === 'ended') return ended;
    const copy = { owner, epoch: epoch + 1, version: 0, by: '', data: new Uint8Array(0), expires };
    return { state: 'claimed', copy };
  }
  const { copy } = found;
  if (copy.epoch > epoch) return { state: 'lost', epoch: copy.epoch, owner: copy.owner };
  return { state: 'claimed', copy: { ...copy, owner, epoch: epoch + 1 } };
}

function fence({ epoch, owner }: Copy): Fence {
  return { state: 'fenced', epoch, owner };
}

/** A store whose rotate answers 'superseded' and does nothing when a later change is there. */
export interface SteppedStore extends Store {
  rotateOnce(key: SessionKey, to: SessionId, put: Put): Promise<RotateResult | typeof superseded>;
}

/**
 * Rotates the latest change of a session: `put`, or what the same process has put after it. Not one step inside of the
 * stores, because a state may be sealed for the id that it was put under. It ends: each turn was overtaken by a put.
 */
export async function rotateLatest(
  store: SteppedStore,
  key: SessionKey,
  to: SessionId,
  put: Put,
): Promise<RotateResult> {
  let latest = put;
  for (;;) {
    const result = await store.rotateOnce(key, to, latest);
    if (result.state !== 'superseded') return result;
    const found = await store.read(key);
    if (found.state !== 'live') continue;
    // Of another process or a later epoch it is not: the next turn says so.
    const { version, data, user } = found.copy;
    if (found.copy.epoch !== put.epoch || found.copy.by !== put.by) continue;
    const { user: _, ...rest } = put;
    latest = { ...rest, version, data, ...(user !== undefined && { user }) };
  }
}
