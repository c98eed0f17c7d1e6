/** A frontend, or the front of a listen section: where it listens, and which requests it sends to which backend. */
import { Acls, type Condition } from './haproxy-condition.ts';
import type { Directives } from './haproxy-directives.ts';
import type { Line } from './haproxy-lines.ts';
import { anything } from './haproxy-match.ts';
import { readTimer } from './haproxy-pool.ts';
import { isAlways } from './haproxy-reasons.ts';
import type { ProxySection } from './haproxy-sections.ts';
import { bindAddress, parseWhole } from './haproxy-values.ts';

export interface Rule extends Condition {
  /** Name of the backend or listen section. */
  readonly backend: string;
  readonly line: Line;
}

export interface Front {
  readonly proxy: ProxySection;
  readonly directives: Directives;
  /** In the order in which they are asked; the default comes last. */
  readonly rules: readonly Rule[];
}

/** What it would send where; says nothing of lines that it can carry over, for another frontend may go before it. */
export function readFront(proxy: ProxySection, directives: Directives, isPool: (name: string) => boolean): Front {
  const { ledger } = directives;
  const rules: Rule[] = [];
  const acls = new Acls(directives);
  for (const line of directives.all('use_backend')) {
    const backend = line.words[1] ?? '';
    const condition = acls.read(line.words.slice(2));
    if (/%[[{]/.test(backend))
      ledger.leaveOut(line, 'a route has the name of its pool: it is not made from the request');
    else if (!isPool(backend)) ledger.leaveOut(line, `there is no backend "${backend}" that could be carried over`);
    else if ('why' in condition) ledger.leaveOut(line, `${condition.why}: these requests go on to the next route`);
    else rules.push({ backend, line, ...condition });
  }
  const everything = { matches: [anything], changes: [], acls: new Map() };
  const line = directives.last('default_backend');
  const backend = line?.words[1] ?? '';
  if (line !== undefined && isPool(backend)) rules.push({ backend, line, ...everything });
  else if (line !== undefined) ledger.leaveOut(line, `there is no backend "${backend}" that could be carried over`);
  else if (proxy.kind === 'listen' && isPool(proxy.name))
    rules.push({ backend: proxy.name, line: proxy.header, ...everything });
  return { proxy, directives, rules };
}

/** The same requests to the same backends. */
export function sameRules(a: Front, b: Front): boolean {
  const text = ({ rules }: Front) => JSON.stringify(rules.map(({ backend, matches }) => [backend, matches]));
  return text(a) === text(b);
}

export interface Listeners {
  readonly listeners: readonly Record<string, unknown>[];
  /** A line that would listen with TLS, when there is one. */
  readonly tls: Line | undefined;
}

/** Of a frontend that is carried over. `taken`: addresses of those before it. */
export function readListeners({ proxy, directives }: Front, taken: Set<string>): Listeners {
  const { ledger } = directives;
  const listeners: Record<string, unknown>[] = [];
  let tls: Line | undefined;
  ledger.carry(proxy.header);
  for (const line of directives.lines.filter(isAlways)) ledger.carry(line);
  const shared = readShared(directives);
  // Up to HAProxy 1.6 the address may stand behind the name: listen app 0.0.0.0:80
  const old = /^[^\s]*:[0-9]/.test(proxy.header.words[2] ?? '') ? [proxy.header] : [];
  for (const line of [...old, ...directives.all('bind')]) {
    const [where = '', ...words] = line.words.slice(line === proxy.header ? 2 : 1);
    const plain = !words.includes('ssl') && !/quic[46]@/.test(where);
    if (!plain) {
      tls ??= line;
      ledger.leaveOut(line, 'TLS ends before us: put a proxy that speaks it in front, and name it in trustedProxies');
      continue;
    }
    const own = readWords(words, line, directives);
    for (const piece of where.split(',')) {
      const written = bindAddress(piece);
      if ('why' in written) ledger.leaveOut(line, written.why);
      else if (taken.has(written.address)) ledger.leaveOut(line, `another line listens on ${written.address} already`);
      else {
        taken.add(written.address);
        ledger.carry(line);
        listeners.push({ address: written.address, ...own, ...shared });
      }
    }
    const pieces = where.split(',').length;
    if (pieces > 1 && ledger.isCarried(line)) {
      const bad = where.split(',').filter((piece) => 'why' in bindAddress(piece));
      if (bad.length > 0) ledger.change(line, `without ${bad.join(', ')}`);
    }
  }
  return { listeners, tls };
}

function readWords(words: readonly string[], line: Line, { ledger }: Directives): Record<string, unknown> {
  const backlog = words.includes('backlog') ? parseWhole(words[words.indexOf('backlog') + 1], 1, 65_535) : null;
  if (words.includes('accept-proxy')) {
    ledger.change(
      line,
      'PROXY lines are not read: let the proxy in front send X-Forwarded-For, and name it in trustedProxies',
    );
  }
  const at = words.indexOf('backlog');
  const rest = words.filter(
    (word, index) => word !== 'accept-proxy' && (at < 0 || backlog === null || (index !== at && index !== at + 1)),
  );
  // v4v6 is what an address without a family does.
  const without = rest.filter((word) => word !== 'v4v6');
  if (without.length > 0)
    ledger.change(line, `without "${without.join(' ')}": of a listener only the address and backlog are taken`);
  return backlog === null ? {} : { backlog };
}

function readShared(directives: Directives): Record<string, unknown> {
  const { ledger } = directives;
  const client = readTimer(directives, 'client');
  const requestHead = readTimer(directives, 'http-request');
  const keepAlive = readTimer(directives, 'http-keep-alive');
  const line = directives.last('maxconn');
  const connections = line === undefined ? null : parseWhole(line.words[1], 1, 10_000_000);
  if (line !== undefined && connections === null)
    ledger.leaveOut(line, `"${line.words[1] ?? ''}" is no number of connections`);
  else if (line !== undefined)
    ledger.change(line, 'a connection more is refused with 503, it does not wait; each listener counts its own');
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
