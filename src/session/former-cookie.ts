/** The ids of express-session in a request: rightly signed ones, as it checks them itself. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { readCookies } from './cookie.ts';
import type { Incoming } from './session.ts';

const anything = /^/;

/** Of the first cookie of that name; null: none, or its signature is not by one of `secrets`. */
export function readSignedId(incoming: Incoming, name: string, secrets: readonly string[]): string | null {
  const [text] = readCookies(incoming, name, anything, 1);
  const value = text === undefined ? '' : decoded(text);
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
  const value = text.startsWith('"') && text.endsWith('"') && text.length > 1 ? text.slice(1, -1) : text;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
