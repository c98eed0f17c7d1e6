/**
 * Reads Forwarded (RFC 7239): one element for each proxy on the way, made of pairs whose values may be in quotes.
 *
 *      Forwarded: for=192.0.2.43;proto=https, for="[2001:db8::17]:4711";host="a,b"
 */
import { addressOf, plainAddress } from '../ip.ts';
import { BACKSLASH, COMMA, QUOTE, SEMICOLON, SP, TAB } from './bytes.ts';

/** The element of one proxy. '' for a field that is missing, or that is there twice with different values. */
export interface ForwardedElement {
  /** The node without quotes: an address, `unknown`, or a name that hides the address. */
  readonly for: string;
  readonly proto: string;
  readonly host: string;
}

type Open = { -readonly [Name in keyof ForwardedElement]: ForwardedElement[Name] };

/**
 * The last elements of one line, `most` at most, without empty ones. null: a quote is not closed, or a part is not a pair. Then nobody
 * can say where an element begins and ends, so nothing of the line counts.
 */
export function readForwarded(line: string, most: number): ForwardedElement[] | null {
  const ends = endsOf(line, COMMA, 0, line.length);
  if (ends === null) return null;
  const elements: ForwardedElement[] = [];
  for (let i = ends.length - 1; i >= 0 && elements.length < most; i--) {
    const start = i === 0 ? 0 : ends[i - 1]! + 1;
    const element = readElement(line, start, ends[i]!);
    if (element === null) return null;
    if (element !== 'empty') elements.push(element);
  }
  return elements.reverse();
}

function readElement(line: string, start: number, end: number): ForwardedElement | 'empty' | null {
  const element: Open = { for: '', proto: '', host: '' };
  let isEmpty = true;
  for (const pairEnd of endsOf(line, SEMICOLON, start, end) ?? []) {
    const [from, to] = [skipBlanks(line, start, pairEnd), pairEnd];
    start = pairEnd + 1;
    if (from === to) continue;
    isEmpty = false;
    if (!readPair(line, from, to, element)) return null;
  }
  return isEmpty ? 'empty' : element;
}

/** The positions of that character outside of quotes, and `end`; null: a quote is not closed. */
function endsOf(line: string, char: number, start: number, end: number): number[] | null {
  const ends: number[] = [];
  let isQuoted = false;
  for (let p = start; p < end; p++) {
    const code = line.charCodeAt(p);
    if (isQuoted && code === BACKSLASH) p++;
    else if (code === QUOTE) isQuoted = !isQuoted;
    else if (!isQuoted && code === char) ends.push(p);
  }
  ends.push(end);
  return isQuoted ? null : ends;
}

function readPair(line: string, start: number, end: number, element: Open): boolean {
  const equals = line.indexOf('=', start);
  if (equals <= start || equals >= end) return false;
  const name = line.slice(start, equals).trimEnd().toLowerCase();
  if (name !== 'for' && name !== 'proto' && name !== 'host') return true;
  const value = unquoted(line.slice(equals + 1, end).trim());
  if (value === null) return false;
  // Given twice: another reader may take the other value, so neither counts.
  element[name] = element[name] === '' || element[name] === value ? value : '';
  return true;
}

function skipBlanks(line: string, start: number, end: number): number {
  while (start < end && (line.charCodeAt(start) === SP || line.charCodeAt(start) === TAB)) start++;
  return start;
}

/** A token or a quoted string; null: neither. */
function unquoted(value: string): string | null {
  if (!value.startsWith('"')) return value.includes('"') ? null : value;
  const inner = value.slice(1, -1);
  if (value.length < 2 || !value.endsWith('"') || /(?:^|[^\\])(?:\\\\)*"/.test(inner)) return null;
  return inner.includes('\\') ? inner.replace(/\\(.)/g, '$1') : inner;
}

/** The node as `X-Forwarded-For` would write it. */
export function nodeAddress({ for: node }: ForwardedElement): string {
  return addressOf(node) || 'unknown';
}

/** The line with IPv4 addresses that were written as IPv6 in their IPv4 form. */
export function plainNodes(line: string): string {
  if (!/ffff/i.test(line)) return line;
  return line.replace(/"\[([^\]"]+)\](:[^"]*)?"/g, (whole, address: string, port: string | undefined) => {
    const plain = plainAddress(address);
    if (plain === address) return whole;
    return port === undefined ? plain : `"${plain}${port}"`;
  });
}
