/** The stickiness of Envoy as affinities: the filter for stateful sessions, and the hash policies of a route. */

import { formatDuration } from '../../config/units.ts';
import { commonReasons } from '../common-reasons.ts';
import type { Fields } from '../config-builder.ts';
import { entryOf } from '../names.ts';
import { isCookiePath, isToken } from '../values.ts';
import type { Part } from '../yaml/part.ts';
import { at, configOf, durationAt, extension, textAt } from './fields.ts';

export interface Stickiness {
  readonly cookie: Fields | null;
  readonly affinity: readonly unknown[];
  readonly fields: Fields;
}

export const notSticky: Stickiness = { cookie: null, affinity: [], fields: {} };

/** The session lasts as long as the ttl of the cookie, or until the browser is closed. */
function cookieOf(part: Part | null, change: (why: string) => void): Fields | null {
  const name = at(part, 'name');
  if (part === null || name === null || !isToken(name.text() ?? '')) return null;
  name.carry();
  const cookie: Fields = { name: name.text(), idle: 'off' };
  const path = at(part, 'path');
  const text = path?.text() ?? '/';
  if (isCookiePath(text) && (text === '/' || !/^__Host-/i.test(String(cookie.name)))) {
    if (text !== '/') cookie.path = text;
    path?.carry();
  } else if (text !== '') change('its path is no path of a cookie');
  const ttl = durationAt(part, 'ttl');
  if (ttl !== null) at(part, 'ttl')?.carry();
  if (ttl !== null && ttl > 0) Object.assign(cookie, { lifetime: 'permanent', absolute: formatDuration(ttl) });
  for (const one of at(part, 'attributes')?.items() ?? []) readAttribute(one, cookie);
  return cookie;
}

function readAttribute(part: Part, cookie: Fields): void {
  const name = textAt(part, 'name')?.toLowerCase();
  const value = textAt(part, 'value') ?? '';
  const site = entryOf({ strict: 'Strict', lax: 'Lax', none: 'None' }, value.toLowerCase());
  if (name === 'samesite' && site !== undefined) {
    if (site !== 'Lax') cookie.sameSite = site;
    if (site === 'None') cookie.secure = 'always';
  } else if (name === 'secure') cookie.secure = 'always';
  else if (name !== 'httponly') {
    part.leave('a cookie here has no such attribute');
    return;
  }
  part.carryAll();
}

/** `config`: of the filter, or of the route that overrides it. Returns null if it has no session state. */
export function statefulSession(config: Part | null): Stickiness | null {
  const state = at(config, 'session_state');
  const inner = configOf(state);
  if (config === null || state === null || inner === null) return null;
  const kind = extension(state);
  const strict = at(config, 'strict');
  const fields = strict?.text() === 'true' ? { whenOwnerFails: { reject: 503 } } : {};
  const carry = () => {
    for (const part of [config, state, inner]) part.carry();
    for (const part of [config, inner]) part.carryAt('@type');
    state.carryAt('name');
    strict?.carry();
  };
  const cookie = /cookie/.test(kind) ? cookieOf(at(inner, 'cookie'), (why) => inner.change(why)) : null;
  if (cookie !== null) {
    carry();
    return { cookie, affinity: [], fields };
  }
  const header = at(inner, 'name');
  if (/header/.test(kind) && header !== null && isToken(header.text() ?? '')) {
    carry();
    header.carry();
    header.warn(
      'not-sticky',
      'Envoy gave clients this header itself: here the servers or the clients have to name the session in it',
    );
    return { cookie: null, affinity: [{ header: header.text() }], fields };
  }
  state.warn('not-sticky', 'only a cookie and a header can hold the session');
  return null;
}

/** `hash_policy` of a route to a cluster that hashes. The result is empty if no policy can be carried over. */
export function hashPolicies(list: Part | null): Stickiness {
  const items = list?.items() ?? [];
  let cookie: Fields | null = null;
  const affinity: unknown[] = [];
  for (const [index, item] of items.entries()) {
    const found = hashPolicy(item);
    if (found === null) {
      item.warn('not-sticky', 'no affinity looks at this: its clients go anywhere');
      continue;
    }
    item.carry();
    at(item, 'terminal')?.carry();
    if (index > 0 && textAt(items[index - 1] ?? null, 'terminal') !== 'true') {
      item.change('the first of them that a request has counts, and not all together');
    }
    if ('cookie' in found && cookie === null) cookie = found.cookie;
    else if ('entry' in found) affinity.push(found.entry);
  }
  // The cookie comes first here, wherever it is in the list.
  return { cookie, affinity, fields: {} };
}

function hashPolicy(item: Part): { readonly cookie: Fields } | { readonly entry: unknown } | null {
  const cookiePolicy = at(item, 'cookie');
  if (cookiePolicy !== null) {
    cookiePolicy.carry();
    const name = textAt(cookiePolicy, 'name') ?? '';
    // Without a ttl Envoy does not set the cookie: it is the cookie of the application.
    if (at(cookiePolicy, 'ttl') === null) {
      if (!isToken(name)) return null;
      cookiePolicy.carryAt('name');
      cookiePolicy.change('the cookie is learned as the app sets it');
      return { entry: { learn: { cookie: name } } };
    }
    const cookie = cookieOf(cookiePolicy, (why) => cookiePolicy.change(why));
    return cookie === null ? null : { cookie };
  }
  const header = at(item, 'header', 'header_name');
  if (header !== null) {
    const name = header.text() ?? '';
    if (at(item, 'header', 'regex_rewrite') !== null) return null;
    if (name === ':path') {
      header.change('the key is the path without its query');
      return { entry: { path: '^(.*)$' } };
    }
    if (!isToken(name) || /^cookie$/i.test(name)) return null;
    header.change(commonReasons.keyStays);
    return { entry: { header: name } };
  }
  const query = at(item, 'query_parameter', 'name');
  if (query !== null && (query.text() ?? '') !== '' && (query.text() ?? '').length <= 256) {
    query.change(commonReasons.keyStays);
    return { entry: { query: query.text() } };
  }
  const address = at(item, 'connection_properties', 'source_ip');
  if (address?.text() !== 'true') return null;
  address.change(commonReasons.otherHash);
  return { entry: { 'source-ip': { ipv6Prefix: 128 } } };
}
