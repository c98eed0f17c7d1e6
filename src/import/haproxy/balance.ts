/** `balance` and `hash-type`: a policy for new sessions, or, for those that hash something of the request, an affinity. */
import { parseWhole } from '../values.ts';
import type { Directives } from './directives.ts';
import type { Line } from './lines.ts';
import { type KeySource, keySourceOf } from './sample.ts';
import { prefixes, trusted } from './stick.ts';

export interface Balance {
  /** Of the pool. */
  readonly config: Readonly<Record<string, unknown>>;
  /** What stands for a hash, when no cookie and no stick rule keeps the sessions. */
  readonly affinity: Readonly<Record<string, unknown>> | string | undefined;
}

const hashed = 'it is another hash: clients change servers once';

/** `kept`: a cookie or a stick rule keeps the sessions already. */
export function readBalance(directives: Directives, kept: boolean): Balance {
  const { report } = directives;
  const line = directives.last('balance');
  const [, name = 'roundrobin', ...words] = line?.words ?? [];
  const [, base = name, argument = ''] = /^(random|hdr|rdp-cookie)\((.*)\)$/.exec(name) ?? [];
  const policy = (balance: string, change?: string): Balance => {
    if (line !== undefined) change === undefined ? report.carry(line) : report.change(line, change);
    // Least requests is what a pool does when nothing is said.
    return { config: balance === 'least-requests' ? {} : { balance }, affinity: undefined };
  };
  if (line === undefined || base === 'roundrobin' || base === 'static-rr') return policy('round-robin');
  if (base === 'leastconn')
    return policy('least-requests', words.length > 0 ? `without ${words.join(' ')}` : undefined);
  if (base === 'random') {
    const draws = parseWhole(argument === '' ? '2' : argument, 1, 100) ?? 2;
    return policy(
      draws === 1 ? 'random' : 'two-choices',
      draws > 2 ? `the better of 2 is taken, not of ${draws}` : undefined,
    );
  }
  if (base === 'first')
    return policy('least-requests', 'no policy fills one server after the other: the least loaded is taken');
  const key = keyOf(base, argument, words);
  if ('why' in key) {
    if (kept) report.leaveOut(line, key.why);
    else report.warn(line, 'not-sticky', key.why);
    return { config: { balance: 'round-robin' }, affinity: undefined };
  }
  const config = hashConfig(directives);
  if (kept) {
    report.change(line, 'sessions are kept by other means here, so new ones go to the least loaded server');
    return { config, affinity: undefined };
  }
  report.change(line, hashed);
  for (const change of key.changes) report.change(line, change);
  // A request without the key goes round in HAProxy.
  const always = key.place.in === 'address' || key.place.in === 'path';
  return {
    config: { ...(!always && { balance: 'round-robin' }), ...config },
    affinity: affinityOf(key.place, line, directives),
  };
}

type Key = { readonly place: KeySource; readonly changes: readonly string[] } | { readonly why: string };

/** Beyond this a pattern would be too large for the config. */
const mostCounted = 250;

function keyOf(base: string, argument: string, words: readonly string[]): Key {
  const by = (sample: string, ignored: readonly string[] = []): Key => {
    const place = keySourceOf(sample);
    if ('why' in place) return place;
    return { place, changes: ignored.length > 0 ? [`without ${ignored.join(' ')}: there is no counterpart`] : [] };
  };
  if (base === 'source') return by('src', words);
  if (base === 'hdr') return by(`req.hdr(${argument})`, words);
  if (base === 'url_param') return by(`url_param(${words[0] ?? ''})`, words.slice(1));
  if (base === 'hash') return by(words[0] ?? '', words.slice(1));
  if (base !== 'uri') return { why: `balance ${base} has no counterpart, so new sessions go round` };
  let pattern = '^(/.*)$';
  const ignored: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    const count = word === 'len' || word === 'depth' ? parseWhole(words[++at], 1, mostCounted) : null;
    // HAProxy counts the slash before the first segment as well.
    if (count !== null) pattern = word === 'len' ? `^(.{1,${count}})` : `^((?:/[^/]*){1,${count}})`;
    else ignored.push(word);
  }
  return {
    place: { in: 'path', pattern },
    changes: ignored.length > 0 ? [`without ${ignored.join(' ')}: there is no counterpart`] : [],
  };
}

function affinityOf(place: KeySource, line: Line, { report }: Directives): Balance['affinity'] {
  if (place.in === 'address') {
    if (place.header !== '') report.change(line, trusted);
    const bits = prefixes(place);
    return Object.keys(bits).length === 0 ? 'source-ip' : { 'source-ip': bits };
  }
  report.change(line, 'each key is remembered in the session table, so that it stays when servers are added');
  if (place.in === 'path') return { path: place.pattern };
  if (place.in === 'header' || place.in === 'query') return { [place.in]: place.name };
  return { learn: { [place.in]: place.name } };
}

function hashConfig(directives: Directives): Record<string, unknown> {
  const { report } = directives;
  const type = directives.last('hash-type');
  if (type?.words[1] === 'consistent') report.carry(type);
  else if (type !== undefined)
    report.change(type, 'every hash here is consistent: few clients move when servers come and go');
  const bound = directives.last('hash-balance-factor');
  if (bound === undefined) return {};
  const percent = parseWhole(bound.words[1], 0, 10_000);
  if (percent === null || (percent > 0 && percent <= 100)) {
    report.leaveOut(bound, `"${bound.words[1] ?? ''}" is no percentage above 100`);
    return {};
  }
  report.carry(bound);
  return percent === 0 ? {} : { maxLoad: percent / 100 };
}
