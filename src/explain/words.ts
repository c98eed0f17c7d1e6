/**
 * An explanation as text, one step below the other. Bytes from clients are escaped, so that none reaches the terminal as a
 * command.
 */
import type { Explanation } from './explanation.ts';

const indent = ' '.repeat(10);

export function inWords(e: Explanation): string {
  const lines: [label: string, ...text: string[]][] = [
    ['Request', e.request.line ?? 'cannot be read', ...e.request.notes],
    ['Time', `${e.now}, ${keys[e.keys]}`],
    ['Listener', `${e.listener}, ${client(e)}`],
    ['Route', route(e)],
  ];
  if (e.affinities.length > 0) {
    lines.splice(2, 0, ['Table', e.table.note]);
    lines.push([
      'Affinity',
      ...e.affinities.map(({ name, result, reason }) => `${name}: ${results[result]}: ${reason}`),
    ]);
  }
  if (e.session !== null) lines.push(['Session', session(e.session)]);
  if (e.session !== null) lines.push(['Owner', owner(e)]);
  if (e.servers.length > 0) lines.push(['Servers', servers(e)]);
  lines.push(['Decision', ...decision(e)]);
  if (e.toServer !== null) lines.push(['Server', `${e.decision.server} would see:`, ...headLines(e.toServer)]);
  lines.push(['Client', ...answer(e)]);
  return lines
    .map(([label, ...text]) => `${label.padEnd(indent.length)}${text.map(plain).join(`\n${indent}`)}\n`)
    .join('');
}

const keys = {
  config: 'keys of the config',
  state: 'key of the state folder',
  none: 'without a key: no token can be verified, and no place by hash is the one that the balancer would find',
} as const;

const results = {
  recognised: 'recognised',
  none: 'nothing',
  invalid: 'invalid',
  foreign: 'foreign',
  idle: 'idle too long',
  old: 'too old',
  ahead: 'from a clock that is ahead',
  ended: 'ended',
  'not-asked': 'not asked',
} as const;

function client({ client: { address, peer, trusted } }: Explanation): string {
  const name = `client ${address || 'on a unix-domain socket'}`;
  if (!trusted) return name;
  return address === peer
    ? `${name}, trusted`
    : `${name} behind the trusted proxy ${peer || 'on a unix-domain socket'}`;
}

function route({ route: found, request }: Explanation): string {
  if (found === null) return request.line === null ? 'not asked' : 'none matches';
  const { host, path, methods, extensions, listeners } = found.match;
  const parts = [`host ${host || 'any'}`, `path ${path}`];
  if (methods.length > 0) parts.push(`method ${methods.join(' or ')}`);
  if (extensions.length > 0) parts.push(`extension ${extensions.join(' or ')}`);
  if (listeners.length > 0) parts.push(`listener ${listeners.join(' or ')}`);
  return `routes[${found.index}] (${parts.join(', ')}): pool ${found.pool}${found.affinity ? '' : ', affinity: none'}`;
}

function session({ affinity, tag, epoch, born, dated, seen }: NonNullable<Explanation['session']>): string {
  const parts = [tag ?? `without an id (${affinity})`, epoch === 0 ? '' : `epoch ${epoch}`];
  if (born !== null) parts.push(`begun ${born}`);
  if (dated !== null) parts.push(`last dated ${dated}`);
  if (dated === null && seen !== null) parts.push(`last seen ${seen}`);
  return parts.filter(Boolean).join(', ');
}

const sources = { token: 'its token', table: 'the table', hash: 'hashing', fixed: 'the configured place' } as const;

function owner({ owner: found, table }: Explanation): string {
  if (found === null) return table.source === 'saved' ? 'nobody yet' : 'not known without the table';
  const { server, state, source, epoch } = found;
  const parts = [server ?? 'a server that the pool does not have', state, epoch === 0 ? '' : `epoch ${epoch}`];
  return `${parts.filter(Boolean).join(', ')}, says ${sources[source]}`;
}

function servers({ servers: all, panic }: Explanation): string {
  const text = all.map(({ name, state }) => `${name} ${state}`).join(', ');
  return panic ? `${text}: panic, so many are down that it is not believed` : text;
}

function decision({ attempts, decision: { kind, server, certain, reason } }: Explanation): string[] {
  const lines = [`${kind}${server === null ? '' : `: ${server}`}: ${reason}`];
  if (!certain) lines.push('not certain: load, chance, or what is not known here may say otherwise');
  if (attempts.some(({ result }) => result === 'refused')) {
    lines.push(`asked: ${attempts.map(({ server: name, result }) => `${name} (${result})`).join(', ')}`);
  }
  return lines;
}

function headLines(head: string): string[] {
  return head
    .trimEnd()
    .split('\r\n')
    .map((line) => `  ${line}`);
}

function answer({ toClient: { status, setCookies, reason, fault } }: Explanation): string[] {
  if (fault === null) {
    const cookies = setCookies.map((value) => `  Set-Cookie: ${value}`);
    return [`for a plain 200: ${setCookies.length === 0 ? 'no Set-Cookie' : 'a Set-Cookie'}: ${reason}`, ...cookies];
  }
  const where =
    fault.at === null ? '' : `, at line ${fault.at.line} column ${fault.at.column} (byte ${fault.at.offset})`;
  return [`${status} ${fault.code}${where}: ${fault.text}`];
}

/** Printable ASCII; every other byte as \xHH. */
function plain(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
