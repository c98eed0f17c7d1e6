/** Byte classes of HTTP/1.1 (RFC 9110 section 5.6.2, RFC 9112 section 2), as tables: one look-up a byte. */

export const CR = 13;
export const LF = 10;
export const SP = 32;
export const TAB = 9;
export const QUOTE = 34;
export const DOLLAR = 36;
export const COLON = 58;
export const SEMICOLON = 59;
export const COMMA = 44;
export const HYPHEN = 45;
export const EQUALS = 61;
export const SLASH = 47;
export const QUESTION = 63;
export const BACKSLASH = 92;

function table(fill: (byte: number) => number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => fill(byte));
}

const tokenBytes = new Set(
  [..."!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"].map((c) => c.charCodeAt(0)),
);

/** 1 for the bytes of a token (tchar). */
export const isToken = table((byte) => (tokenBytes.has(byte) ? 1 : 0));

/**
 * Header names folded for comparing: lower case, and whatever is neither letter nor digit as `-`, because servers that turn
 * names into variables (CGI, WSGI, PHP) cannot tell X_Forwarded_For or X.Forwarded.For from X-Forwarded-For; 0 for bytes
 * that no token has.
 */
export const foldName = table((byte) => {
  if (!tokenBytes.has(byte)) return 0;
  if (byte >= 65 && byte <= 90) return byte + 32;
  return (byte >= 48 && byte <= 57) || (byte >= 97 && byte <= 122) ? byte : HYPHEN;
});

/** 1 for what a header value or a reason phrase may hold: HTAB, SP, VCHAR, obs-text. */
export const isFieldByte = table((byte) => (byte === TAB || (byte >= SP && byte !== 127) ? 1 : 0));

/** 1 for what a request target may hold here: VCHAR without `#`. Raw UTF-8 has to be percent-encoded (RFC 3986). */
export const isTargetByte = table((byte) => (byte > SP && byte < 127 && byte !== 35 ? 1 : 0));

/** 1 for a registered name or IPv4 address of a Host header; sub-delims, which no real host has, are refused. */
export const isHostByte = table((byte) => (/[A-Za-z0-9._~%-]/.test(String.fromCharCode(byte)) ? 1 : 0));

/** Value of a hex digit, 255 for every other byte. */
export const hexValue = table((byte) => {
  const value = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(value) ? 255 : value;
});

/** True when `bytes[start..end)` is `lower` without regard to case; `lower` is given in lower case. */
export function equalsIgnoreCase(bytes: Uint8Array, start: number, end: number, lower: string): boolean {
  if (end - start !== lower.length) return false;
  for (let i = 0; i < lower.length; i++) {
    const byte = bytes[start + i]!;
    const folded = byte >= 65 && byte <= 90 ? byte + 32 : byte;
    if (folded !== lower.charCodeAt(i)) return false;
  }
  return true;
}

/** True when `bytes[start..end)` is exactly `other`. */
export function equalsBytes(bytes: Uint8Array, start: number, end: number, other: Uint8Array): boolean {
  if (end - start !== other.length) return false;
  for (let i = 0; i < other.length; i++) {
    if (bytes[start + i] !== other[i]) return false;
  }
  return true;
}

/** Reads a decimal number; -1 when it is empty, has another byte, or is beyond 2^53-1. */
export function parseDecimal(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end || end - start > 16) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value <= Number.MAX_SAFE_INTEGER ? value : -1;
}
