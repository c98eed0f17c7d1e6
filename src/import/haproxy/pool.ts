/** A backend, or the backend part of a listen section, as a pool. */
import { maxTimerMs, parseWhole, writeTime } from '../values.ts';
import { readBalance } from './balance.ts';
import { Acls } from './condition.ts';
import { type AffinityEntry, readCookie } from './cookie.ts';
import type { Directives } from './directives.ts';
import { readHealth } from './health.ts';
import type { Line } from './lines.ts';
import type { Match } from './match.ts';
import { isAlways } from './reasons.ts';
import type { ProxySection } from './sections.ts';
import { readServers, type Server, type ServerContext } from './server.ts';
import { readStick, type Table } from './stick.ts';
import { parseTime } from './values.ts';

export interface Pool {
  readonly proxy: ProxySection;
  readonly config: Readonly<Record<string, unknown>>;
  /** Requests without a session (`ignore-persist`), with the line. */
  readonly ignored: readonly { readonly line: Line; readonly matches: readonly Match[] }[];
  /** The addresses of its servers. */
  readonly addresses: readonly string[];
  /** The stick tables that it uses. */
  readonly tables: readonly Table[];
}

/** Returns null if no server of it can be carried over. */
export function readPool(
  proxy: ProxySection,
  directives: Directives,
  tables: ReadonlyMap<string, Table>,
  context: ServerContext,
): Pool | null {
  const { report } = directives;
  const servers = readServers(directives, context);
  if (servers.length === 0) return null;
  report.carry(proxy.header);
  for (const line of directives.lines.filter(isAlways)) report.carry(line);
  const cookie = readCookie(directives, servers);
  const stick = readStick(directives, proxy.name, tables, cookie !== undefined);
  const affinities = [...(cookie === undefined ? [] : [cookie]), ...stick.affinities];
  const balance = readBalance(directives, affinities.length > 0);
  const health = readHealth(directives, servers);
  const entries = affinities.map(({ entry }) => entry);
  const hash = typeof balance.affinity === 'object' ? [balance.affinity] : balance.affinity;
  return {
    proxy,
    config: {
      servers: servers.map(({ config }) =>
        Object.keys(config).length === 2 && config.name === config.address ? config.address : config,
      ),
      ...servers[0]?.speaks,
      ...balance.config,
      affinity: entries.length > 0 ? entries : (hash ?? 'none'),
      ...readOwnerFails(directives, servers, affinities),
      ...(health !== undefined && { health }),
      ...readQueue(directives),
      ...readRetries(directives),
      ...readTimeouts(directives),
    },
    ignored: readIgnored(directives),
    addresses: servers.map(({ config }) => String(config.address)),
    tables: stick.tables,
  };
}

/**
 * When the checks have taken a server down, HAProxy moves its sessions, unless `option persist` is set. Until then, and always
 * if there are no checks, a session leaves a server that does not answer only with `option redispatch`. Without it HAProxy
 * tries the same server again, and the client gets 503.
 */
function readOwnerFails(
  directives: Directives,
  servers: readonly Server[],
  affinities: readonly AffinityEntry[],
): Record<string, unknown> {
  const { report } = directives;
  const redispatch = directives.option('redispatch');
  const persist = directives.option('persist');
  const moves = redispatch !== undefined && redispatch.words[2] !== '0';
  // A failed request without a session is sent to another server in any case.
  if (redispatch !== undefined) report.carry(redispatch);
  if (affinities.length === 0) return {};
  if (moves) {
    if (persist !== undefined) report.change(persist, 'a session leaves a server that is down at once, without a try');
    return {};
  }
  if (persist !== undefined) report.carry(persist);
  const checked = servers.every(({ options }) => options.has('check'));
  for (const { line } of affinities) {
    if (checked && persist === undefined) {
      report.change(
        line,
        'without redispatch HAProxy answers 503 until the checks take a dead server down: here its sessions move at once',
      );
    } else {
      report.change(
        line,
        'HAProxy keeps sessions at a dead server here (no redispatch), hence 503: whenOwnerFails: rebind would move them',
      );
    }
  }
  return checked && persist === undefined ? {} : { whenOwnerFails: { reject: 503 } };
}

function readQueue(directives: Directives): Record<string, unknown> {
  const timeout = readTimer(directives, 'queue');
  return timeout === undefined ? {} : { queue: { timeout } };
}

function readRetries(directives: Directives): Record<string, unknown> {
  const line = directives.last('retries');
  if (line === undefined) return {};
  const retries = parseWhole(line.words[1], 0, 1_000_000);
  if (retries === null) {
    directives.report.leaveOut(line, `"${line.words[1] ?? ''}" is no number of retries`);
    return {};
  }
  directives.report.change(line, 'each try goes to another server, and tries are counted with the first one');
  const attempts = Math.min(retries + 1, 10);
  return attempts === 3 ? {} : { retry: { attempts } };
}

function readTimeouts(directives: Directives): Record<string, unknown> {
  const server = readTimer(directives, 'server', true);
  const connect = readTimer(directives, 'connect');
  const tunnel = readTimer(directives, 'tunnel', true);
  const timeouts = {
    ...(connect !== undefined && { connect }),
    ...(server !== undefined && { response: server, responseBody: server }),
    ...(tunnel !== undefined && { tunnel }),
  };
  return Object.keys(timeouts).length === 0 ? {} : { timeouts };
}

/** `timeout NAME` as a config has it. `endless`: it may be off. */
export function readTimer(directives: Directives, name: string, endless = false): string | undefined {
  const { report } = directives;
  const line = directives.last('timeout', name);
  if (line === undefined) return undefined;
  const word = line.words[2];
  const time = parseTime(word);
  if (time === null) report.leaveOut(line, `"${word ?? ''}" is no time`);
  else if (time === 0 && !endless) report.leaveOut(line, 'this time has an end here: the usual one stays');
  else if (time > maxTimerMs) report.change(line, 'the longest time is 596h');
  else report.carry(line);
  return time === null || (time === 0 && !endless) ? undefined : writeTime(time, maxTimerMs);
}

function readIgnored(directives: Directives): Pool['ignored'] {
  const { report } = directives;
  const lines = directives.all('ignore-persist');
  if (lines.length === 0) return [];
  const acls = new Acls(directives);
  return lines.flatMap((line) => {
    const condition = acls.read(line.words.slice(1));
    if ('why' in condition) {
      report.leaveOut(line, condition.why);
      return [];
    }
    report.carry(line);
    for (const change of condition.changes) report.change(line, change);
    for (const [acl, changes] of condition.acls) {
      report.carry(acl);
      for (const change of changes) report.change(acl, change);
    }
    for (const [acl, whys] of condition.missing) {
      for (const why of whys) report.change(acl ?? line, `${why}: such requests keep their session`);
    }
    return [{ line, matches: condition.matches }];
  });
}
