/** What an ACL of HAProxy says of host, path, method and extension, as matches of routes. */
import { isIPv4, isIPv6 } from 'node:net';
import { isHostName } from '../../config/address.ts';
import { entryOf } from '../names.ts';
import { isTemplate, templated } from '../template.ts';
import { anyRequest, type Match } from './match.ts';
import { parseSample } from './sample.ts';

/** Any of `matches`. `changes`: what is not quite the same. `missing`: why other requests that it means are not among them. */
export interface Meaning {
  readonly matches: readonly Match[];
  readonly changes: readonly string[];
  readonly missing: readonly string[];
}

export type Reading = Meaning | { readonly why: string };

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

export function predefinedAcl(name: string): Meaning | undefined {
  const match = entryOf(predefined, name);
  return match && { matches: [{ ...anyRequest, ...match }], changes: [], missing: [] };
}

type How = 'str' | 'beg' | 'end' | 'dom' | 'dir' | 'reg';

/** Criterion, flags and values, without the name. */
export function readAcl(words: readonly string[]): Reading {
  const [criterion = '', ...rest] = words;
  const sample = parseSample(criterion);
  if (sample === null) return { why: `"${criterion}" is no criterion` };
  const [, name = '', suffix] =
    /^(?:req\.)?(.*?)(?:_(beg|end|dom|dir|reg|sub|len|cnt|val|found))?$/.exec(sample.fetch) ?? [];
  let how = suffix ?? 'str';
  let ignoreCase = sample.converters.includes('lower');
  while (rest[0]?.startsWith('-')) {
    const flag = rest.shift();
    if (flag === '--') break;
    if (flag === '-i') ignoreCase = true;
    else if (flag === '-m') how = rest.shift() ?? '';
    else return { why: `the flag ${flag} has no counterpart` };
  }
  if (rest.length === 0) return { why: `${criterion} stands without a value` };
  const odd = sample.converters.find((one) => !['lower', 'host_only', 'field(1,:)'].includes(one));
  if (odd !== undefined) return { why: `the converter ${odd} has no counterpart` };
  if (name === 'method' && how === 'str') return readMethods(rest);
  const host = name === 'hdr' && sample.args[0]?.toLowerCase() === 'host';
  if (!host && name !== 'path' && name !== 'url') {
    return { why: `routes go by host, path, method and extension, not by ${criterion}` };
  }
  if (!isHow(how)) return { why: `routes have no match of the kind "${how}"` };
  const readings = rest.map((value) => (host ? readHost(how, value) : readPath(how, value, ignoreCase)));
  const all = union(readings);
  return name === 'url' && 'changes' in all ? { ...all, changes: [...all.changes, 'the query does not count'] } : all;
}

function isHow(word: string): word is How {
  return ['str', 'beg', 'end', 'dom', 'dir', 'reg'].includes(word);
}

/** Any of these that can be said; the others are in `missing`. */
export function union(readings: readonly Reading[]): Reading {
  const said = readings.filter((reading) => 'matches' in reading);
  const whys = readings.flatMap((reading) => ('why' in reading ? [reading.why] : reading.missing));
  const [why] = whys;
  if (said.length === 0 && why !== undefined) return { why };
  return {
    matches: joined(said.flatMap(({ matches }) => matches)),
    changes: said.flatMap(({ changes }) => changes),
    missing: [...new Set(whys)],
  };
}

/** Matches that only tell methods or extensions become one. */
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

function readMethods(values: readonly string[]): Reading {
  const odd = values.find((value) => !/^[A-Z-]{1,32}$/.test(value));
  if (odd !== undefined) return { why: `"${odd}" is no method` };
  return { matches: [{ ...anyRequest, methods: merge(values, []) }], changes: [], missing: [] };
}

function readHost(how: How, value: string): Reading {
  const port = /:[0-9]*$/.exec(isIPv6(value) ? '' : value)?.[0] ?? '';
  const host = value.slice(0, value.length - port.length).toLowerCase();
  const bare = host.replace(/^\./, '');
  if (isTemplate(value)) return { why: templated(value) };
  if (how === 'beg' || how === 'dir') return { why: 'hosts are matched whole, or by what they end in' };
  if (!isHostName(bare) && !(how === 'str' && (isIPv4(host) || /^\[[0-9a-f:.]+\]$/.test(host)))) {
    return { why: how === 'reg' ? 'hosts are matched by name, not by pattern' : `"${value}" is no host` };
  }
  const changes = port === '' ? [] : ['the port in the Host header does not count'];
  const hosts = (...names: string[]) => names.map((name) => ({ ...anyRequest, host: name }));
  if (how === 'str' && host === bare) return { matches: hosts(host), changes, missing: [] };
  if (how === 'end' && host !== bare) return { matches: hosts(`*.${bare}`), changes, missing: [] };
  if (how === 'end' || how === 'dom') {
    const differences = [...changes, `it matches ${bare} and its subdomains only`];
    return { matches: hosts(bare, `*.${bare}`), changes: differences, missing: [] };
  }
  return { why: `"${value}" is no host` };
}

function readPath(how: How, value: string, ignoreCase: boolean): Reading {
  const changes =
    ignoreCase && how !== 'end' && how !== 'reg' ? ['upper and lower case of the path are different'] : [];
  const names = how === 'end' ? /^\.([\w-]{1,32})$/.exec(value)?.[1] : how === 'reg' ? extensionsOf(value) : undefined;
  if (names !== undefined) {
    return { matches: [{ ...anyRequest, extensions: names.toLowerCase().split('|') }], changes, missing: [] };
  }
  if (how === 'end')
    return { why: `of what a path ends in, only an extension such as .css can be matched, not "${value}"` };
  if (how === 'reg') return { why: 'paths are matched by prefix and extension, not by pattern' };
  const path = (how === 'dir' && !value.startsWith('/') ? `/${value}` : value).replace(/(?<=.)\/+$/, '');
  if (!/^\/[\x21-\x22\x24-\x3e\x40-\x7e]*$/.test(path)) return { why: `"${value}" is no path` };
  if (how === 'str' && path === '/') return { why: 'a match of / is one of every path, not of the root alone' };
  if (how === 'str') changes.push(`what lies below ${path} is matched too`);
  else if (how === 'dir') changes.push(`${path} is matched at the beginning of the path only`);
  else if (how === 'dom') return { why: 'paths have no domains' };
  else if (value !== '/') changes.push(`${path} is matched as whole segments: ${path} and ${path}/x, not ${path}x`);
  return { matches: [{ ...anyRequest, path }], changes, missing: [] };
}

/** Of a pattern such as `\.(css|js)$`. */
function extensionsOf(pattern: string): string | undefined {
  const [, group, one] = /^(?:\.\*)?\\\.(?:\(((?:[\w-]{1,32}\|)*[\w-]{1,32})\)|([\w-]{1,32}))\$$/.exec(pattern) ?? [];
  return group ?? one;
}
