/**
 * Strict-Transport-Security (RFC 6797): browsers that have been here over TLS use nothing else from then on. It is only sent over TLS, and
 * the one of the config replaces that of a server: browsers read the first of several, and who runs the listener knows how long it has TLS.
 */
import type { Headers } from './headers.ts';
import { Name } from './names.ts';
import type { Splice } from './splice.ts';

/** As the config has it; milliseconds. */
export interface HstsSettings {
  readonly maxAge: number;
  readonly includeSubdomains: boolean;
  readonly preload: boolean;
}

/** The header line with its CR LF; '': none. */
export function hstsLine(hsts: HstsSettings | null): string {
  if (hsts === null) return '';
  const { maxAge, includeSubdomains, preload } = hsts;
  const directives = `max-age=${Math.floor(maxAge / 1000)}${includeSubdomains ? '; includeSubDomains' : ''}${preload ? '; preload' : ''}`;
  return `Strict-Transport-Security: ${directives}\r\n`;
}

/** Puts `line` in place of what the server has sent. */
export function replaceHsts(headers: Headers, line: string, edit: Splice): void {
  if (headers.has(Name.strictTransportSecurity)) {
    for (let i = headers.first(Name.strictTransportSecurity); i < headers.count; i++) {
      if (headers.id(i) === Name.strictTransportSecurity && !headers.isDropped(i)) edit.cutLine(headers, i);
    }
  }
  edit.addLine(line);
}
