/** HTTP of the documentation: heads and header lines are read by the balancer's own parser, and syntax by its readers. */

import { RequestHead, ResponseHead } from '../../src/http/head.ts';
import { readAttributes } from '../../src/http/session-cookie.ts';
import { readEpoch, readPut, readRotate } from '../../src/http/session-headers.ts';
import { readSessionHeader } from '../../src/session/sticky/protocol.ts';

const limits = { headBytes: 16_384, headers: 100, uriBytes: 4096 };

/** Heads with an empty line between them, or header lines alone. A comment behind a line, after three spaces, is none of it. */
export function flawOfHttp(text: string): string {
  return text
    .split(/\n\n+/)
    .map((part) => {
      const lines = part.split('\n').map((line) => line.replace(/ {3,}# .*$/, ''));
      if (lines[0]!.startsWith('HTTP/')) return faultOf(new ResponseHead(limits), lines);
      const isRequest = / HTTP\/1\.[01]$/.test(lines[0]!);
      return faultOf(
        new RequestHead(limits),
        isRequest ? lines : ['GET / HTTP/1.1', 'Host: a', ...lines.filter(isOther)],
      );
    })
    .filter((flaw) => flaw !== '')
    .join('; ');
}

function isOther(line: string): boolean {
  return !/^host:/i.test(line);
}

function faultOf(head: RequestHead | ResponseHead, lines: readonly string[]): string {
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  const read = head instanceof RequestHead ? head.read(bytes, 0, bytes.length) : head.read(bytes, 0, bytes.length);
  if (read === bytes.length) return '';
  return `${lines[0]}: ${head.fault?.code ?? 'not a whole head'}`;
}

/** Examples of what the session protocol calls by name. */
const placeholders: readonly (readonly [RegExp, string])[] = [
  [/<sid>|<32 hex digits>/g, '0123456789abcdef0123456789abcdef'],
  [/<8 hex digits>/g, '01234567'],
  [/<n>|<s>/g, '7'],
  [/<0\|1>/g, '1'],
  [/<strict\|lax\|none>/g, 'lax'],
  [/reason=<word>/g, 'reason=held'],
  [/<url>/g, 'unix:/run/store.sock:/v1/3'],
  [/<base64url>/g, 'e30'],
  [/<percent-encoded>/g, '%2Fa'],
  [/<[a-z ]+>/g, 'a'],
];

/** Lines as `Limpet-Session-Put: epoch=<n>[; user=<32 hex digits>]`: with all that may be left out, and without it. */
export function flawOfSyntax(text: string): string {
  return text
    .split('\n')
    .flatMap((line) => {
      const filled = placeholders.reduce((all, [pattern, example]) => all.replace(pattern, example), line);
      return [filled.replaceAll(/\[(; [^\]]*)\]/g, '$1'), filled.replaceAll(/\[; [^\]]*\]/g, '')];
    })
    .filter((line) => !isUnderstood(line))
    .map((line) => `not understood: ${line}`)
    .join('; ');
}

function isUnderstood(line: string): boolean {
  const [name = '', value = ''] = line.split(/: (.*)/s);
  switch (name) {
    case 'Limpet-Session':
      return typeof readSessionHeader(value) !== 'string';
    case 'Limpet-Session-Put':
      return readPut(value) !== null;
    case 'Limpet-Session-Delete':
      return readEpoch(value) > 0;
    case 'Limpet-Session-Rotate':
      return readRotate(value) !== null;
    case 'Limpet-Session-Cookie':
      return readAttributes(value) !== 'bad';
    default:
      return false;
  }
}
