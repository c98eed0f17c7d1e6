/** `sticky.cookie` of a service of Traefik as the fields of the affinity `cookie`. */

import { isHostName } from '../../config/address.ts';
import { formatDuration } from '../../config/units.ts';
import { commonReasons } from '../common-reasons.ts';
import type { Fields } from '../config-builder.ts';
import { entryOf } from '../names.ts';
import { isCookiePath, isToken, maxAgeMs, parseWhole } from '../values.ts';
import type { Part } from '../yaml/part.ts';
import { field, fieldText } from './fields.ts';

/** Returns null if the service is not sticky. */
export function readSticky(sticky: Part | null): Fields | null {
  if (sticky === null) return null;
  const cookie = field(sticky, 'cookie');
  if (cookie?.text() === 'false' || sticky.text() === 'false') return null;
  if (cookie === null) {
    sticky.leave('without "cookie" Traefik keeps nobody');
    return null;
  }
  sticky.carry();
  cookie.carry();
  return readCookie(cookie);
}

function readCookie(cookie: Part): Fields {
  const fields: Fields = {};
  const take = (key: string, read: (text: string) => Fields | null, why: string): void => {
    const part = field(cookie, key);
    if (part === null) return;
    const found = read(part.text() ?? '');
    if (found === null) part.change(why);
    else part.carry();
    Object.assign(fields, found);
  };
  take('name', (text) => (isToken(text) ? { name: text } : null), 'it is no name of a cookie: limpet is the name');
  const isHostOnly = /^__Host-/i.test(fieldText(cookie, 'name') ?? '');
  const path = (text: string) =>
    text === '/' || text === '' ? {} : !isHostOnly && isCookiePath(text) ? { path: text } : null;
  take('path', path, isHostOnly ? commonReasons.hostOnlyCookie : 'it is no path of a cookie');
  const domain = (text: string) => {
    const name = text.replace(/^\./, '').toLowerCase();
    return !isHostOnly && isHostName(name) ? { domain: name } : text === '' ? {} : null;
  };
  take('domain', domain, isHostOnly ? commonReasons.hostOnlyCookie : 'it is no domain');
  take('secure', (text) => (text === 'true' ? { secure: 'always' } : text === 'false' ? {} : null), booleanReason);
  take('sameSite', readSameSite, 'expected none, lax or strict');
  take('httpOnly', (text) => (text === 'true' ? {} : text === 'false' ? { httpOnly: false } : null), booleanReason);
  if (field(cookie, 'httpOnly') === null) cookie.change('the cookie is HttpOnly');
  if (fields.sameSite === 'None' && fields.secure === undefined) {
    field(cookie, 'sameSite')?.change('browsers take it with Secure alone: the cookie is Secure');
    fields.secure = 'always';
  }
  // The cookie of Traefik has no idle timeout, and without maxAge it lasts until the browser is closed.
  fields.idle = 'off';
  take('maxAge', readAge, 'it is no number of seconds above 0');
  return fields;
}

const booleanReason = 'expected true or false';

function readSameSite(text: string): Fields | null {
  const site = entryOf({ none: 'None', lax: 'Lax', strict: 'Strict', default: 'Lax', '': 'Lax' }, text.toLowerCase());
  return site === undefined ? null : site === 'Lax' ? {} : { sameSite: site };
}

function readAge(text: string): Fields | null {
  if (text === '0') return {};
  const seconds = parseWhole(text, 1, maxAgeMs / 1000);
  return seconds === null ? null : { lifetime: 'permanent', absolute: formatDuration(seconds * 1000) };
}
