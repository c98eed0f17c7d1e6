/** The servers of a backend: the lines `server`, `server-template` and `default-server`, and their options. */

import { isHostName } from '../../config/address.ts';
import { isReservedName } from '../names.ts';
import { isTemplate, templated } from '../template.ts';
import { parseWhole } from '../values.ts';
import type { Directives } from './directives.ts';
import type { LineReport } from './line-report.ts';
import type { Line } from './lines.ts';
import { type Bases, placed } from './tls.ts';
import { parseTime, serverAddress } from './values.ts';

export interface Server {
  readonly line: Line;
  /** As in `pools.NAME.servers[]`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** By name, with those of `default-server`; '' for an option without a value. */
  readonly options: ReadonlyMap<string, string>;
  /** `protocol` and `tls`, which a pool has for all of its servers. */
  readonly speaks: Readonly<Record<string, unknown>>;
}

/** Options of TLS, each with a value. */
const ofTls = new Set(['alpn', 'ca-file', 'crt', 'sni', 'verify', 'verifyhost']);

/** Options that are read, and whether they have a value. */
const known: ReadonlyMap<string, boolean> = new Map([
  ...['check', 'backup', 'disabled', 'enabled', 'ssl', 'send-proxy', 'send-proxy-v2', 'stick', 'non-stick'].map(
    (name) => [name, false] as const,
  ),
  ...['inter', 'fall', 'rise', 'weight', 'maxconn', 'cookie', 'slowstart', 'observe', 'error-limit', 'id'].map(
    (name) => [name, true] as const,
  ),
]);

/** Options that have a value and are left out. */
const omittedWithValue = new Set(
  (
    'addr agent-addr agent-inter agent-port agent-send alpn ca-file check-alpn check-proto check-sni ciphers ' +
    'ciphersuites crl-file crt downinter fastinter guid hash-key init-addr init-state log-bufsize log-proto max-reuse ' +
    'maxqueue minconn namespace on-error on-marked-down on-marked-up pool-low-conn pool-max-conn pool-purge-delay ' +
    'port proto redir resolve-net resolve-opts resolve-prefer resolvers set-proxy-v2-tlv-fmt shard sni socks4 source ' +
    'interface ssl-max-ver ssl-min-ver tcp-ut track usesrc verify verifyhost ws'
  ).split(' '),
);

/** Facts from other sections of the file about the servers of a backend. */
export interface ServerContext {
  /** The port to which clients connect, if it is only one: a server without a port uses it. */
  readonly port: number | undefined;
  /** The line with which this file itself listens at the address. */
  listensOn(address: string): Line | undefined;
  /** Why a server there would be a listener of the config; null if it is none. */
  whyLoop(address: string): string | null;
  readonly bases: Bases;
}

/** Each server that is left out gets a note. */
export function readServers(directives: Directives, context: ServerContext): Server[] {
  const { report } = directives;
  const defaultOptions = new Map<string, string>();
  const found: Server[] = [];
  const backups: Server[] = [];
  for (const line of directives.lines) {
    const [word] = line.words;
    if (word === 'default-server') {
      report.carry(line);
      readOptions(line.words.slice(1), defaultOptions, line, report);
    } else if (word === 'server-template') {
      const server = readTemplate(line, defaultOptions, context, report);
      if (server !== null) found.push(server);
    } else if (word === 'server') {
      const server = readServer(line, defaultOptions, context, report, line);
      if (server !== null) (server.options.has('backup') ? backups : found).push(server);
    }
  }
  // HAProxy uses backup servers only if all others are down. A backend with backup servers only uses them always.
  const kept = found.length > 0 ? found : backups;
  for (const { line } of found.length > 0 ? backups : []) {
    report.leaveOut(line, 'a pool has no backup servers: as an ordinary one it would take requests all the time');
  }
  const servers = withoutOthers(withoutDuplicates(kept, report), report);
  for (const { line, options } of servers) {
    report.carry(line);
    if (options.has('backup'))
      report.change(line, 'it is an ordinary server here, for the pool has only backup servers');
  }
  return servers;
}

