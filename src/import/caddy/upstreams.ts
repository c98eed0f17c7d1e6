/** The servers of a `reverse_proxy` of Caddy: addresses, ranges of ports, and why some cannot be carried over. */
import { serverAddress } from '../values.ts';

export type CaddyServer = { readonly addresses: readonly string[] } | { readonly why: string };

/** A larger range is taken for a mistake. */
const maxPorts = 1000;

export function readUpstream(text: string): CaddyServer {
  if (isVariable(text)) return { why: `${text} is a variable: put its value in first` };
  if (/^https:|^h2c:|^h3:/i.test(text))
    return {
      why: `TLS and HTTP/2 to servers are not carried over (tls and protocol of the pool): ${text} is left out`,
    };
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

/** The default port is 80, the default host is localhost. */
function addressOf(text: string): string | null {
  const host = text.startsWith(':') ? `localhost${text}` : text;
  return serverAddress(host, 80);
}

/** The values of `{$NAME}` and `{env.NAME}` are not in the file; other placeholders depend on the request. */
export function isVariable(text: string): boolean {
  return /\{\$?[\w.[\]*-]+\}|\{\{|\$\{/.test(text);
}
