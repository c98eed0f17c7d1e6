/** Names and times that several affinities share, as a person may write them. */
import { isToken } from '../http/bytes.ts';
import { defaults } from './defaults.ts';
import { field, longestTime, open, text, timeOrNone } from './fields.ts';
import type { StoredTimes } from './options.ts';
import { formatDuration } from './units.ts';

/** RFC 6265 section 4.1.1: a cookie's name is a token. */
export const cookieName = text(
  'cookie name',
  'a cookie name: letters, digits and the like, no space or ; or =, and not $Version, $Path, $Domain or $Port',
  (name) =>
    name !== '' &&
    name.length <= 256 &&
    Array.from(name).every((char) => isToken[char.charCodeAt(0)] === 1) &&
    !ofCookies.test(name)
      ? name
      : null,
);

/** What RFC 2965 has clients write about a cookie, in the same header. */
const ofCookies = /^\$(?:version|path|domain|port)$/i;

export const headerName = text('header name', 'a header name such as X-User', (name) =>
  /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/.test(name) ? name : null,
);

export const queryName = text('parameter', 'the name of a query parameter', (name) =>
  name !== '' && name.length <= 256 ? name : null,
);

/** For how long the table keeps something. It counts in seconds. */
export function storedTime() {
  return timeOrNone(longestTime, 1000);
}

/** `usual`: the default of `idle`. */
export function storedTimes(usual: number) {
  return {
    idle: open(
      storedTime(),
      formatDuration(usual),
      'The table forgets a session after this long without a request. Left out, it is never longer than `absolute`. `off`: only when the table is full.',
    ),
    absolute: field(
      storedTime(),
      defaults.stored.absolute === 0 ? 'off' : formatDuration(defaults.stored.absolute),
      'The table forgets a session at this age, however busy it is.',
    ),
  };
}

/** Both times, filled: what the table may keep for `absolute` at most is not kept longer by a default. */
export function fillTimes(idle: number | undefined, absolute: number, usual: number): StoredTimes {
  return { idle: idle ?? (absolute === 0 ? usual : Math.min(usual, absolute)), absolute };
}