/** `server-template PREFIX COUNT NAME:PORT`: one server for each address of the name. */
function readTemplate(
  line: Line,
  defaultOptions: ReadonlyMap<string, string>,
  context: ServerContext,
  report: LineReport,
): Server | null {
  const [word, prefix = '', count = '', ...rest] = line.words;
  const server = readServer({ ...line, words: [word, prefix, ...rest] }, defaultOptions, context, report, line);
  if (server === null) return null;
  report.change(line, `each address of the name is a server (resolve: all), not ${count} at most`);
  return { ...server, config: { ...server.config, resolve: 'all' } };
}

function readServer(
  { words: [, name, word, ...words] }: Line,
  defaultOptions: ReadonlyMap<string, string>,
  context: ServerContext,
  report: LineReport,
  line: Line,
): Server | null {
  const refuse = (why: string) => {
    report.warn(line, 'not-working', why);
    return null;
  };
  if (name === undefined || word === undefined) return refuse('it has no name and address');
  if (!/^[\x21-\x7e]{1,128}$/.test(name))
    return refuse('its name has more than 128 characters, or one that does not print');
  if (isTemplate(word)) return refuse(templated(word));
  const addressWithPort = withPort(word, context.port);
  const written = serverAddress(addressWithPort);
  if ('why' in written) return refuse(written.why);
  const options = new Map(defaultOptions);
  const changes = readOptions(words, options, line, null);
  if (addressWithPort !== word)
    changes.push(`without a port of its own it has the one that clients come to, ${context.port}`);
  if (options.has('disabled')) {
    report.leaveOut(line, 'it is disabled');
    return null;
  }
  if (['send-proxy', 'send-proxy-v2'].some((option) => options.has(option))) {
    return refuse('it expects a PROXY line, which is not sent: let it read X-Forwarded-For');
  }
  const protocol = /\bproto (\S+)/.exec(words.join(' '))?.[1];
  if (protocol !== undefined && protocol !== 'h1' && protocol !== 'h2')
    return refuse(`it speaks ${protocol}, and servers are asked by HTTP/1.1 or HTTP/2 here`);
  const h2 = protocol === 'h2' || (options.has('ssl') && options.get('alpn') === 'h2');
  const tls = options.has('ssl') ? readServerTls(options, context.bases, changes) : undefined;
  // Plain text instead of TLS would expose the sessions.
  if (tls === null) return refuse('a file of its TLS (ca-file, crt) has no folder that is known');
  const own = context.listensOn(written.address);
  if (own !== undefined)
    return refuse(`line ${own.number} of this file listens there: let the routes lead to the servers behind it`);
  const loop = context.whyLoop(written.address);
  if (loop !== null) return refuse(loop);
  const weight = parseWhole(options.get('weight') ?? '1', 0, 256);
  const maxRequests = parseWhole(options.get('maxconn') ?? '0', 0, 1_000_000);
  if (weight === null) changes.push(`"weight ${options.get('weight')}" is no weight`);
  if (maxRequests === null) changes.push(`"maxconn ${options.get('maxconn')}" is no number of connections`);
  if (isReservedName(name)) changes.push(`its name is ${name}-1: JavaScript keeps ${name} for itself`);
  for (const why of changes) report.change(line, why);
  const config = {
    name: isReservedName(name) ? `${name}-1` : name,
    address: written.address,
    ...(weight !== null && weight !== 1 && { weight }),
    ...(maxRequests && { maxRequests }),
  };
  const speaks = { ...(h2 && { protocol: 'h2' }), ...(tls !== undefined && { tls }) };
  return { line, config, options, speaks };
}

