/** Stick tables and `stick` rules of a backend, and `appsession` of old: sessions that the table keeps. */
import { maxAgeMs, parseSize, writeTime } from '../values.ts';
import type { Bound } from './cookie.ts';
import type { Directives } from './directives.ts';
import type { Line } from './lines.ts';
import { type KeySource, keySourceOf } from './sample.ts';
import { parseTime } from './values.ts';

export interface Table {
  readonly line: Line;
  /** Entries; 0: not told. */
  readonly size: number;
  readonly expire: number;
}

interface Rule {
  readonly line: Line;
  readonly verb: 'on' | 'match' | 'store-request' | 'store-response';
  readonly place: KeySource;
  /** Name of the table, which may be of another section. */
  readonly table: string;
}

export interface Stuck {
  readonly bound: readonly Bound[];
  readonly tables: readonly Table[];
}

const verbs = ['on', 'match', 'store-request', 'store-response'] as const;

/** The last `stick-table` of a section that can be one. */
export function readTable(directives: Directives): Table | undefined {
  const line = directives.last('stick-table');
  if (line === undefined) return undefined;
  const after = (word: string) => line.words[line.words.indexOf(word, 1) + 1];
  const has = (word: string) => line.words.includes(word, 1);
  const size = has('size') ? parseSize(after('size'), 10) : 0;
  const expire = has('expire') ? parseTime(after('expire')) : 0;
  if (size !== null && expire !== null) return { line, size, expire };
  directives.report.leaveOut(
    line,
    `"${size === null ? `size ${after('size')}` : `expire ${after('expire')}`}" cannot be read`,
  );
  return undefined;
}

/** `cookie`: the backend has one that comes before all of these. */
export function readStick(
  directives: Directives,
  name: string,
  tables: ReadonlyMap<string, Table>,
  cookie: boolean,
): Stuck {
  const rules = readRules(directives, name);
  const bound: Bound[] = [];
  const used = new Set<Table>();
  for (const table of new Set(rules.map((rule) => rule.table))) {
    const kept = tables.get(table);
    const here = rules.filter((rule) => rule.table === table);
    if (kept === undefined) {
      for (const { line } of here)
        directives.report.warn(line, 'not-sticky', `${table} has no stick-table that can be read`);
      continue;
    }
    const entries = readKeys(here, kept, cookie, directives);
    if (entries.length === 0) continue;
    if (table !== name) {
      for (const { line } of entries) {
        directives.report.change(line, `what ${table} has learned does not count in ${name}: pools share no sessions`);
      }
    }
    bound.push(...entries);
    used.add(kept);
    tellTable(kept, directives);
  }
  bound.push(...readAppsession(directives));
  // What knows every client comes last, or nobody else is ever asked.
  const greedy = ({ entry }: Bound) => ('source-ip' in entry ? 2 : 'path' in entry ? 1 : 0);
  return { bound: bound.sort((a, b) => greedy(a) - greedy(b)), tables: [...used] };
}

function tellTable({ line }: Table, { report }: Directives): void {
  report.carry(line);
  if (line.words.includes('peers')) report.change(line, 'the table stays with this node (peers)');
  if (line.words.includes('nopurge')) report.change(line, 'a full table forgets the sessions longest unseen (nopurge)');
  if (line.words.includes('store')) report.change(line, 'it keeps sessions and counts nothing else (store)');
}

function readRules(directives: Directives, own: string): Rule[] {
  const { report } = directives;
  return directives.all('stick').flatMap((line): Rule[] => {
    const [, word, key = '', ...rest] = line.words;
    const verb = verbs.find((one) => one === word);
    const refuse = (why: string) => {
      report.warn(line, 'not-sticky', why);
      return [];
    };
    if (verb === undefined) return refuse(`"stick ${word ?? ''}" is no rule`);
    const table = rest[0] === 'table' ? rest.splice(0, 2)[1] : own;
    if (rest.length > 0) return refuse(`an affinity holds for every request of its pool (${rest.join(' ')})`);
    const place = keySourceOf(key);
    if ('why' in place) return refuse(place.why);
    const inResponse = 'response' in place && place.response;
    if (inResponse !== (verb === 'store-response')) return refuse(`stick ${verb} cannot have the key ${key}`);
    return [{ line, verb, place, table: table ?? own }];
  });
}

type Learned = { cookie?: string; header?: string; query?: string; parameter?: string };

