/** What every store refuses before it does anything: keys and puts that cannot be, and states that are too large. */
import { type Put, type SessionId, type SessionKey, StoreError, type UserHash } from './store.ts';

const idForm = /^[0-9a-f]{32}$/;
const longestPool = 255;

/** Throws a RangeError. */
function checkId(id: SessionId): void {
  if (!idForm.test(id)) throw new RangeError(`session id: found ${shown(id)}, expected 32 hex digits in lower case`);
}

export function checkKey({ pool, id }: SessionKey): void {
  checkId(id);
  checkPool(pool);
}

export function checkUser(pool: string, user: UserHash): void {
  checkPool(pool);
  if (!idForm.test(user)) throw new RangeError(`user: found ${shown(user)}, expected a hash of 32 hex digits`);
}

function checkPool(pool: string): void {
  // Half of a surrogate pair has no bytes of its own: two such names would be one and the same in most stores.
  if (pool.length === 0 || pool.length > longestPool || !pool.isWellFormed()) {
    throw new RangeError(`pool: found ${shown(pool)}, expected 1 to ${longestPool} characters of well-formed text`);
  }
}

export function checkTime(ttl: number): void {
  if (!(ttl > 0 && ttl <= Number.MAX_SAFE_INTEGER)) {
    throw new RangeError(`ttl: found ${ttl}, expected milliseconds above 0`);
  }
}

/** Throws a StoreError when the state is larger than `stateBytes`, a RangeError for what cannot be. */
export function checkPut({ epoch, version, ttl, data, user }: Put, stateBytes: number): void {
  if (!(Number.isSafeInteger(epoch) && epoch > 0 && Number.isSafeInteger(version) && version > 0)) {
    throw new RangeError(`put: found epoch ${epoch} and version ${version}, expected whole numbers above 0`);
  }
  checkTime(ttl);
  if (user !== undefined && !idForm.test(user)) {
    throw new RangeError(`put: found the user ${shown(user)}, expected a hash of 32 hex digits`);
  }
  if (data.length > stateBytes) {
    throw new StoreError('state-too-large', `found a state of ${data.length} bytes, expected at most ${stateBytes}`);
  }
}

/** The ids of a rotate. */
export function checkRotate(key: SessionKey, to: SessionId, put: Put, stateBytes: number): void {
  checkKey(key);
  checkId(to);
  if (to === key.id) throw new RangeError('rotate: found the same id twice, expected another one to go on under');
  checkPut(put, stateBytes);
}

/** Of ids no more than their beginning: they are secrets. */
function shown(text: string): string {
  return `${JSON.stringify(text.slice(0, 6))}${text.length > 6 ? `... (${text.length} characters)` : ''}`;
}