/** Servers that speak in the same way as most of them do: a pool has one `protocol` and one `tls`. */
function withoutOthers(servers: readonly Server[], report: LineReport): Server[] {
  const groups = new Map<string, Server[]>();
  for (const server of servers) {
    const text = JSON.stringify(server.speaks);
    groups.set(text, [...(groups.get(text) ?? []), server]);
  }
  const [largest = []] = [...groups.values()].toSorted((a, b) => b.length - a.length);
  for (const { line } of servers.filter((one) => !largest.includes(one)))
    report.warn(
      line,
      'not-working',
      'it speaks another protocol, or with other TLS, than most servers of its pool, which has one for all',
    );
  return largest;
}

/** null: the folder of a file is not known. */
function readServerTls(options: ReadonlyMap<string, string>, { ca, crt }: Bases, changes: string[]) {
  const verify = options.get('verify') !== 'none';
  const authority = options.get('ca-file') ?? '';
  const own = options.get('crt') ?? '';
  const [caFile, ownFile] = [placed(authority, ca), placed(own, crt)];
  // HAProxy: the authorities of the system.
  const isSystems = authority === '' || authority === '@system-ca';
  if ((verify && !isSystems && caFile === null) || (own !== '' && ownFile === null)) return null;
  const written = options.get('sni');
  const sni = /^str\(([\w.-]+)\)$/.exec(written ?? '')?.[1] ?? options.get('verifyhost');
  if (written !== undefined && !written.startsWith('str('))
    changes.push(
      `"sni ${written}" is left out: one name is asked for, that in tls.sni or in the address of the server`,
    );
  const tls = {
    ...(sni !== undefined && isHostName(sni) && { sni }),
    ...(verify && !isSystems && { ca: caFile }),
    ...(ownFile !== null && { cert: ownFile, key: ownFile }),
    ...(!verify && { verify }),
  };
  return Object.keys(tls).length === 0 ? true : tls;
}

/** Without a port HAProxy uses the port to which the client connected; `+N` and `-N` are relative to it. */
function withPort(word: string, port: number | undefined): string {
  const [, host = '', offset = ''] = /^((?:ipv[46]@)?(?:\[[^\]]*\]|[^:/]+))(?::([+-][0-9]+))?$/.exec(word) ?? [];
  return host === '' || port === undefined || host.includes('@unix') ? word : `${host}:${port + Number(offset || 0)}`;
}

/** Adds to `options`; a later word overrules an earlier one. Omissions are reported, or returned if `report` is null. */
function readOptions(
  words: readonly string[],
  options: Map<string, string>,
  line: Line,
  report: LineReport | null,
): string[] {
  const without: string[] = [];
  const secure: string[] = [];
  const bad: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    const valued = known.get(word);
    if (word.startsWith('no-') && known.get(word.slice(3)) === false) options.delete(word.slice(3));
    else if (ofTls.has(word)) {
      const value = words[++at] ?? '';
      secure.push(`${word} ${value}`.trim());
      options.set(word, value);
    } else if (word === 'proto') at++;
    else if (valued === undefined) {
      // The next word is the value of the option, not an option.
      without.push(omittedWithValue.has(word) ? [word, words[++at] ?? ''].join(' ').trim() : word);
    } else if (!valued) {
      if (word === 'enabled') options.delete('disabled');
      else options.set(word, '');
    } else {
      const value = words[++at] ?? '';
      if (['inter', 'slowstart'].includes(word) && parseTime(value) === null) bad.push(`"${word} ${value}" is no time`);
      else options.set(word, value);
    }
  }
  if (!options.has('ssl')) without.push(...secure);
  const changes = without.length === 0 ? bad : [...bad, `without ${without.join(', ')}: there is no counterpart`];
  for (const why of report === null ? [] : changes) report?.change(line, why);
  return changes;
}

/** Omits servers whose name or address another server has. */
function withoutDuplicates(servers: readonly Server[], report: LineReport): Server[] {
  const kept: Server[] = [];
  for (const server of servers) {
    const duplicate = kept.find(
      ({ config }) => config.address === server.config.address || config.name === server.config.name,
    );
    if (duplicate === undefined) kept.push(server);
    else
      report.leaveOut(
        server.line,
        `line ${duplicate.line.number} has its name or address already: one address is one server`,
      );
  }
  return kept;
}
