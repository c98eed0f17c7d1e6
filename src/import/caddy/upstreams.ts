import { serverAddress } from '../values.ts';

export type Upstream = { readonly addresses: readonly string[] } | { readonly why: string };

/** A range of more is a slip of the pen. */
const maxPorts = 1000;

export function readUpstream(text: string): Upstream {
  if (isVariable(text)) return { why: `${text} is a variable: put its value in first` };
  if (/^https:|^h2c:|^h3:/i.test(text))
    return { why: `only HTTP/1.1 without TLS is spoken to servers: ${text} is left out` };
  if (/^[a-z+]*srv/i.test(text)) return { why: `servers of SRV records are not looked up: ${text} is left out` };
  const [, unix] = /^unix\+?\w*\/(\/.+)$/.exec(text) ?? [];
  const plain = unix === undefined ? text.replace(/^http:\/\//i, '').replace(/\/$/, '') : `unix:${unix}`;
  const [, host, from, to] = /^(.*):(\d{1,5})-(\d{1,5})$/.exec(plain) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (host !== undefined && last >= first && last - first < maxPorts) {
    const found = Array.from({ length: last - first + 1 }, (_, n) => addressOf(`${host}:${first + n}`));
    const addresses = found.filter((address) => address !== null);
    if (addresses.length === found.length) return { addresses };
  }
  const address = addressOf(plain);
  return address === null ? { why: `"${text}" is no address of a server` } : { addresses: [address] };
}

/** Without a port it is 80, without a host this machine. */
function addressOf(text: string): string | null {
  const host = text.startsWith(':') ? `localhost${text}` : text;
  return serverAddress(host, 80);
}

/** `{$NAME}` and `{env.NAME}` are not in the file, and other placeholders are known only when a request comes. */
export function isVariable(text: string): boolean {
  return /\{\$?[\w.[\]*-]+\}|\{\{|\$\{/.test(text);
}
