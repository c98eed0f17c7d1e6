/** The ids of express-session in a request: rightly signed ones, as it checks them itself, `mostTried` of them. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { readCookies } from '../cookie.ts';
import type { Incoming } from '../exchange.ts';

/** Of a value that may be one, percent-encoded or not. */
const signedShape = /^s(?::|%3A)/i;

/** Of the cookies of that name those whose signature is by one of `secrets`. */
export function readSignedIds(incoming: Incoming, name: string, secrets: readonly string[]): string[] {
  return readCookies(incoming, name, signedShape)
    .map((text) => idOf(decoded(text), secrets))
    .filter((id) => id !== null);
}

function idOf(value: string, secrets: readonly string[]): string | null {
  if (!value.startsWith('s:')) return null;
  const signed = value.slice(2);
  const dot = signed.lastIndexOf('.');
  if (dot <= 0) return null;
  const id = signed.slice(0, dot);
  const given = Buffer.from(signed.slice(dot + 1));
  const isRight = secrets.some((secret) => {
    const right = Buffer.from(createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, ''));
    return given.length === right.length && timingSafeEqual(given, right);
  });
  return isRight ? id : null;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
