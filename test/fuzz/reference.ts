/**
 * A slow and obvious reader of chunked bodies (RFC 9112 section 7.1), for comparing: the whole input at
 * once, regular expressions, no states. Shares nothing with src/http/body.ts but the limits.
 */

export interface Decoded {
  /** `done`; `waits` for more; or the code of the fault. */
  readonly verdict: 'done' | 'waits' | 'bad-chunk' | 'bad-trailer';
  /** Data up to the end of the input, or to the fault. */
  readonly data: string;
  /** Trailer lines that may be passed on. */
  readonly trailers: readonly string[];
  /** Offset after the body, when `done`. */
  readonly end: number;
}

const maxDigits = 13;
const maxExtensionBytes = 16 * 1024;
const maxTrailerBytes = 8 * 1024;

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const quoted = '"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*"';
const extension = `;[ \\t]*${token}(?:[ \\t]*=[ \\t]*(?:${token}|${quoted}))?`;
const sizeLine = new RegExp(`^([0-9A-Fa-f]+)(${extension}(?:[ \\t]*${extension})*)?\\r\\n`);
/** One of these makes a whole line of whatever may be the beginning of one. */
const lineEnds = ['\r\n', '\n', '0\r\n', 'a\r\n', '"\r\n', 'a"\r\n', ';a\r\n'];
const trailerLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t\x20-\x7e\x80-\xff]*\r\n/;
const trailerLinePart = /^(?:\r|[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?::[\t\x20-\x7e\x80-\xff]*\r?)?)?$/;

/** `input` is latin1: a character is a byte. */
export function decodeChunked(input: string): Decoded {
  let at = 0;
  let data = '';
  let extensions = 0;
  const give = (verdict: Decoded['verdict'], trailers: string[] = [], end = 0) => ({ verdict, data, trailers, end });
  for (;;) {
    const rest = input.slice(at);
    const line = sizeLine.exec(rest);
    const digits = /^[0-9A-Fa-f]*/.exec(rest)?.[0] ?? '';
    if (digits.length > maxDigits) return give('bad-chunk');
    if (line === null) {
      const begun = /;([^\r]*)/.exec(rest)?.[1] ?? '';
      const part = lineEnds.some((end) => sizeLine.test(rest + end)) && extensions + begun.length <= maxExtensionBytes;
      return give(part ? 'waits' : 'bad-chunk');
    }
    extensions += Math.max(0, (line[2]?.length ?? 0) - 1);
    if (extensions > maxExtensionBytes) return give('bad-chunk');
    at += line[0].length;
    const size = Number.parseInt(digits, 16);
    extensions = Math.max(0, extensions - size);
    if (size === 0) break;
    data += input.slice(at, at + size);
    at += size;
    const after = input.slice(at, at + 2);
    if (after !== '\r\n') return give(after === '' || after === '\r' ? 'waits' : 'bad-chunk');
    at += 2;
  }
  const start = at;
  const trailers: string[] = [];
  for (;;) {
    const rest = input.slice(at);
    if (rest.startsWith('\r\n')) {
      return at + 2 - start > maxTrailerBytes ? give('bad-trailer') : give('done', trailers, at + 2);
    }
    const line = trailerLine.exec(rest);
    if (line === null) {
      const part = trailerLinePart.test(rest) && input.length - start < maxTrailerBytes;
      return give(part ? 'waits' : 'bad-trailer');
    }
    if (mayBeTrailer(line[1] ?? '')) trailers.push(line[0]);
    at += line[0].length;
  }
}

/** RFC 9110 section 6.5.1, and what our own headers would be taken for. The fuzz uses no other names. */
function mayBeTrailer(name: string): boolean {
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '-');
  return !/^(?:content-length|transfer-encoding|host|cookie|set-cookie|connection|x-forwarded-.*|limpet-.*|authorization|content-type|range|www-authenticate|if-match)$/.test(
    plain,
  );
}
