/** Annotations of ingress-nginx about stickiness as an affinity. The order of the controller is: cookie, hash, balance. */

import { isHostName } from '../../config/address.ts';
import { commonReasons } from '../common-reasons.ts';
import { isCookiePath, isToken } from '../values.ts';
import type { Part } from '../yaml/part.ts';
import type { Pool, PoolCookie } from './pool.ts';
import { secondsOf } from './values.ts';

export const prefix = 'nginx.ingress.kubernetes.io/';

/** Finds an annotation by its name without the prefix. */
export type Annotation = (name: string) => Part | null;

export interface Stickiness {
  readonly affinity: Pool['affinity'];
  /** Returns a new object for each pool, because each pool may change its cookie. */
  readonly cookie: () => PoolCookie | null;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function stickinessOf(annotation: Annotation): Stickiness {
  const affinity = annotation('affinity');
  const hash = annotation('upstream-hash-by');
  if (affinity?.text() === 'cookie') {
    hash?.leave('the cookie goes before it, there too');
    annotation('load-balance')?.leave('the cookie goes before it, there too');
    return cookieOf(affinity, annotation);
  }
  const unknown = 'the only affinity that ingress-nginx knows is cookie';
  affinity?.leave(unknown).warn('not-sticky', unknown);
  const entry = hash === null ? null : hashOf(hash, annotation);
  if (entry !== null) {
    annotation('load-balance')?.leave('upstream-hash-by goes before it, there too');
    return { affinity: [entry], cookie: () => null, fields: {} };
  }
  return balanceOf(annotation('load-balance'));
}

function cookieOf(affinity: Part, annotation: Annotation): Stickiness {
  affinity.carry();
  const fields: PoolCookie['fields'] = { name: 'INGRESSCOOKIE' };
  const name = annotation('session-cookie-name');
  const take = (key: string, read: (text: string) => PoolCookie['fields'] | null, why: string) => {
    const part = annotation(`session-cookie-${key}`);
    const found = part === null ? null : read(part.text() ?? '');
    if (found === null) part?.leave(why);
    else Object.assign(fields, found);
    if (found !== null) part?.carry();
  };
  take('name', (text) => (isToken(text) ? { name: text } : null), 'it is no name of a cookie');
  const bare = /^__Host-/i.test(fields.name ?? '');
  const path = (text: string) => (isCookiePath(text) && (text === '/' || !bare) ? { path: text } : null);
  take('path', path, bare ? commonReasons.hostOnlyCookie : 'it is no path of a cookie');
  const domain = (text: string) => {
    const name = text.replace(/^\./, '').toLowerCase();
    return !bare && isHostName(name) ? { domain: name } : null;
  };
  take('domain', domain, bare ? commonReasons.hostOnlyCookie : 'it is no domain');
  take('samesite', (text) => (sameSites.includes(text) ? { sameSite: text } : null), 'expected Strict, Lax or None');
  const secure = (text: string) => (text === 'true' ? { secure: 'always' } : text === 'false' ? {} : null);
  take('secure', secure, 'expected "true" or "false"');
  const conditional = 'old browsers that misread SameSite=None are not told apart';
  take('conditional-samesite-none', (text) => (text === 'false' ? {} : null), conditional);
  ageOf(fields, annotation);
  const mode = annotation('affinity-mode');
  if (mode?.text() === 'persistent') mode.carry();
  else mode?.change('sessions stay where they are when servers are added, as in persistent: no part of them is moved');
  const failure = annotation('session-cookie-change-on-failure');
  const isTemporary = failure?.text() !== 'true';
  const why =
    'while the owner is down its clients borrow another server and then return; ingress-nginx keeps asking the owner until it is no endpoint any more';
  if (!isTemporary) failure?.carry();
  else (failure ?? affinity).change(why);
  const canary = annotation('affinity-canary-behavior');
  if (canary?.text() === 'sticky') canary.carry();
  else canary?.leave('sessions stick on a canary too');
  const followsPath = fields.path === undefined && annotation('use-regex')?.text() !== 'true';
  // Defaults are not written.
  if (fields.path === '/') delete fields.path;
  if (fields.sameSite === 'Lax') delete fields.sameSite;
  return {
    affinity: [],
    cookie: () => ({ fields: { ...fields }, followsPath, part: name ?? affinity }),
    fields: isTemporary ? { whenOwnerFails: 'temporary' } : {},
  };
}

const sameSites = ['Strict', 'Lax', 'None'];

/** The cookie of ingress-nginx has no idle timeout, and without an age it lasts until the browser is closed. */
function ageOf(fields: PoolCookie['fields'], annotation: Annotation): void {
  const [age, expires] = [annotation('session-cookie-max-age'), annotation('session-cookie-expires')];
  const ages = [age, expires].map((part) => secondsOf(part?.text() ?? null));
  const longest = ages[0] ?? ages[1] ?? null;
  fields.idle = 'off';
  for (const [index, part] of [age, expires].entries()) {
    if (ages[index] === null) part?.leave('expected a number of seconds above 0');
    else if (ages[index] === longest) part?.carry();
    else part?.leave('browsers let Max-Age go before Expires');
  }
  if (longest === null) return;
  fields.lifetime = 'permanent';
  fields.absolute = longest;
}

/** Finds the one variable that is the key; text around it does not matter. */
function hashOf(part: Part, annotation: Annotation): unknown {
  const written = part.text() ?? '';
  const variables = [...written.matchAll(/\$(?:\{([a-z0-9_]+)\}|([a-z0-9_]+))/gi)].map(
    (found) => found[1] ?? found[2] ?? '',
  );
  const [variable = '', ...more] = variables.filter((name) => !['host', 'http_host', 'scheme'].includes(name));
  const entry = more.length > 0 ? null : entryOf(variable);
  if (entry === null) {
    const why = `"${written}" is no key that is known here: expected one of the client's address, a header, a cookie, a parameter, the path`;
    part.leave(why).warn('not-sticky', why);
    return null;
  }
  const uri = variable === 'request_uri';
  const partial = uri
    ? 'the query is no part of the key, and '
    : variables.length > 1
      ? 'the host is no part of the key, and '
      : '';
  if (entry === 'source-ip') part.change(commonReasons.otherHash);
  else
    part.change(`${partial}a key stays with its server when others are added; requests without one go to any server`);
  annotation('upstream-hash-by-subset')?.leave('each key has one server, not a subset of them');
  annotation('upstream-hash-by-subset-size')?.leave('each key has one server, not a subset of them');
  return entry === 'source-ip' ? { 'source-ip': { ipv6Prefix: 128 } } : entry;
}

function entryOf(variable: string): unknown {
  if (['binary_remote_addr', 'remote_addr', 'the_real_ip'].includes(variable)) return 'source-ip';
  if (['request_uri', 'uri', 'document_uri'].includes(variable)) return { path: '(/.*)' };
  const [, from, name = ''] = /^(http|cookie|arg)_(.+)$/i.exec(variable) ?? [];
  const header = name.replaceAll('_', '-');
  if (from === 'http' && header === 'cookie') return null;
  if (from === 'http') return isToken(header) ? { header } : null;
  if (from === 'cookie') return isToken(name) ? { learn: { cookie: name } } : null;
  return from === 'arg' && name.length <= 256 ? { query: name } : null;
}

function balanceOf(part: Part | null): Stickiness {
  const none = { affinity: [], cookie: () => null };
  const roundRobin: Stickiness = { ...none, fields: { balance: 'round-robin' } };
  switch (part?.text()) {
    case 'round_robin':
      part.carry();
      return roundRobin;
    case 'least_conn':
      part.carry();
      return { ...none, fields: {} };
    case 'ewma':
      part.change('of two servers the one with fewer requests is taken, not the one with the shorter answers');
      return { ...none, fields: { balance: 'two-choices' } };
    case 'ip_hash':
      // nginx uses the first three octets of an IPv4 address, and the whole IPv6 address.
      part.change(commonReasons.otherHash);
      return { ...none, affinity: [{ 'source-ip': { ipv4Prefix: 24, ipv6Prefix: 128 } }], fields: {} };
    default:
      // The default of ingress-nginx.
      part?.leave('expected round_robin, least_conn, ewma or ip_hash; round-robin is taken, the default there');
      return roundRobin;
  }
}
