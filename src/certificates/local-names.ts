/** Names and addresses that belong to nobody on the internet. The authority of `tls: auto` can sign for these alone: its key, stolen, is of no use against other sites. */
import { BlockList, isIP } from 'node:net';

const domains = ['localhost', 'local', 'internal', 'test', 'home.arpa', 'lan'];
const networks = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '::1/128',
  'fc00::/7',
  'fe80::/10',
];

/** As the name constraints of a certificate have them: a name stands for what is below it too. */
export const localNames: readonly string[] = [...domains, ...networks];

const blocks = new BlockList();
for (const network of networks) {
  const [address = '', bits] = network.split('/');
  blocks.addSubnet(address, Number(bits), isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

export function isLocalName(name: string): boolean {
  const version = isIP(name);
  if (version !== 0) return blocks.check(name, version === 6 ? 'ipv6' : 'ipv4');
  return domains.some((domain) => name === domain || name.endsWith(`.${domain}`));
}

/** IPv6 addresses have several spellings: `::1` is `0:0:0:0:0:0:0:1`. */
export function sameName(a: string, b: string): boolean {
  return a === b || (isIP(a) === 6 && isIP(b) === 6 && shortest(a) === shortest(b));
}

function shortest(address: string): string {
  return new URL(`http://[${address}]/`).hostname;
}
