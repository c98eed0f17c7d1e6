/** The servers of a backend: `server` and `default-server` lines, and what of their options has a counterpart. */
import type { Directives } from './haproxy-directives.ts';
import type { Ledger } from './haproxy-ledger.ts';
import type { Line } from './haproxy-lines.ts';
import { parseTime, parseWhole, serverAddress } from './haproxy-values.ts';

export interface Server {
  readonly line: Line;
  /** As in `pools.NAME.servers[]`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Options by name, those of `default-server` included; '' for one without a value. */
  readonly options: ReadonlyMap<string, string>;
}

/** Options that are read somewhere, and whether a value follows. */
const known: ReadonlyMap<string, boolean> = new Map([
  ...['check', 'backup', 'disabled', 'enabled', 'ssl', 'send-proxy', 'send-proxy-v2', 'stick', 'non-stick'].map(
    (name) => [name, false] as const,
  ),
  ...['inter', 'fall', 'rise', 'weight', 'maxconn', 'cookie', 'slowstart', 'observe', 'error-limit', 'id'].map(
    (name) => [name, true] as const,
  ),
]);

/** Options of which nothing comes along, and that have a value. */
const strange = new Set(
  (
    'addr agent-addr agent-inter agent-port agent-send alpn ca-file check-alpn check-proto check-sni ciphers ' +
    'ciphersuites crl-file crt downinter fastinter guid hash-key init-addr init-state log-bufsize log-proto max-reuse ' +
    'maxqueue minconn namespace on-error on-marked-down on-marked-up pool-low-conn pool-max-conn pool-purge-delay ' +
    'port proto redir resolve-net resolve-opts resolve-prefer resolvers set-proxy-v2-tlv-fmt shard sni socks4 source ' +
    'interface ssl-max-ver ssl-min-ver tcp-ut track usesrc verify verifyhost ws'
  ).split(' '),
);

/** Empty: nothing can be served. Each server that stays away has told why. */
export function readServers(directives: Directives): Server[] {
  const { ledger } = directives;
  const presets = new Map<string, string>();
  const found: Server[] = [];
  const spare: Server[] = [];
  for (const line of directives.lines) {
    const [word] = line.words;
    if (word === 'default-server') {
      ledger.carry(line);
      readOptions(line.words.slice(1), presets, line, ledger);
    } else if (word === 'server-template') {
      ledger.leaveOut(line, 'DNS tells its servers: list them one by one, each with a name and an address');
    } else if (word === 'server') {
      const server = readServer(line, presets, ledger);
      if (server !== null) (server.options.has('backup') ? spare : found).push(server);
    }
  }
  // HAProxy asks the backup servers only when all others are down: with no others they are the ordinary ones.
  const kept = found.length > 0 ? found : spare;
  for (const { line } of found.length > 0 ? spare : []) {
    ledger.leaveOut(line, 'a pool has no backup servers: as an ordinary one it would take requests all the time');
  }
  const servers = unlike(kept, ledger);
  for (const { line, options } of servers) {
    ledger.carry(line);
    if (options.has('backup'))
      ledger.change(line, 'it is an ordinary server here, for the pool has only backup servers');
  }
  return servers;
}

function readServer(line: Line, presets: ReadonlyMap<string, string>, ledger: Ledger): Server | null {
  const refuse = (why: string) => {
    ledger.leaveOut(line, why);
    return null;
  };
  const [, name, word, ...words] = line.words;
  if (name === undefined || word === undefined) return refuse('it has no name and address');
  if (!/^[\x21-\x7e]{1,128}$/.test(name))
    return refuse('its name has more than 128 characters, or one that does not print');
  const written = serverAddress(word);
  if ('why' in written) return refuse(written.why);
  const options = new Map(presets);
  const changes = readOptions(words, options, line, null);
  // Clear text where there was TLS would lay the sessions open.
  if (options.has('ssl')) return refuse('it speaks TLS, which is not spoken to servers here: give it a plain port');
  if (options.has('disabled')) return refuse('it is disabled');
  if (['send-proxy', 'send-proxy-v2'].some((option) => options.has(option))) {
    return refuse('it expects a PROXY line, which is not sent: let it read X-Forwarded-For');
  }
  const weight = parseWhole(options.get('weight') ?? '1', 0, 256);
  const maxRequests = parseWhole(options.get('maxconn') ?? '0', 0, 1_000_000);
  if (weight === null) changes.push(`"weight ${options.get('weight')}" is no weight`);
  if (maxRequests === null) changes.push(`"maxconn ${options.get('maxconn')}" is no number of connections`);
  for (const why of changes) ledger.change(line, why);
  const config = {
    name,
    address: written.address,
    ...(weight !== null && weight !== 1 && { weight }),
    ...(maxRequests && { maxRequests }),
  };
  return { line, config, options };
}

/** Into `options`, the later word winning. What has no counterpart is told at once, or when `ledger` is null returned. */
function readOptions(
  words: readonly string[],
  options: Map<string, string>,
  line: Line,
  ledger: Ledger | null,
): string[] {
  const without: string[] = [];
  const bad: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    const valued = known.get(word);
    if (word.startsWith('no-') && known.get(word.slice(3)) === false) options.delete(word.slice(3));
    else if (valued === undefined) {
      // Their value begins no option of its own.
      without.push(strange.has(word) ? [word, words[++at] ?? ''].join(' ').trim() : word);
    } else if (!valued) {
      if (word === 'enabled') options.delete('disabled');
      else options.set(word, '');
    } else {
      const value = words[++at] ?? '';
      if (['inter', 'slowstart'].includes(word) && parseTime(value) === null) bad.push(`"${word} ${value}" is no time`);
      else options.set(word, value);
    }
  }
  const changes = without.length === 0 ? bad : [...bad, `without ${without.join(', ')}: there is no counterpart`];
  for (const why of ledger === null ? [] : changes) ledger?.change(line, why);
  return changes;
}

/** One address is one server, and one name too. */
function unlike(servers: readonly Server[], ledger: Ledger): Server[] {
  const kept: Server[] = [];
  for (const server of servers) {
    const twin = kept.find(
      ({ config }) => config.address === server.config.address || config.name === server.config.name,
    );
    if (twin === undefined) kept.push(server);
    else
      ledger.leaveOut(
        server.line,
        `line ${twin.line.number} has its name or address already: one address is one server`,
      );
  }
  return kept;
}
