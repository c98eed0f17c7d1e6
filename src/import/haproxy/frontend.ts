/** A frontend, or the frontend part of a listen section: its listeners, and its rules, which choose a backend. */
import { firstSpelling } from '../listener-address.ts';
import { parseWhole } from '../values.ts';
import { Acls, type Condition } from './condition.ts';
import type { Directives } from './directives.ts';
import type { Line } from './lines.ts';
import { anyRequest } from './match.ts';
import { readTimer } from './pool.ts';
import { isAlways } from './reasons.ts';
import type { ProxySection } from './sections.ts';
import { type Bases, type BindTls, readBindTls, readHsts, redirectsToHttps } from './tls.ts';
import { bindAddress } from './values.ts';

export interface Rule extends Condition {
  /** The name of the backend or listen section. */
  readonly backend: string;
  readonly line: Line;
}

export interface Frontend {
  readonly proxy: ProxySection;
  readonly directives: Directives;
  /** In the order in which they apply; the default comes last. */
  readonly rules: readonly Rule[];
}

/** What is known of the backends of the file. */
export interface Backends {
  isPool(name: string): boolean;
  /** It exists but has no servers: it refuses requests, or answers them itself. */
  isServerless(name: string): boolean;
}

/** Reads the rules, and reports those that lead to no pool. */
export function readFrontend(proxy: ProxySection, directives: Directives, backends: Backends): Frontend {
  const { report } = directives;
  const rules: Rule[] = [];
  const acls = new Acls(directives);
  const onward = 'these requests go on to the next route';
  for (const line of directives.all('use_backend')) {
    const backend = line.words[1] ?? '';
    const condition = acls.read(line.words.slice(2));
    if (/%[[{]/.test(backend))
      report.warn(line, 'not-working', `a route has the name of its pool, it is not made from the request: ${onward}`);
    else if (backends.isServerless(backend))
      report.warn(
        line,
        'open',
        `backend ${backend} has no server, so these requests were refused or answered there: now they go on to the next route`,
      );
    else if (!backends.isPool(backend))
      report.warn(line, 'not-working', `there is no backend "${backend}" that could be carried over: ${onward}`);
    else if ('why' in condition) report.warn(line, 'not-working', `${condition.why}: ${onward}`);
    else rules.push({ backend, line, ...condition });
  }
  const everything = { matches: [anyRequest], changes: [], acls: new Map(), missing: new Map() };
  const line = directives.last('default_backend');
  const backend = line?.words[1] ?? '';
  if (line !== undefined && backends.isPool(backend)) rules.push({ backend, line, ...everything });
  else if (line !== undefined)
    report.warn(
      line,
      'not-working',
      `there is no backend "${backend}" that could be carried over: all other requests get 404`,
    );
  else if (proxy.kind === 'listen' && backends.isPool(proxy.name))
    rules.push({ backend: proxy.name, line: proxy.header, ...everything });
  return { proxy, directives, rules };
}

/** Both send the same requests to the same backends. */
export function sameRules(a: Frontend, b: Frontend): boolean {
  const text = ({ rules }: Frontend) => JSON.stringify(rules.map(({ backend, matches }) => [backend, matches]));
  return text(a) === text(b);
}

export interface Listeners {
  readonly listeners: readonly Record<string, unknown>[];
  /** Addresses of those that only redirect to https. */
  readonly redirecting: readonly string[];
  /** A `bind` line with TLS, if there is one. */
  readonly tls: Line | undefined;
  /** The fields that all of them share. */
  readonly shared: Readonly<Record<string, unknown>>;
}

/** The listeners of a frontend that is carried over. `taken`: the addresses of other frontends. */
export function readListeners({ proxy, directives }: Frontend, taken: Set<string>, bases: Bases): Listeners {
  const { report } = directives;
  const listeners: Record<string, unknown>[] = [];
  const secured = new Set<Record<string, unknown>>();
  let tls: Line | undefined;
  report.carry(proxy.header);
  for (const line of directives.lines.filter(isAlways)) report.carry(line);
  const shared = readShared(directives);
  for (const { line, where, words } of bindsOf(proxy)) {
    const secure = isTls(where, words) ? readTls(where, words, line, bases, directives) : null;
    if (secure !== null && 'why' in secure) {
      tls ??= line;
      report.warn(
        line,
        'not-working',
        `nothing listens on ${where} now, because ${secure.why}, or put a proxy that ends TLS in front, and name it in trustedProxies`,
      );
      if (words.join(' ').includes('verify required'))
        report.warn(line, 'open', 'no certificate of a client is asked for here: let the proxy in front ask for it');
      continue;
    }
    const own = { ...secure?.fields, ...readWords(secure?.rest ?? words, line, directives) };
    for (const piece of where.split(',')) {
      const written = bindAddress(piece);
      const why =
        'why' in written
          ? written.why
          : taken.has(firstSpelling(written.address, taken))
            ? `another line listens on ${firstSpelling(written.address, taken)} already`
            : '';
      if (why !== '') report.warn(line, 'not-working', `nothing listens on ${piece}: ${why}`);
      if ('why' in written || why !== '') continue;
      taken.add(written.address);
      report.carry(line);
      const listener = { address: written.address, ...own, ...shared };
      listeners.push(listener);
      if (secure !== null) secured.add(listener);
    }
  }
  const hsts = secured.size === 0 ? null : readHsts(directives);
  if (hsts !== null) for (const listener of secured) listener.hsts = hsts;
  // Elsewhere nobody would be at https.
  const rules = secured.size === 0 ? [] : redirectsToHttps(directives);
  const plain = rules.length === 0 ? [] : listeners.filter((listener) => !secured.has(listener));
  for (const listener of plain) listener.redirect = 'https';
  for (const rule of rules) report.carry(rule);
  return { listeners, redirecting: plain.map(({ address }) => String(address)), tls, shared };
}

function readTls(where: string, words: readonly string[], line: Line, bases: Bases, directives: Directives): BindTls {
  if (/quic[46]@/.test(where)) return { why: 'HTTP/3 is not spoken here' };
  return readBindTls(words, line, bases, directives);
}

/** A frontend that only redirects to https: its listeners, with `redirect`. */
export function readRedirecting(
  frontend: Frontend,
  taken: Set<string>,
  bases: Bases,
): readonly Record<string, unknown>[] {
  const rules = redirectsToHttps(frontend.directives);
  if (rules.length === 0 || bindsOf(frontend.proxy).some(({ where, words }) => isTls(where, words))) return [];
  const { listeners } = readListeners(frontend, taken, bases);
  for (const rule of rules) frontend.directives.report.carry(rule);
  return listeners.map((listener) => ({ ...listener, redirect: 'https' }));
}

export interface Bind {
  readonly line: Line;
  /** One address, or several with commas. */
  readonly where: string;
  readonly words: readonly string[];
}

/** Up to HAProxy 1.6 the address may follow the name: listen app 0.0.0.0:80 */
export function bindsOf({ header, lines }: Pick<ProxySection, 'header' | 'lines'>): Bind[] {
  const old = /^[^\s]*:[0-9]/.test(header.words[2] ?? '') ? [header] : [];
  return [...old, ...lines.filter(({ words }) => words[0] === 'bind')].map((line) => {
    const [where = '', ...words] = line.words.slice(line === header ? 2 : 1);
    return { line, where, words };
  });
}

export function isTls(where: string, words: readonly string[]): boolean {
  return words.includes('ssl') || /quic[46]@/.test(where);
}

function readWords(words: readonly string[], line: Line, { report }: Directives): Record<string, unknown> {
  const backlog = words.includes('backlog') ? parseWhole(words[words.indexOf('backlog') + 1], 1, 65_535) : null;
  if (words.includes('accept-proxy')) {
    const why = 'PROXY lines are not read: let the proxy in front send X-Forwarded-For, and name it in trustedProxies';
    report.warn(line, 'not-working', why);
  }
  const at = words.indexOf('backlog');
  const rest = words.filter(
    (word, index) => word !== 'accept-proxy' && (at < 0 || backlog === null || (index !== at && index !== at + 1)),
  );
  // v4v6 is the default here.
  const without = rest.filter((word) => word !== 'v4v6');
  const narrow = without.filter((word) =>
    ['interface', 'mode', 'user', 'group', 'uid', 'gid', 'namespace'].includes(word),
  );
  for (const word of narrow)
    report.warn(line, 'open', `who may connect is not limited by ${word} here: of a listener only the address counts`);
  if (without.length > 0)
    report.change(line, `without "${without.join(' ')}": of a listener only the address and backlog are taken`);
  return backlog === null ? {} : { backlog };
}

function readShared(directives: Directives): Record<string, unknown> {
  const { report } = directives;
  const client = readTimer(directives, 'client');
  const requestHead = readTimer(directives, 'http-request');
  const keepAlive = readTimer(directives, 'http-keep-alive');
  const line = directives.last('maxconn');
  const connections = line === undefined ? null : parseWhole(line.words[1], 1, 10_000_000);
  if (line !== undefined && connections === null)
    report.leaveOut(line, `"${line.words[1] ?? ''}" is no number of connections`);
  else if (line !== undefined)
    report.change(line, 'a connection more is refused with 503, it does not wait; each listener counts its own');
  const timeouts = {
    ...(requestHead !== undefined && { requestHead }),
    ...(client !== undefined && { requestBody: client }),
    ...(keepAlive !== undefined && { keepAlive }),
    ...(client !== undefined && { write: client }),
  };
  return {
    ...(connections !== null && { limits: { connections } }),
    ...(Object.keys(timeouts).length > 0 && { timeouts }),
  };
}
