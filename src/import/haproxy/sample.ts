/** Sample expressions of HAProxy, such as `req.hdr(X-User),lower`: a fetch with arguments, and converters. */

import { entryOf } from '../names.ts';
import { isToken } from '../values.ts';

export interface Sample {
  readonly fetch: string;
  readonly args: readonly string[];
  /** Unparsed: `lower`, `field(1,:)`. */
  readonly converters: readonly string[];
}

/** Returns null if the text is no sample expression. */
export function parseSample(word: string): Sample | null {
  const parts: { name: string; args: readonly string[]; text: string }[] = [];
  for (let at = 0; at < word.length; ) {
    const [text, name = '', list] = /^([A-Za-z0-9_.]+)(?:\(([^()]*)\))?(?:,(?=.)|$)/.exec(word.slice(at)) ?? [];
    if (text === undefined) return null;
    const args = list === undefined || list === '' ? [] : list.split(',').map((arg) => arg.trim());
    parts.push({ name, args, text: text.replace(/,$/, '') });
    at += text.length;
  }
  const [first, ...converters] = parts;
  return first === undefined
    ? null
    : { fetch: first.name, args: first.args, converters: converters.map(({ text }) => text) };
}

/** The part of a request or response from which a key is taken. */
export type KeySource =
  | { readonly in: 'address'; readonly ipv4: number; readonly ipv6: number; readonly header: string }
  | { readonly in: 'cookie' | 'header' | 'query' | 'parameter'; readonly name: string; readonly response: boolean }
  | { readonly in: 'path'; readonly pattern: string };

const keySourceKinds: Readonly<Record<string, 'cookie' | 'header' | 'query'>> = {
  hdr: 'header',
  'req.hdr': 'header',
  'req.fhdr': 'header',
  'res.hdr': 'header',
  'res.fhdr': 'header',
  shdr: 'header',
  cook: 'cookie',
  cookie: 'cookie',
  'req.cook': 'cookie',
  'res.cook': 'cookie',
  'set-cookie': 'cookie',
  scook: 'cookie',
  url_param: 'query',
  urlp: 'query',
};

/** Returns a reason if no affinity can take its key from there. */
export function keySourceOf(word: string): KeySource | { readonly why: string } {
  const sample = parseSample(word);
  if (sample === null) return { why: `"${word}" is no sample expression` };
  const { fetch, args, converters } = sample;
  const address = addressOf(sample);
  if (address !== null) return address;
  if (fetch === 'path') {
    const segment = /^(?:word|field)\(([1-9]),\/\)$/.exec(converters.join());
    if (converters.length === 0) return { in: 'path', pattern: '^(/.*)$' };
    // `field` counts the empty text before the first slash, `word` does not.
    const count = Number(segment?.[1]) - (segment?.[0]?.startsWith('field') === true ? 2 : 1);
    if (count >= 0) return { in: 'path', pattern: `^${'/[^/]+'.repeat(count)}/([^/]+)` };
  }
  const kind = entryOf(keySourceKinds, fetch);
  const [name = '', delimiter] = args;
  if (kind === undefined) return { why: `no affinity of ours has the key ${word}` };
  if (converters.length > 0) return { why: `the key is taken as it stands, without ${converters.join()}` };
  if (!isToken(name)) return { why: `"${name}" in ${word} is no name of a ${kind === 'query' ? 'parameter' : kind}` };
  if (kind === 'query' && delimiter === ';') return { in: 'parameter', name, response: false };
  if (kind !== 'cookie' && delimiter !== undefined && !['1', '-1', '?'].includes(delimiter)) {
    return { why: `the occurrence or delimiter "${delimiter}" has no counterpart` };
  }
  return { in: kind, name, response: /^(?:res\.|shdr|scook|set-cookie)/.test(fetch) };
}

function addressOf({ fetch, args, converters }: Sample): KeySource | null {
  const isForwarded = fetch === 'hdr_ip' || fetch === 'req.hdr_ip';
  if (fetch !== 'src' && !isForwarded) return null;
  const header = isForwarded ? (args[0] ?? '') : '';
  const mask = converters.length === 0 ? '' : /^ipmask\((.*)\)$/.exec(converters.join())?.[1];
  if (mask === undefined || (isForwarded && header.toLowerCase() !== 'x-forwarded-for')) return null;
  const [ipv4 = '32', ipv6 = '128'] = mask === '' ? [] : mask.split(',');
  const bits = [prefixBits(ipv4, 32), prefixBits(ipv6.replace(/^\//, ''), 128)] as const;
  return bits[0] === null || bits[1] === null ? null : { in: 'address', ipv4: bits[0], ipv6: bits[1], header };
}

/** `24` or `255.255.255.0`. */
function prefixBits(mask: string, longest: number): number | null {
  if (/^[0-9]{1,3}$/.test(mask)) return Number(mask) >= 1 && Number(mask) <= longest ? Number(mask) : null;
  const octets = mask.split('.').map((octet) => (/^[0-9]{1,3}$/.test(octet) ? Number(octet) : 256));
  if (octets.length !== 4 || octets.some((octet) => octet > 255)) return null;
  const bits = octets.map((octet) => octet.toString(2).padStart(8, '0')).join('');
  return /^1+0*$/.test(bits) ? bits.replace(/0/g, '').length : null;
}
