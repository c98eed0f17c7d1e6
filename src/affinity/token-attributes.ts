/**
 * The cookie attributes that a session's server has chosen, encoded in the token (token.ts), so that every balancer node knows them with
 * every request.
 *
 *      byte  0..3   4..7   8..9    10            11..               ...end
 *            tag    idle   flags   length of     path               domain
 *                                  the path
 *
 *      flags   bit 1..0: SameSite (0 as configured, 1 Strict, 2 Lax, 3 None)   bit 3..2: Secure   bit 5..4: HttpOnly
 *              bit 7..6: persistent   (two bits each: 0 as configured, 1 yes, 2 no)   bit 8: Partitioned   bit 9: there is a domain
 */
import type { CookieAttributes, SameSite } from '../http/session-cookie.ts';
import { longestScope } from '../http/session-cookie.ts';

const fixedBytes = 11;
export const longestAttributes = fixedBytes + longestScope;

const sites: readonly (SameSite | null)[] = [null, 'Strict', 'Lax', 'None'];
const choices: readonly (boolean | null | undefined)[] = [null, true, false];

/** The bytes that `readAttributes` reads. */
export function writeAttributes(attributes: CookieAttributes): Buffer {
  const { tag, idle, persistent, sameSite, secure, httpOnly, partitioned, path, domain } = attributes;
  const bytes = Buffer.alloc(fixedBytes + path.length + (domain ?? '').length);
  const flags =
    sites.indexOf(sameSite) |
    (choices.indexOf(secure) << 2) |
    (choices.indexOf(httpOnly) << 4) |
    (choices.indexOf(persistent) << 6) |
    (partitioned ? 1 << 8 : 0) |
    (domain === null ? 0 : 1 << 9);
  bytes.writeUInt32BE(tag, 0);
  bytes.writeUInt32BE(idle, 4);
  bytes.writeUInt16BE(flags, 8);
  bytes[10] = path.length;
  bytes.write(path + (domain ?? ''), fixedBytes, 'latin1');
  return bytes;
}

/** Reads bytes whose signature is verified; null: they encode no attributes all the same. */
export function readAttributes(bytes: Buffer): CookieAttributes | null {
  if (bytes.length < fixedBytes || bytes.length > longestAttributes) return null;
  const flags = bytes.readUInt16BE(8);
  const pathEnd = fixedBytes + bytes[10]!;
  const sameSite = sites[flags & 3] ?? null;
  const [secure, httpOnly, persistent] = [2, 4, 6].map((shift) => choices[(flags >> shift) & 3]);
  if (pathEnd > bytes.length || secure === undefined || httpOnly === undefined || persistent === undefined) return null;
  return {
    tag: bytes.readUInt32BE(0),
    idle: bytes.readUInt32BE(4),
    persistent,
    sameSite,
    secure,
    httpOnly,
    partitioned: (flags & (1 << 8)) !== 0,
    path: bytes.toString('latin1', fixedBytes, pathEnd),
    domain: (flags & (1 << 9)) === 0 ? null : bytes.toString('latin1', pathEnd),
  };
}
