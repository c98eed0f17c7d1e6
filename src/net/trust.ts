/** Decides which peers are trusted proxies, whose headers about the client are believed (I8). */
import { BlockList, isIP } from 'node:net';
import { UsageError } from '../errors.ts';
import { plainAddress } from '../ip.ts';

/** Answers whether an address is that of a trusted proxy. */
export type Trust = (address: string) => boolean;

/**
 * `proxies` are addresses or CIDR blocks of both families; '' (a unix-domain socket) is trusted when the list
 * names `unix`. Throws UsageError for what is neither.
 */
export function trustOf(proxies: readonly string[]): Trust {
  if (proxies.length === 0) return () => false;
  const list = new BlockList();
  let unix = false;
  for (const proxy of proxies) {
    if (proxy === 'unix') {
      unix = true;
      continue;
    }
    const [address = '', bits] = proxy.split('/');
    const family = isIP(address);
    const width = family === 6 ? 128 : 32;
    const prefix = bits === undefined ? width : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
    if (family === 0 || prefix < 0 || prefix > width) {
      throw new UsageError(
        `trusted proxy "${proxy}": expected an address like 10.0.0.1, a block like 10.0.0.0/8, or unix`,
      );
    }
    // A block of IPv4 addresses written as IPv6: the first 96 bits are the same for all of them.
    const plain = prefix >= 96 ? plainAddress(address) : address;
    if (plain === address) list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
    else list.addSubnet(plain, prefix - 96, 'ipv4');
  }
  return (address) => {
    if (address === '') return unix;
    const plain = plainAddress(address);
    const family = isIP(plain);
    return family !== 0 && list.check(plain, family === 6 ? 'ipv6' : 'ipv4');
  };
}
