/** The `cookie` line of a backend as an affinity: `cookie` for insert and rewrite, `route` for values in a cookie of the application. */

import { isHostName } from '../../config/address.ts';
import { isReservedName } from '../names.ts';
import { isToken, maxAgeMs, writeTime } from '../values.ts';
import type { Directives } from './directives.ts';
import type { Line } from './lines.ts';
import type { Server } from './server.ts';
import { parseTime } from './values.ts';

export interface AffinityEntry {
  /** An entry of `pools.NAME.affinity`. */
  readonly entry: Readonly<Record<string, unknown>>;
  readonly line: Line;
}

const newToken = 'clients are placed anew once, for its value is a signed token and not the cookie value of a server';

export function readCookie(directives: Directives, servers: readonly Server[]): AffinityEntry | undefined {
  const { report } = directives;
  const line = directives.last('cookie');
  if (line === undefined) return undefined;
  const [, name = '', ...words] = line.words;
  const leaveOut = (why: string) => void report.leaveOut(line, why);
  const warnLost = (why: string) => void report.warn(line, 'not-sticky', why);
  if (!isToken(name)) return warnLost(`"${name}" is no name of a cookie`);
  const values = servers.map(({ options }) => options.get('cookie')).filter((value) => value !== undefined);
  if (values.length === 0 && !words.includes('dynamic')) {
    return leaveOut('no server of it has a cookie value, so HAProxy keeps nobody by it');
  }
  const mode = ['insert', 'prefix', 'rewrite'].find((one) => words.includes(one));
  if (mode === undefined) return readOwn(name, words, servers, line, directives);
  report.change(line, newToken);
  if (values.length > 0 && values.length < servers.length)
    report.change(line, 'servers without a cookie value are kept too');
  if (new Set(values).size < values.length) report.change(line, 'servers that share a cookie value are told apart');
  if (mode === 'prefix') {
    report.change(line, 'the table forgets a client after 8h without a request (rewrite.idle)');
    return { entry: { rewrite: name }, line };
  }
  if (mode === 'rewrite') {
    report.change(line, 'we give the cookie with the first response, whether or not the app sets it');
  }
  return { entry: { cookie: { name, ...readAttributes(name, words, line, directives) } }, line };
}

/** Without insert, prefix or rewrite the application sets the cookie to the value of a server: `route` with a map. */
function readOwn(
  name: string,
  words: readonly string[],
  servers: readonly Server[],
  line: Line,
  { report }: Directives,
): AffinityEntry | undefined {
  const map = new Map<string, string>();
  for (const { options, config } of servers) {
    const value = options.get('cookie');
    if (value !== undefined && !map.has(value)) map.set(value, String(config.name));
  }
  const odd = [...map.keys()].find((value) => isReservedName(value) || value.includes('*') || value === '');
  if (words.includes('dynamic') || odd !== undefined) {
    const why =
      odd === undefined
        ? 'its values are made from the addresses of the servers (dynamic)'
        : `"${odd}" is no value that a map can have`;
    return void report.warn(line, 'not-sticky', `${why}: list the value of each server`);
  }
  report.carry(line);
  const without = words.filter((word) => !['indirect', 'nocache', 'preserve', 'httponly', 'secure'].includes(word));
  if (without.length > 0) report.change(line, `without ${without.join(' ')}: the app itself sets the cookie`);
  if (map.size < servers.length) report.change(line, "servers without a value of their own are nobody's by it");
  return { entry: { route: { cookie: name, map: Object.fromEntries(map) } }, line };
}

function readAttributes(name: string, words: readonly string[], line: Line, { report }: Directives) {
  const change = (why: string) => report.change(line, why);
  const found: Record<string, unknown> = {};
  const times = { maxidle: 0, maxlife: 0 };
  let httpOnly = false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (['insert', 'rewrite', 'indirect', 'nocache'].includes(word)) continue;
    if (word === 'secure') found.secure = 'always';
    else if (word === 'httponly') httpOnly = true;
    else if (word === 'postonly') change('it comes with the first response, not only with one to POST (postonly)');
    else if (word === 'preserve')
      change('a cookie of that name that the app sets does not reach the client (preserve)');
    else if (word === 'dynamic')
      change('its value is made from the name of the server, not from its address (dynamic)');
    else if (word === 'domain') readDomain(name, words[++at] ?? '', found, change);
    else if (word === 'attr') readAttribute(words[++at] ?? '', found, change);
    else if (word === 'maxidle' || word === 'maxlife') {
      const value = words[++at] ?? '';
      const time = parseTime(value, 's');
      if (time === null) change(`"${word} ${value}" is no time`);
      else times[word] = Math.max(time, time > 0 ? 1000 : 0);
    } else change(`"${word}" is no option of a cookie`);
  }
  if (!httpOnly) change('scripts of the page cannot read it (httpOnly)');
  if (found.sameSite === 'None' || found.partitioned === true) found.secure = 'always';
  const { maxidle, maxlife } = times;
  if (maxlife > 0 && maxidle > maxlife) change('maxidle is never longer than maxlife');
  const idle = maxlife > 0 ? Math.min(maxidle, maxlife) : maxidle;
  return {
    ...found,
    // By default HAProxy never ends a session.
    idle: writeTime(idle, maxAgeMs),
    ...(maxlife > 0 && { absolute: writeTime(maxlife, maxAgeMs) }),
  };
}

function readDomain(name: string, word: string, found: Record<string, unknown>, change: (why: string) => void): void {
  const domain = word.replace(/^\./, '').toLowerCase();
  if (!isHostName(domain)) change(`"${word}" is no domain`);
  else if (/^__Host-/i.test(name)) change(`a cookie with the name ${name} has no domain`);
  else if (found.domain !== undefined) change(`a cookie has one domain: ${word} is another`);
  else found.domain = domain;
}

function readAttribute(attribute: string, found: Record<string, unknown>, change: (why: string) => void): void {
  const sameSite = /^SameSite=(Strict|Lax|None)$/i.exec(attribute)?.[1]?.toLowerCase();
  if (sameSite !== undefined) {
    if (sameSite !== 'lax') found.sameSite = sameSite === 'none' ? 'None' : 'Strict';
  } else if (/^Partitioned$/i.test(attribute)) found.partitioned = true;
  else change(`without the attribute ${attribute}`);
}
