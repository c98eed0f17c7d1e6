/** The cookies of express-session in a request: the ids whose signature is valid, as express-session itself checks them. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { readCookies } from '../cookie.ts';
import type { IncomingRequest } from '../exchange.ts';

/** A value that may be signed, percent-encoded or not. */
const signedShape = /^s(?::|%3A)/i;

/** The ids in cookies of that name that are signed by one of `secrets`; at most as many as a request may try (cookie.ts). */
export function readSignedIds(incoming: IncomingRequest, name: string, secrets: readonly string[]): string[] {
  return readCookies(incoming, name, signedShape)
    .map((text) => signedId(decoded(text), secrets))
    .filter((id) => id !== null);
}

function signedId(value: string, secrets: readonly string[]): string | null {
  if (!value.startsWith('s:')) return null;
  const signed = value.slice(2);
  const dot = signed.lastIndexOf('.');
  if (dot <= 0) return null;
  const id = signed.slice(0, dot);
  const given = Buffer.from(signed.slice(dot + 1));
  const isValid = secrets.some((secret) => {
    const expected = Buffer.from(createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, ''));
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
  return isValid ? id : null;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
