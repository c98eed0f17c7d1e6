/** ACLs of HAProxy about host, path, method and extension as matches of routes. */

import { isIPv4, isIPv6 } from 'node:net';
import { isHostName } from '../../config/address.ts';
import { entryOf } from '../names.ts';
import { isTemplate, templated } from '../template.ts';
import { isPath } from '../values.ts';
import { anyRequest, type Match } from './match.ts';
import { parseSample } from './sample.ts';

/**
 * A request meets the ACL if it meets one of `matches`. `changes`: the differences. `missing`: why some requests are not
 * matched.
 */
export interface AclMatches {
  readonly matches: readonly Match[];
  readonly changes: readonly string[];
  readonly missing: readonly string[];
}

export type AclReading = AclMatches | { readonly why: string };

const predefined: Readonly<Record<string, Partial<Match>>> = {
  TRUE: {},
  HTTP: {},
  METH_GET: { methods: ['GET', 'HEAD'] },
  METH_HEAD: { methods: ['HEAD'] },
  METH_POST: { methods: ['POST'] },
  METH_PUT: { methods: ['PUT'] },
  METH_DELETE: { methods: ['DELETE'] },
  METH_OPTIONS: { methods: ['OPTIONS'] },
};

export function predefinedAcl(name: string): AclMatches | undefined {
  const match = entryOf(predefined, name);
  return match && { matches: [{ ...anyRequest, ...match }], changes: [], missing: [] };
}

type MatchMethod = 'str' | 'beg' | 'end' | 'dom' | 'dir' | 'reg';

/** `words`: criterion, flags and values, without the name of the ACL. */
export function readAcl(words: readonly string[]): AclReading {
  const [criterion = '', ...rest] = words;
  const sample = parseSample(criterion);
  if (sample === null) return { why: `"${criterion}" is no criterion` };
  const [, name = '', suffix] =
    /^(?:req\.)?(.*?)(?:_(beg|end|dom|dir|reg|sub|len|cnt|val|found))?$/.exec(sample.fetch) ?? [];
  let matchMethod = suffix ?? 'str';
  let ignoreCase = sample.converters.includes('lower');
  while (rest[0]?.startsWith('-')) {
    const flag = rest.shift();
    if (flag === '--') break;
    if (flag === '-i') ignoreCase = true;
    else if (flag === '-m') matchMethod = rest.shift() ?? '';
    else return { why: `the flag ${flag} has no counterpart` };
  }
  if (rest.length === 0) return { why: `${criterion} stands without a value` };
  const unsupported = sample.converters.find((one) => !['lower', 'host_only', 'field(1,:)'].includes(one));
  if (unsupported !== undefined) return { why: `the converter ${unsupported} has no counterpart` };
  if (name === 'method' && matchMethod === 'str') return readMethods(rest);
  const host = name === 'hdr' && sample.args[0]?.toLowerCase() === 'host';
  if (!host && name !== 'path' && name !== 'url') {
    return { why: `routes go by host, path, method and extension, not by ${criterion}` };
  }
  if (!isMatchMethod(matchMethod)) return { why: `routes have no match of the kind "${matchMethod}"` };
  const readings = rest.map((value) =>
    host ? readHost(matchMethod, value) : readPath(matchMethod, value, ignoreCase),
  );
  const all = union(readings);
  return name === 'url' && 'changes' in all ? { ...all, changes: [...all.changes, 'the query does not count'] } : all;
}

function isMatchMethod(word: string): word is MatchMethod {
  return ['str', 'beg', 'end', 'dom', 'dir', 'reg'].includes(word);
}

/** The union of those that can be expressed; the reasons of the others are in `missing`. */
export function union(readings: readonly AclReading[]): AclReading {
  const readable = readings.filter((reading) => 'matches' in reading);
  const whys = readings.flatMap((reading) => ('why' in reading ? [reading.why] : reading.missing));
  const [why] = whys;
  if (readable.length === 0 && why !== undefined) return { why };
  return {
    matches: joined(readable.flatMap(({ matches }) => matches)),
    changes: readable.flatMap(({ changes }) => changes),
    missing: [...new Set(whys)],
  };
}

/** Joins matches that differ only in their methods, or only in their extensions. */
function joined(matches: readonly Match[]): Match[] {
  const found: Match[] = [];
  for (const match of matches) {
    const at = found.findIndex((other) => canJoin(other, match));
    const other = found[at];
    if (other === undefined) found.push(match);
    else
      found[at] = {
        ...other,
        methods: merge(other.methods, match.methods),
        extensions: merge(other.extensions, match.extensions),
      };
  }
  return found;
}

