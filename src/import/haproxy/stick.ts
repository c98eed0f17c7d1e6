/** Stick tables, `stick` rules and the older `appsession` of a backend as affinities. */
import { maxAgeMs, parseSize, writeTime } from '../values.ts';
import type { AffinityEntry } from './cookie.ts';
import type { Directives } from './directives.ts';
import type { Line } from './lines.ts';
import { type KeySource, keySourceOf } from './sample.ts';
import { parseTime } from './values.ts';

export interface Table {
  readonly line: Line;
  /** The number of entries; 0 if it is not given. */
  readonly size: number;
  readonly expire: number;
}

interface Rule {
  readonly line: Line;
  readonly action: 'on' | 'match' | 'store-request' | 'store-response';
  readonly source: KeySource;
  /** The name of the table, which may be in another section. */
  readonly table: string;
}

export interface StickAffinities {
  readonly affinities: readonly AffinityEntry[];
  readonly tables: readonly Table[];
}

const actions = ['on', 'match', 'store-request', 'store-response'] as const;

/** The last `stick-table` of a section; undefined if it cannot be read. */
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

/** `cookie`: the backend has a cookie, which goes before stick rules. */
export function readStick(
  directives: Directives,
  name: string,
  tables: ReadonlyMap<string, Table>,
  cookie: boolean,
): StickAffinities {
  const rules = readRules(directives, name);
  const affinities: AffinityEntry[] = [];
  const used = new Set<Table>();
  for (const tableName of new Set(rules.map((rule) => rule.table))) {
    const table = tables.get(tableName);
    const own = rules.filter((rule) => rule.table === tableName);
    if (table === undefined) {
      for (const { line } of own)
        directives.report.warn(line, 'not-sticky', `${tableName} has no stick-table that can be read`);
      continue;
    }
    const entries = readKeys(own, table, cookie, directives);
    if (entries.length === 0) continue;
    for (const { line } of tableName === name ? [] : entries) {
      const why = `what ${tableName} has learned does not count in ${name}: pools share no sessions`;
      directives.report.change(line, why);
    }
    affinities.push(...entries);
    used.add(table);
    reportTable(table, directives);
  }
  affinities.push(...readAppsession(directives));
  // An affinity with a key for every request comes last, because those after it would never be used.
  const rankOf = ({ entry }: AffinityEntry) => ('source-ip' in entry ? 2 : 'path' in entry ? 1 : 0);
  return { affinities: affinities.sort((a, b) => rankOf(a) - rankOf(b)), tables: [...used] };
}

function reportTable({ line }: Table, { report }: Directives): void {
  report.carry(line);
  if (line.words.includes('peers')) report.change(line, 'the table stays with this node (peers)');
  if (line.words.includes('nopurge')) report.change(line, 'a full table forgets the sessions longest unseen (nopurge)');
  if (line.words.includes('store')) report.change(line, 'it keeps sessions and counts nothing else (store)');
}

function readRules(directives: Directives, own: string): Rule[] {
  const { report } = directives;
  return directives.all('stick').flatMap((line): Rule[] => {
    const [, word, key = '', ...rest] = line.words;
    const action = actions.find((one) => one === word);
    const refuse = (why: string) => {
      report.warn(line, 'not-sticky', why);
      return [];
    };
    if (action === undefined) return refuse(`"stick ${word ?? ''}" is no rule`);
    const table = rest[0] === 'table' ? rest.splice(0, 2)[1] : own;
    if (rest.length > 0) return refuse(`an affinity holds for every request of its pool (${rest.join(' ')})`);
    const source = keySourceOf(key);
    if ('why' in source) return refuse(source.why);
    const inResponse = 'response' in source && source.response;
    if (inResponse !== (action === 'store-response')) return refuse(`stick ${action} cannot have the key ${key}`);
    return [{ line, action, source, table: table ?? own }];
  });
}

type Learned = { cookie?: string; header?: string; query?: string; parameter?: string };

/** The rules of one table: keys that are learned from responses, and keys that requests carry. */
function readKeys(rules: readonly Rule[], { expire }: Table, cookie: boolean, directives: Directives): AffinityEntry[] {
  const { report } = directives;
  const idle = writeTime(expire === 0 ? 0 : Math.max(expire, 1000), maxAgeMs);
  const requestRules = rules.filter(({ action }) => action === 'on' || action === 'match');
  const responseRules = rules.filter(({ action }) => action === 'store-response');
  const found: AffinityEntry[] = [];
  const learned: Learned[] = [];
  const add = (line: Line, entry: Record<string, unknown>) => found.push({ line, entry });
  const learn = (line: Line, names: Learned) => {
    learned.push(names);
    // `names` is shared: later rules add to it, and `idle` is set last.
    add(line, { learn: names });
  };
  for (const { line, source } of responseRules) {
    if (requestRules.length === 0) report.leaveOut(line, 'no rule looks for what it stores');
    else if (source.in === 'cookie' || source.in === 'header') {
      report.carry(line);
      if (!learned.some((names) => names[source.in as 'cookie' | 'header'] === source.name))
        learn(line, { [source.in]: source.name });
    }
  }
  for (const { line, source } of rules.filter(({ action }) => action === 'store-request')) {
    if (requestRules.some((rule) => sameSource(rule.source, source))) report.carry(line);
    else report.leaveOut(line, 'no rule looks for what it stores');
  }
  for (const { line, action, source } of requestRules) {
    const stored =
      action === 'on' || rules.some((rule) => rule.action === 'store-request' && sameSource(rule.source, source));
    if (source.in === 'address' || source.in === 'path') {
      if (!stored) report.leaveOut(line, 'no rule stores what it looks for');
      else if (cookie)
        report.leaveOut(line, 'the cookie comes first, and this would know every client before it has one');
      else {
        report.carry(line);
        if (source.in === 'path') add(line, { path: { pattern: source.pattern, idle } });
        else add(line, { 'source-ip': { mode: 'table', ...prefixes(source), idle } });
        if (source.in === 'address' && source.header !== '') report.change(line, trustNote);
      }
      continue;
    }
    const { in: where, name } = source;
    const known = learned.some((names) => names[where]?.toLowerCase() === name.toLowerCase());
    const extensible = learned.find((names) => names[where] === undefined && where !== 'cookie');
    if (known) report.carry(line);
    else if (responseRules.length > 0 && extensible !== undefined) {
      extensible[where] = name;
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

export const trustNote = 'the header counts only behind proxies that listeners[].trustedProxies names';

function sameSource(a: KeySource, b: KeySource): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Without a mask HAProxy uses the whole address, which is the default here for IPv4 only. */
export function prefixes({ ipv4, ipv6 }: Extract<KeySource, { in: 'address' }>): Record<string, number> {
  return { ...(ipv4 !== 32 && { ipv4Prefix: ipv4 }), ...(ipv6 !== 64 && { ipv6Prefix: ipv6 }) };
}

/** appsession NAME len N timeout T [request-learn] [mode path-parameters|query-string]: HAProxy up to 1.5. */
function readAppsession(directives: Directives): AffinityEntry[] {
  const { report } = directives;
  return directives.all('appsession').flatMap((line): AffinityEntry[] => {
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
