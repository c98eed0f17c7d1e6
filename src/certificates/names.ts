/** The names of a certificate: what its subjectAltName says, as node:crypto writes it. */
import { altNamesOf } from '../net/client-certificate.ts';

/** The host names, in lower case, and IP addresses; those that no client can ask for are left out. */
export function hostNamesOf(written: string | undefined): string[] {
  const names = altNamesOf(written ?? '').flatMap((entry) => {
    const colon = entry.indexOf(':');
    const [kind, value] = [entry.slice(0, colon), entry.slice(colon + 1)];
    return kind === 'IP' || (kind === 'DNS' && hostPattern.test(value)) ? [value.toLowerCase()] : [];
  });
  return [...new Set(names)];
}

/** RFC 6125 section 6.4.3: a wildcard is the whole left-most label. */
const hostPattern =
  /^(?=.{1,253}$)(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;
