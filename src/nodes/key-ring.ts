/**
 * The ring of token keys as it stands in the store and in the copy of each node. The first key signs, all of them verify:
 *
 *      {"keys":[{"key":"<hex digits>","made":<Unix ms>}, ...]}
 */
import { createHmac } from 'node:crypto';

export interface RingKey {
  /** At least 32 bytes. */
  readonly key: Buffer;
  /** When it was made, Unix ms. */
  readonly made: number;
}

export type KeyRing = readonly RingKey[];

/** Of keys in one ring: each of them is tried for a token that has its key id. */
export const mostKeys = 16;

/** What is expected where a ring is read, for errors. */
export const ringForm = `{"keys":[...]} with 1 to ${mostKeys} keys of 32 to 1024 bytes in hex`;

const hexForm = /^(?:[0-9a-f]{2}){32,1024}$/;

/** null: these are no hex digits of 32 to 1024 bytes. */
export function parseHexKey(text: unknown): Buffer | null {
  return typeof text === 'string' && hexForm.test(text) ? Buffer.from(text, 'hex') : null;
}

/** null: it is no ring. Whoever can write to the store may have written anything. */
export function parseRing(text: string): KeyRing | null {
  try {
    return ringOf(JSON.parse(text));
  } catch {
    return null;
  }
}

/** The same of what was parsed already. */
export function ringOf(found: unknown): KeyRing | null {
  const { keys } = Object(found) as { readonly keys?: unknown };
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > mostKeys) return null;
  const ring: RingKey[] = [];
  for (const one of keys) {
    const { key: written, made } = Object(one) as { readonly key?: unknown; readonly made?: unknown };
    const key = parseHexKey(written);
    if (key === null || !Number.isSafeInteger(made) || (made as number) < 0) return null;
    if (!ring.some((other) => other.key.equals(key))) ring.push({ key, made: made as number });
  }
  return ring;
}

export function formatRing(ring: KeyRing): string {
  return JSON.stringify({ keys: ring.map(({ key, made }) => ({ key: key.toString('hex'), made })) });
}

/** What a key is called where people see it: 8 hex digits that tell nothing of it. */
export function nameOfKey(key: Buffer): string {
  return createHmac('sha256', key).update('limpet key name').digest('hex').slice(0, 8);
}
