/** Addresses as bytes, and in the one text form that each has in Limpet. */
import { isIP } from 'node:net';

/** 4 or 16 bytes in network order; 4 for an IPv4-mapped IPv6 address. For a text that is not an address, its UTF-8 bytes. */
export function addressBytes(address: string): Buffer {
  const family = isIP(address);
  if (family === 4) return Buffer.from(address.split('.').map(Number));
  if (family === 0) return Buffer.from(address);
  const plain = address.split('%', 1)[0]!;
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(plain);
  const text = dotted === null ? plain : `${dotted[1]}${pair(dotted[2], dotted[3])}:${pair(dotted[4], dotted[5])}`;
  const [head = '', tail] = text.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const bytes = Buffer.alloc(16);
  [...before, ...Array<string>(zeros).fill('0'), ...after].forEach((group, i) => {
    bytes.writeUInt16BE(Number.parseInt(group, 16), i * 2);
  });
  const mapped = bytes.readUIntBE(0, 6) === 0 && bytes.readUIntBE(6, 4) === 0 && bytes.readUInt16BE(10) === 0xffff;
  return mapped ? bytes.subarray(12) : bytes;
}

function pair(high: string | undefined, low: string | undefined): string {
  return ((Number(high) << 8) | Number(low)).toString(16);
}

/**
 * An IPv4-mapped IPv6 address (`::ffff:1.2.3.4`, RFC 4291 section 2.5.5.2) in its IPv4 form, so that clients, rules and logs have the
 * same text for the same address. Anything else is returned unchanged.
 */
export function plainAddress(address: string): string {
  // Every such address begins with zeros, or with `::` in their place.
  const first = address.charCodeAt(0);
  if ((first !== 58 && first !== 48) || isIP(address) !== 6) return address;
  const bytes = addressBytes(address);
  return bytes.length === 4 ? bytes.join('.') : address;
}

/** An IPv6 address with the longest name of a zone (its interface), in brackets and with a port. */
const longestAddress = 72;

/** The address in an element of X-Forwarded-For, without port and brackets, and in its plain form; '' when there is none. */
export function addressOf(text: string): string {
  // A zone can have any length, and addresses are kept in memory.
  if (text.length > longestAddress) return '';
  if (isIP(text) !== 0) return plainAddress(text);
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([^:]+):\d+$/.exec(text)?.[1] ?? '';
  return isIP(bare) === 0 ? '' : plainAddress(bare);
}
