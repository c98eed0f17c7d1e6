/** `lb_policy` of Caddy as an affinity, or as the balance policy for new sessions. */

import { formatDuration } from '../../config/units.ts';
import { commonReasons } from '../common-reasons.ts';
import type { Fields } from '../config-builder.ts';
import type { Directive } from '../directive.ts';
import type { DirectiveReport } from '../directive-report.ts';
import { isToken, parseGoDuration, parseWhole } from '../values.ts';

export interface Policy {
  readonly cookie: Fields | null;
  readonly affinity: readonly unknown[];
  readonly balance: string | null;
  /** In the order of the servers; null when all have the same weight. */
  readonly weights: readonly number[] | null;
  /** `first`: only the first server is used, the others are backups. */
  readonly firstOnly: boolean;
}

const plain: Policy = { cookie: null, affinity: [], balance: null, weights: null, firstOnly: false };

/** `secure`: clients use TLS. */
export function readPolicy(line: Directive | undefined, secure: boolean, report: DirectiveReport): Policy {
  // The default of Caddy.
  if (line === undefined) return { ...plain, balance: 'random' };
  const [name = '', ...args] = line.args;
  for (const inner of line.block ?? []) {
    report.leaveOut(inner, `"${inner.name}" is not known to this importer`);
  }
  const fallback = line.block?.find((inner) => inner.name === 'fallback');
  const rest = fallback === undefined ? 'random' : (readBalance(fallback.args).balance ?? null);
  if (fallback !== undefined) report.carry(fallback);
  const keyed = (affinity: unknown, change: string): Policy => {
    report.change(line, change);
    return { ...plain, affinity: [affinity], balance: rest };
  };
  switch (name) {
    case 'cookie':
      return { ...plain, cookie: readCookie(line, args, secure, report), balance: rest };
    case 'ip_hash':
    case 'client_ip_hash':
      return keyed({ 'source-ip': { ipv6Prefix: 128 } }, commonReasons.otherHash);
    case 'uri_hash':
      return keyed({ path: '^(.*)$' }, `the key is the path without its query, and ${commonReasons.otherHash}`);
    case 'header':
      if (!isToken(args[0] ?? '')) break;
      return keyed({ header: args[0] }, commonReasons.keyStays);
    case 'query':
      if (args[0] === undefined || args[0].length > 256) break;
      return keyed({ query: args[0] }, commonReasons.keyStays);
    case 'first':
      report.change(line, 'the first server alone is carried over');
      return { ...plain, firstOnly: true };
  }
  const { balance, weights } = readBalance(line.args);
  if (balance === undefined) {
    report.change(line, `"${line.args.join(' ')}" is not known to this importer: servers are taken at random`);
    report.warn(line, 'not-sticky', 'clients may have stayed with a server by this policy, and do not now');
    return { ...plain, balance: 'random' };
  }
  if (name === 'random_choose' && args[0] !== undefined && args[0] !== '2') {
    report.change(line, 'of two servers the one with fewer requests is taken');
  } else report.carry(line);
  return { ...plain, balance: balance, weights };
}

/** `balance` is undefined for an unknown policy, and null for the default policy of a pool. */
function readBalance([name = '', ...args]: readonly string[]): { balance?: string | null; weights: number[] | null } {
  if (name === 'weighted_round_robin') {
    const weights = args.map((arg) => parseWhole(arg, 0, 65_535));
    const whole = weights.filter((weight) => weight !== null);
    return { balance: 'round-robin', weights: whole.length === args.length ? whole : null };
  }
  const known: Readonly<Record<string, string | null>> = {
    random: 'random',
    random_choose: 'two-choices',
    round_robin: 'round-robin',
    least_conn: null,
  };
  return Object.hasOwn(known, name) ? { balance: known[name] ?? null, weights: null } : { weights: null };
}

/** As Caddy sets it: for the whole site, until the browser is closed, and with SameSite=None when the client uses TLS. */
function readCookie(
  line: Directive,
  [name = 'lb', secret]: readonly string[],
  secure: boolean,
  report: DirectiveReport,
): Fields {
  const cookie: Fields = isToken(name) ? { name, idle: 'off' } : { idle: 'off' };
  if (isToken(name)) report.carry(line);
  else report.change(line, `"${name}" is no name of a cookie: limpet is the name`);
  if (secure) Object.assign(cookie, { sameSite: 'None', secure: 'always' });
  if (secret !== undefined)
    report.change(line, 'tokens are signed with the keys of the config (keys), not with this secret');
  report.change(line, 'the cookie is HttpOnly');
  const age = line.block?.find((inner) => inner.name === 'max_age');
  const time = parseGoDuration(age?.args[0] ?? null);
  if (age !== undefined && time !== null && time > 0) {
    Object.assign(cookie, { lifetime: 'permanent', absolute: formatDuration(time) });
    report.carry(age);
  }
  return cookie;
}
