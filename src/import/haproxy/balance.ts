/** `balance` and `hash-type` as a balance policy, or as an affinity if the algorithm hashes a part of the request. */
import { commonReasons } from '../common-reasons.ts';
import { parseWhole } from '../values.ts';
import type { Directives } from './directives.ts';
import type { Line } from './lines.ts';
import { type KeySource, keySourceOf } from './sample.ts';
import { prefixes, trustNote } from './stick.ts';

export interface Balance {
  /** Fields of the pool. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The affinity for an algorithm that hashes; used if there is no cookie and no stick rule. */
  readonly affinity: Readonly<Record<string, unknown>> | string | undefined;
}

/** `kept`: the backend has a cookie or a stick rule. */
export function readBalance(directives: Directives, hasAffinity: boolean): Balance {
  const { report } = directives;
  const line = directives.last('balance');
  const [, name = 'roundrobin', ...words] = line?.words ?? [];
  const [, base = name, argument = ''] = /^(random|hdr|rdp-cookie)\((.*)\)$/.exec(name) ?? [];
  const policy = (balance: string, change?: string): Balance => {
    if (line !== undefined) change === undefined ? report.carry(line) : report.change(line, change);
    // least-requests is the default of a pool.
    return { config: balance === 'least-requests' ? {} : { balance }, affinity: undefined };
  };
  if (line === undefined || base === 'roundrobin' || base === 'static-rr') return policy('round-robin');
  if (base === 'leastconn')
    return policy('least-requests', words.length > 0 ? `without ${words.join(' ')}` : undefined);
  if (base === 'random') {
    const candidates = parseWhole(argument === '' ? '2' : argument, 1, 100) ?? 2;
    return policy(
      candidates === 1 ? 'random' : 'two-choices',
      candidates > 2 ? `the better of 2 is taken, not of ${candidates}` : undefined,
    );
  }
  if (base === 'first')
    return policy('least-requests', 'no policy fills one server after the other: the least loaded is taken');
  const key = keyOf(base, argument, words);
  if ('why' in key) {
    if (hasAffinity) report.leaveOut(line, key.why);
    else report.warn(line, 'not-sticky', key.why);
    return { config: { balance: 'round-robin' }, affinity: undefined };
  }
  const config = hashConfig(directives);
  if (hasAffinity) {
    report.change(line, 'sessions are kept by other means here, so new ones go to the least loaded server');
    return { config, affinity: undefined };
  }
  report.change(line, commonReasons.otherHash);
  for (const change of key.changes) report.change(line, change);
  // In HAProxy a request without the key is balanced by round robin.
  const always = key.source.in === 'address' || key.source.in === 'path';
  return {
    config: { ...(!always && { balance: 'round-robin' }), ...config },
    affinity: affinityOf(key.source, line, directives),
  };
}

type Key = { readonly source: KeySource; readonly changes: readonly string[] } | { readonly why: string };

/** A larger count makes a pattern that is too long for the config. */
const maxCount = 250;

function keyOf(base: string, argument: string, words: readonly string[]): Key {
  const by = (sample: string, ignored: readonly string[] = []): Key => {
    const source = keySourceOf(sample);
    if ('why' in source) return source;
    return { source, changes: ignored.length > 0 ? [`without ${ignored.join(' ')}: there is no counterpart`] : [] };
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
    const count = word === 'len' || word === 'depth' ? parseWhole(words[++at], 1, maxCount) : null;
    // HAProxy counts the slash before the first segment as well.
    if (count !== null) pattern = word === 'len' ? `^(.{1,${count}})` : `^((?:/[^/]*){1,${count}})`;
    else ignored.push(word);
  }
  return {
    source: { in: 'path', pattern },
    changes: ignored.length > 0 ? [`without ${ignored.join(' ')}: there is no counterpart`] : [],
  };
}

function affinityOf(source: KeySource, line: Line, { report }: Directives): Balance['affinity'] {
  if (source.in === 'address') {
    if (source.header !== '') report.change(line, trustNote);
    const bits = prefixes(source);
    return Object.keys(bits).length === 0 ? 'source-ip' : { 'source-ip': bits };
  }
  report.change(line, 'each key is remembered in the session table, so that it stays when servers are added');
  if (source.in === 'path') return { path: source.pattern };
  if (source.in === 'header' || source.in === 'query') return { [source.in]: source.name };
  return { learn: { [source.in]: source.name } };
}

function hashConfig(directives: Directives): Record<string, unknown> {
  const { report } = directives;
  const type = directives.last('hash-type');
  if (type?.words[1] === 'consistent') report.carry(type);
  else if (type !== undefined)
    report.change(type, 'every hash here is consistent: few clients move when servers come and go');
  const factor = directives.last('hash-balance-factor');
  if (factor === undefined) return {};
  const percent = parseWhole(factor.words[1], 0, 10_000);
  if (percent === null || (percent > 0 && percent <= 100)) {
    report.leaveOut(factor, `"${factor.words[1] ?? ''}" is no percentage above 100`);
    return {};
  }
  report.carry(factor);
  return percent === 0 ? {} : { maxLoad: percent / 100 };
}
