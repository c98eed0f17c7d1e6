/**
 * Tokens against forged requests (CSRF), of the synchroniser kind: a secret in the session, which the app's own pages send back.
 * Each token has the secret under a random mask, so that the sizes of compressed pages do not reveal it (BREACH).
 * `regenerate` drops the secret: a page from before a login cannot be sent after it.
 */
import { timingSafeEqual } from 'node:crypto';
import type { SessionData } from './codec.ts';

/** The name of the secrets in the data. */
export const csrfName = 'limpet.csrf';
/** Of one secret: 144 bits, which base64url writes without a remainder. */
const secretBytes = 18;
const secretShape = /^[\w-]{24}$/;
/** A mask, and the secret under it. */
const tokenShape = /^[\w-]{48}$/;
/** With strategy shared each of several first requests at the same time makes a secret, and the pages of all of them must work. */
const maxSecrets = 4;

type RandomBytes = (bytes: number) => Uint8Array;

/** Makes the secret when there is none. */
export function makeCsrfToken(data: SessionData, random: RandomBytes): string {
  let [secret] = secretsIn(data);
  if (secret === undefined) {
    secret = Buffer.from(random(secretBytes)).toString('base64url');
    data[csrfName] = [secret];
  }
  const mask = random(secretBytes);
  return Buffer.concat([mask, masked(Buffer.from(secret, 'base64url'), mask)]).toString('base64url');
}

/** Compares in a time that does not depend on the secret. */
export function isCsrfToken(data: SessionData, token: unknown): boolean {
  if (typeof token !== 'string' || !tokenShape.test(token)) return false;
  const bytes = Buffer.from(token, 'base64url');
  const found = masked(bytes.subarray(secretBytes), bytes.subarray(0, secretBytes));
  let isValid = false;
  // All secrets are compared, whichever it is.
  for (const secret of secretsIn(data)) isValid = timingSafeEqual(Buffer.from(secret, 'base64url'), found) || isValid;
  return isValid;
}

export function dropCsrfSecrets(data: SessionData): void {
  delete data[csrfName];
}

/** Two requests have made secrets: both count. */
export function mergeCsrfSecrets(mine: unknown, theirs: unknown): readonly string[] | undefined {
  const all = [...new Set([...listOf(theirs), ...listOf(mine)])].slice(-maxSecrets);
  return all.length === 0 ? undefined : all;
}

function secretsIn(data: SessionData): readonly string[] {
  return Object.hasOwn(data, csrfName) ? listOf(data[csrfName]) : [];
}

/** Anything that is no secret is ignored: the app can write to that name too. */
function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string' && secretShape.test(one)) : [];
}

function masked(secret: Uint8Array, mask: Uint8Array): Uint8Array {
  return secret.map((byte, index) => byte ^ (mask[index] ?? 0));
}