/** The rules of one table: what responses teach, what requests bring. */
function readKeys(rules: readonly Rule[], { expire }: Table, cookie: boolean, directives: Directives): Bound[] {
  const { report } = directives;
  const idle = writeTime(expire === 0 ? 0 : Math.max(expire, 1000), maxAgeMs);
  const asks = rules.filter(({ verb }) => verb === 'on' || verb === 'match');
  const taught = rules.filter(({ verb }) => verb === 'store-response');
  const found: Bound[] = [];
  const learned: Learned[] = [];
  const add = (line: Line, entry: Record<string, unknown>) => found.push({ line, entry });
  const learn = (line: Line, names: Learned) => {
    learned.push(names);
    // Names that later rules add are in it too, and idle is written last.
    add(line, { learn: names });
  };
  for (const { line, place } of taught) {
    if (asks.length === 0) report.leaveOut(line, 'no rule looks for what it stores');
    else if (place.in === 'cookie' || place.in === 'header') {
      report.carry(line);
      if (!learned.some((names) => names[place.in as 'cookie' | 'header'] === place.name))
        learn(line, { [place.in]: place.name });
    }
  }
  for (const { line, place } of rules.filter(({ verb }) => verb === 'store-request')) {
    if (asks.some((ask) => samePlace(ask.place, place))) report.carry(line);
    else report.leaveOut(line, 'no rule looks for what it stores');
  }
  for (const { line, verb, place } of asks) {
    const stored = verb === 'on' || rules.some((rule) => rule.verb === 'store-request' && samePlace(rule.place, place));
    if (place.in === 'address' || place.in === 'path') {
      if (!stored) report.leaveOut(line, 'no rule stores what it looks for');
      else if (cookie)
        report.leaveOut(line, 'the cookie comes first, and this would know every client before it has one');
      else {
        report.carry(line);
        if (place.in === 'path') add(line, { path: { pattern: place.pattern, idle } });
        else add(line, { 'source-ip': { mode: 'table', ...prefixes(place), idle } });
        if (place.in === 'address' && place.header !== '') report.change(line, trusted);
      }
      continue;
    }
    const { in: where, name } = place;
    const known = learned.some((names) => names[where]?.toLowerCase() === name.toLowerCase());
    const home = learned.find((names) => names[where] === undefined && where !== 'cookie');
    if (known) report.carry(line);
    else if (taught.length > 0 && home !== undefined) {
      home[where] = name;
      report.carry(line);
    } else if (!stored) report.leaveOut(line, 'no rule stores what it looks for');
    else if (where === 'header' || where === 'query') {
      report.carry(line);
      add(line, { [where]: { name, idle } });
    } else {
      report.change(line, 'its session is known from the response that gives it, not from the next request on');
      learn(line, { [where]: name });
    }
  }
  return found.map(({ line, entry }) => ({
    line,
    entry: 'learn' in entry ? { learn: { ...(entry.learn as Learned), idle } } : entry,
  }));
}

export const trusted = 'the header counts only behind proxies that listeners[].trustedProxies names';

function samePlace(a: KeySource, b: KeySource): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** HAProxy counts every bit of an address unless a mask says otherwise, and so do we for IPv4. */
export function prefixes({ ipv4, ipv6 }: Extract<KeySource, { in: 'address' }>): Record<string, number> {
  return { ...(ipv4 !== 32 && { ipv4Prefix: ipv4 }), ...(ipv6 !== 64 && { ipv6Prefix: ipv6 }) };
}

/** appsession NAME len N timeout T [request-learn] [mode path-parameters|query-string]: HAProxy up to 1.5. */
function readAppsession(directives: Directives): Bound[] {
  const { report } = directives;
  return directives.all('appsession').flatMap((line): Bound[] => {
    const [, name = '', ...words] = line.words;
    const timeout = parseTime(words[words.indexOf('timeout') + 1]);
    if (!/^[\w.-]{1,256}$/.test(name) || !words.includes('timeout') || timeout === null) {
      report.warn(line, 'not-sticky', 'it has no name and timeout that can be read');
      return [];
    }
    report.carry(line);
    const inPath = words.includes('path-parameters') || !words.includes('query-string');
    const idle = writeTime(timeout === 0 ? 0 : Math.max(timeout, 1000), maxAgeMs);
    return [{ line, entry: { learn: { cookie: name, [inPath ? 'parameter' : 'query']: name, idle } } }];
  });
}