function canJoin(a: Match, b: Match): boolean {
  const [some, more] = [a.methods.length > 0 ? 1 : 0, b.methods.length > 0 ? 1 : 0];
  const [ends, others] = [a.extensions.length > 0 ? 1 : 0, b.extensions.length > 0 ? 1 : 0];
  return a.host === b.host && a.path === b.path && some === more && ends === others && some + ends === 1;
}

function merge(a: readonly string[], b: readonly string[]): string[] {
  return [...new Set([...a, ...b])];
}

function readMethods(values: readonly string[]): AclReading {
  const unsupported = values.find((value) => !/^[A-Z-]{1,32}$/.test(value));
  if (unsupported !== undefined) return { why: `"${unsupported}" is no method` };
  return { matches: [{ ...anyRequest, methods: merge(values, []) }], changes: [], missing: [] };
}

function readHost(matchMethod: MatchMethod, value: string): AclReading {
  const port = /:[0-9]*$/.exec(isIPv6(value) ? '' : value)?.[0] ?? '';
  const host = value.slice(0, value.length - port.length).toLowerCase();
  const bare = host.replace(/^\./, '');
  if (isTemplate(value)) return { why: templated(value) };
  if (matchMethod === 'beg' || matchMethod === 'dir') return { why: 'hosts are matched whole, or by what they end in' };
  if (!isHostName(bare) && !(matchMethod === 'str' && (isIPv4(host) || /^\[[0-9a-f:.]+\]$/.test(host)))) {
    return { why: matchMethod === 'reg' ? 'hosts are matched by name, not by pattern' : `"${value}" is no host` };
  }
  const changes = port === '' ? [] : ['the port in the Host header does not count'];
  const hosts = (...names: string[]) => names.map((name) => ({ ...anyRequest, host: name }));
  if (matchMethod === 'str' && host === bare) return { matches: hosts(host), changes, missing: [] };
  if (matchMethod === 'end' && host !== bare) return { matches: hosts(`*.${bare}`), changes, missing: [] };
  if (matchMethod === 'end' || matchMethod === 'dom') {
    const differences = [...changes, `it matches ${bare} and its subdomains only`];
    return { matches: hosts(bare, `*.${bare}`), changes: differences, missing: [] };
  }
  return { why: `"${value}" is no host` };
}

function readPath(matchMethod: MatchMethod, value: string, ignoreCase: boolean): AclReading {
  const changes =
    ignoreCase && matchMethod !== 'end' && matchMethod !== 'reg'
      ? ['upper and lower case of the path are different']
      : [];
  const names =
    matchMethod === 'end'
      ? /^\.([\w-]{1,32})$/.exec(value)?.[1]
      : matchMethod === 'reg'
        ? extensionAlternatives(value)
        : undefined;
  if (names !== undefined) {
    return { matches: [{ ...anyRequest, extensions: names.toLowerCase().split('|') }], changes, missing: [] };
  }
  if (matchMethod === 'end')
    return { why: `of what a path ends in, only an extension such as .css can be matched, not "${value}"` };
  if (matchMethod === 'reg') return { why: 'paths are matched by prefix and extension, not by pattern' };
  const path = (matchMethod === 'dir' && !value.startsWith('/') ? `/${value}` : value).replace(/(?<=.)\/+$/, '');
  if (!isPath(path)) return { why: `"${value}" is no path` };
  if (matchMethod === 'str' && path === '/') return { why: 'a match of / is one of every path, not of the root alone' };
  if (matchMethod === 'str') changes.push(`what lies below ${path} is matched too`);
  else if (matchMethod === 'dir') changes.push(`${path} is matched at the beginning of the path only`);
  else if (matchMethod === 'dom') return { why: 'paths have no domains' };
  else if (value !== '/') changes.push(`${path} is matched as whole segments: ${path} and ${path}/x, not ${path}x`);
  return { matches: [{ ...anyRequest, path }], changes, missing: [] };
}

/** `css|js` for a pattern such as `\.(css|js)$`. */
function extensionAlternatives(pattern: string): string | undefined {
  const [, group, one] = /^(?:\.\*)?\\\.(?:\(((?:[\w-]{1,32}\|)*[\w-]{1,32})\)|([\w-]{1,32}))\$$/.exec(pattern) ?? [];
  return group ?? one;
}
