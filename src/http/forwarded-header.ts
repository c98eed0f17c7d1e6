/**
 * Reads Forwarded (RFC 7239): for each proxy on the way an element, of pairs whose values may be in quotes.
 *
 *      Forwarded: for=192.0.2.43;proto=https, for="[2001:db8::17]:4711";host="a,b"
 */
import { addressOf, plainAddress } from '../ip.ts';

/** What one proxy has said; '' where it has said nothing, or two things. */
export interface ForwardedElement {
  /** The node as it stands, without quotes: an address, `unknown`, or a name that hides one. */
  for: string;
  proto: string;
  host: string;
}

/**
 * The elements of one line, those that are empty left out. null: a quote that has no end, or what is no pair; where an element of it
 * begins and ends is then anybody's guess, so nothing of the line counts.
 */
export function readForwarded(line: string): ForwardedElement[] | null {
  const elements: ForwardedElement[] = [];
  let element: ForwardedElement | null = null;
  for (let p = 0; p < line.length; ) {
    const end = endOfPair(line, p);
    if (end < 0) return null;
    const pair = line.slice(p, end).trim();
    if (pair !== '') {
      element ??= { for: '', proto: '', host: '' };
      if (!readPair(pair, element)) return null;
    }
    if (element !== null && (end === line.length || line[end] === ',')) {
      elements.push(element);
      element = null;
    }
    p = end + 1;
  }
  // A pair that is closed by `;` with nothing behind it.
  if (element !== null) elements.push(element);
  return elements;
}

/** The `;` or `,` that ends the pair, or the end of the line; -1: a quote has no end. */
function endOfPair(line: string, start: number): number {
  let quoted = false;
  let p = start;
  for (; p < line.length; p++) {
    const char = line[p];
    if (quoted && char === '\\') p++;
    else if (char === '"') quoted = !quoted;
    else if (!quoted && (char === ';' || char === ',')) break;
  }
  return quoted ? -1 : Math.min(p, line.length);
}

function readPair(pair: string, element: ForwardedElement): boolean {
  const equals = pair.indexOf('=');
  if (equals <= 0) return false;
  const name = pair.slice(0, equals).trim().toLowerCase();
  const value = unquoted(pair.slice(equals + 1).trim());
  if (value === null) return false;
  if (name !== 'for' && name !== 'proto' && name !== 'host') return true;
  // Whoever reads the other one of two is of another opinion than we.
  element[name] = element[name] === '' || element[name] === value ? value : '';
  return true;
}

/** A token or a quoted string; null: neither. */
function unquoted(value: string): string | null {
  if (!value.startsWith('"')) return value.includes('"') ? null : value;
  const inner = value.slice(1, -1);
  if (value.length < 2 || !value.endsWith('"') || /(?:^|[^\\])(?:\\\\)*"/.test(inner)) return null;
  return inner.includes('\\') ? inner.replace(/\\(.)/g, '$1') : inner;
}

/** What `X-Forwarded-For` would say of that node. */
export function nodeAddress({ for: node }: ForwardedElement): string {
  return addressOf(node) || 'unknown';
}

/** The line with the addresses of IPv4 in their own spelling. */
export function plainNodes(line: string): string {
  if (!/ffff/i.test(line)) return line;
  return line.replace(/"\[([^\]"]+)\](:[^"]*)?"/g, (whole, address: string, port: string | undefined) => {
    const plain = plainAddress(address);
    if (plain === address) return whole;
    return port === undefined ? plain : `"${plain}${port}"`;
  });
}
