/** Addresses as bytes, and as the one text that each of them has here. */
import { isIP } from 'node:net';

/** 4 or 16 bytes in network order; an IPv4-mapped IPv6 address gives 4. What is no address gives its own UTF-8 bytes. */
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
 * IPv4 without its IPv6 spelling (`::ffff:1.2.3.4`, RFC 4291 section 2.5.5.2): a client, a rule and a log mean the same address by the
 * same text. Anything else is given back as it is.
 */
export function plainAddress(address: string): string {
  // Every such spelling begins with zeros, or with `::` in their place.
  const first = address.charCodeAt(0);
  if ((first !== 58 && first !== 48) || isIP(address) !== 6) return address;
  const bytes = addressBytes(address);
  return bytes.length === 4 ? bytes.join('.') : address;
}

/** An IPv6 address with the longest name of a zone (its interface), in brackets and with a port. */
const longestAddress = 72;

/** The address in an element of X-Forwarded-For, without port and brackets, IPv4 as such; '' when there is none. */
export function addressOf(text: string): string {
  // A zone may be as long as somebody likes, and addresses are kept.
  if (text.length > longestAddress) return '';
  if (isIP(text) !== 0) return plainAddress(text);
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([^:]+):\d+$/.exec(text)?.[1] ?? '';
  return isIP(bare) === 0 ? '' : plainAddress(bare);
}
