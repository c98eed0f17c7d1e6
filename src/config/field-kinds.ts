/**
 * Everything that the schema of an affinity is made of: zod, the kinds of values of `fields.ts`, and the names and times that several
 * affinities share. Each descriptor gets it as an argument and imports only its type, because worker threads load the descriptors too,
 * and should not load zod.
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

/** Attributes of RFC 2965, which clients send in the same header. */
const cookieAttribute = /^\$(?:version|path|domain|port)$/i;

const headerName = text('header name', 'a header name such as X-User', (name) =>
  /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/.test(name) ? name : null,
);

const queryName = text('parameter', 'the name of a query parameter', (name) =>
  name !== '' && name.length <= 256 ? name : null,
);

/** A time in the session table, which counts in seconds. In milliseconds. */
function storedTime() {
  return timeOrNone(longestTime, 1000);
}

/** The two times for which the table keeps a session. `usualIdleMs`: default of `idle`. */
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
