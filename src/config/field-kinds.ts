/**
 * What the schemas of affinities are written with: zod, the kinds of values of `fields.ts`, and the names and times that several
 * affinities share. It is handed to each descriptor, which names only its type: worker threads run affinities too, and must not load
 * zod for that.
 */
import { z } from 'zod';
import { isToken } from '../http/bytes.ts';
import { isHostName } from './address.ts';
import * as fields from './fields.ts';
import { formatDuration } from './units.ts';

const { field, longestTime, open, text, timeOrNone } = fields;

/** RFC 6265 section 4.1.1: a cookie's name is a token. */
const cookieName = text(
  'cookie name',
  'a cookie name: letters, digits and the like, no space or ; or =, and not $Version, $Path, $Domain or $Port',
  (name) =>
    name !== '' &&
    name.length <= 256 &&
    Array.from(name).every((char) => isToken[char.charCodeAt(0)] === 1) &&
    !cookieAttribute.test(name)
      ? name
      : null,
);

/** RFC 2965 has clients write these about a cookie, in the same header. */
const cookieAttribute = /^\$(?:version|path|domain|port)$/i;

const headerName = text('header name', 'a header name such as X-User', (name) =>
  /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/.test(name) ? name : null,
);

const queryName = text('parameter', 'the name of a query parameter', (name) =>
  name !== '' && name.length <= 256 ? name : null,
);

/** Milliseconds for which the session table keeps something. It counts in seconds. */
function storedTime() {
  return timeOrNone(longestTime, 1000);
}

/** How long the table keeps a session. `usualIdleMs`: the default of `idle`. */
function storedTimes(usualIdleMs: number) {
  return {
    idle: open(
      storedTime(),
      formatDuration(usualIdleMs),
      'The table forgets a session after this long without a request. Left out, it is never longer than `absolute`. `off`: only when the table is full.',
    ),
    absolute: field(storedTime(), 'off', 'The table forgets a session at this age, however busy it is.'),
  };
}

export const fieldKinds = {
  ...fields,
  z,
  formatDuration,
  isHostName,
  cookieName,
  headerName,
  queryName,
  storedTime,
  storedTimes,
};

export type FieldKinds = typeof fieldKinds;
