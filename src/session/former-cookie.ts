/** The ids of express-session in a request: rightly signed ones, as it checks them itself. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Incoming } from './session.ts';

/** Of the first cookie of that name; null: none, or its signature is not by one of `secrets`. */
export function readSignedId(incoming: Incoming, name: string, secrets: readonly string[]): string | null {
  const value = cookieOf(incoming.header('cookie') ?? '', name);
  if (value === null || !value.startsWith('s:')) return null;
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

function cookieOf(header: string, name: string): string | null {
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=');
    if (equals <= 0 || pair.slice(0, equals).trim() !== name) continue;
    const text = pair.slice(equals + 1).trim();
    const value = text.startsWith('"') && text.endsWith('"') && text.length > 1 ? text.slice(1, -1) : text;
    try {
      return decodeURIComponent(value);
    } catch {
      return value;
    }
  }
  return null;
}
