/**
 * The id of a request in a header such as X-Request-Id: where a client may give one, it stands in logs and goes to servers, so it is
 * short, and nothing in it can end a line, a quote or a list.
 */
import { equalsIgnoreCase } from './bytes.ts';
import type { Headers } from './headers.ts';
import { Name } from './names.ts';

/** The longest id that is taken over. Those of other proxies and tracers have 16 to 100 characters. */
export const longestRequestId = 128;

const wellFormed = new RegExp(`^[A-Za-z0-9._~:/+=@-]{1,${longestRequestId}}$`);

/** `lower`: name of the header in lower case. '' when there is none; null: it is not well formed, or there are several. */
export function readRequestId(headers: Headers, lower: string): string | null {
  let found = '';
  for (let i = 0; i < headers.count; i++) {
    if (headers.id(i) !== Name.other || headers.isDropped(i)) continue;
    if (!equalsIgnoreCase(headers.bytes, headers.lineStart(i), headers.nameEnd(i), lower)) continue;
    if (found !== '' || headers.valueEnd(i) - headers.valueStart(i) > longestRequestId) return null;
    found = headers.value(i);
    if (!wellFormed.test(found)) return null;
  }
  return found;
}
