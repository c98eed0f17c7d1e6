/** A text that the client gives by itself and by which it can be known: a header, a cookie or a query parameter. */
import type { KeyOptions } from '../config/options.ts';
import { CookieScan } from '../http/cookie.ts';
import type { RequestHead } from '../http/head.ts';
import type { Splice } from '../http/splice.ts';
import { nextHeader } from './place.ts';

/** Makes the function that reads the first such text of a request, null when there is none. */
export function keyReader({ from, name }: KeyOptions): (request: RequestHead) => string | null {
  if (from === 'query') return (request) => queryValue(request, name);
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
    hideParameter(request, name, edit);
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
function queryValue(request: RequestHead, name: string): string | null {
  const target = targetOf(request);
  const query = target.indexOf('?');
  return query < 0 ? null : new URLSearchParams(target.slice(query + 1)).get(name);
}

/** Cuts that put nothing in their place: they may overlap with those of others. */
function hideParameter(request: RequestHead, name: string, edit: Splice): void {
  const target = targetOf(request);
  let start = target.indexOf('?') + 1;
  if (start === 0) return;
  // The `?` goes too when nothing is left behind it.
  let keptEnd = start - 1;
  let hidden = false;
  for (const pair of target.slice(start).split('&')) {
    const end = start + pair.length;
    hidden = new URLSearchParams(pair).has(name);
    if (hidden) edit.cut(request.pathStart + start, request.pathStart + Math.min(end + 1, target.length));
    else keptEnd = end;
    start = end + 1;
  }
  if (hidden) edit.cut(request.pathStart + keptEnd, request.pathEnd);
}

function targetOf({ bytes, pathStart, pathEnd }: RequestHead): string {
  return bytes.toString('latin1', pathStart, pathEnd);
}
