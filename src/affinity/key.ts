/** A text that the client gives by itself and by which it can be known: a header, a cookie or a query parameter. */
import type { KeyOptions } from '../config/options.ts';
import { QUESTION } from '../http/bytes.ts';
import { CookieScan } from '../http/cookie.ts';
import type { RequestHead } from '../http/head.ts';
import { find } from '../http/scan.ts';
import type { Splice } from '../http/splice.ts';
import { AMPERSAND, isParameter, nextHeader } from './place.ts';

/** Makes the function that reads the first such text of a request, null when there is none. */
export function keyReader({ from, name }: KeyOptions): (request: RequestHead) => string | null {
  if (from === 'query') {
    const wanted = Buffer.from(name);
    return (request) => queryValue(request, wanted);
  }
  if (from === 'header') {
    const lower = name.toLowerCase();
    return ({ headers }) => {
      const i = nextHeader(headers, lower, 0);
      return i < 0 ? null : headers.value(i);
    };
  }
  const scan = new CookieScan();
  const cookieName = Buffer.from(name, 'latin1');
  return (request) => {
    scan.begin(request.headers, cookieName, null);
    return scan.next() ? request.bytes.toString('latin1', scan.valueStart, scan.valueEnd) : null;
  };
}

/** Takes every such text out of what the server gets. */
export function hideKey(request: RequestHead, { from, name }: KeyOptions, edit: Splice): void {
  const { headers } = request;
  if (from === 'query') {
    hideParameter(request, Buffer.from(name), edit);
  } else if (from === 'header') {
    const lower = name.toLowerCase();
    for (let i = -1; (i = nextHeader(headers, lower, i + 1)) >= 0; ) edit.cutLine(headers, i);
  } else {
    const scan = new CookieScan();
    scan.begin(headers, Buffer.from(name, 'latin1'), edit);
    while (scan.next());
  }
}

/** Percent-decoded, `+` as a space, as forms write it. */
function queryValue({ bytes, pathStart, pathEnd }: RequestHead, name: Uint8Array): string | null {
  for (let start = queryOf(bytes, pathStart, pathEnd); start < pathEnd; ) {
    const end = find(bytes, start, pathEnd, AMPERSAND);
    // One pair is read as forms are; to read them all would make objects of everything that a client can write there.
    if (isParameter(bytes, start, end, name))
      return [...new URLSearchParams(bytes.toString('latin1', start, end)).values()][0] ?? null;
    start = end + 1;
  }
  return null;
}

/** Cuts that put nothing in their place: they may overlap with those of others. */
function hideParameter({ bytes, pathStart, pathEnd }: RequestHead, name: Uint8Array, edit: Splice): void {
  let start = queryOf(bytes, pathStart, pathEnd);
  // The `?` goes too when nothing is left behind it.
  let keptEnd = start - 1;
  let hidden = false;
  // An empty parameter at the end is one, too.
  while (start <= pathEnd) {
    const end = find(bytes, start, pathEnd, AMPERSAND);
    hidden = isParameter(bytes, start, end, name);
    if (hidden) edit.cut(start, Math.min(end + 1, pathEnd));
    else keptEnd = end;
    start = end + 1;
  }
  if (hidden) edit.cut(keptEnd, pathEnd);
}

/** Where the query begins, behind its `?`; beyond `end` when there is none. */
function queryOf(bytes: Buffer, start: number, end: number): number {
  return find(bytes, start, end, QUESTION) + 1;
}
