/** The key of `route` and `force`: a text in a header, a cookie or a query parameter of the request. */
import type { FieldKinds } from '../config/field-kinds.ts';
import { QUESTION } from '../http/bytes.ts';
import { CookieScan } from '../http/cookie.ts';
import type { RequestHead } from '../http/head.ts';
import { find } from '../http/scan.ts';
import type { Splice } from '../http/splice.ts';
import { maxTried } from './affinity.ts';
import { AMPERSAND, isParameter, nextHeader } from './id-sources.ts';

export interface KeyOptions {
  readonly from: 'header' | 'cookie' | 'query';
  readonly name: string;
}

/** Fields of the config, of which exactly one has to be there. */
export function keyFields({ cookieName, headerName, open, queryName }: FieldKinds) {
  return {
    header: open(headerName, undefined, 'The key is the value of this header.'),
    cookie: open(cookieName, undefined, 'The key is the value of this cookie.'),
    query: open(queryName, undefined, 'The key is the value of this query parameter.'),
  };
}

/** null: none of the fields is there, or more than one. */
export function keyOf(written: { readonly [From in KeyOptions['from']]?: string | undefined }): KeyOptions | null {
  const given = (['header', 'cookie', 'query'] as const).flatMap((from): KeyOptions[] => {
    const name = written[from];
    return name === undefined ? [] : [{ from, name }];
  });
  return given.length === 1 ? given[0]! : null;
}

/** As explanations write it. */
export function keyText({ from, name }: KeyOptions): string {
  return from === 'query' ? `query parameter ${name}` : `${from} ${name}`;
}

/** True: the request has such a text. */
export function hasKey(key: KeyOptions, request: RequestHead): boolean {
  const keys = new KeyScan(key);
  keys.begin(request);
  return keys.next() !== null;
}

/** Reads the texts of a request that may be the key, at most `maxTried` of them. Reused: `begin`, then `next` until null. */
export class KeyScan {
  private readonly from: KeyOptions['from'];
  private readonly lower: string;
  private readonly name: Uint8Array;
  private readonly cookies = new CookieScan();
  private request: RequestHead | null = null;
  private tried = 0;
  /** Index of the header that was read last, or position in the query. */
  private at = 0;

  constructor({ from, name }: KeyOptions) {
    this.from = from;
    this.lower = name.toLowerCase();
    this.name = Buffer.from(name, from === 'query' ? 'utf8' : 'latin1');
  }

  begin(request: RequestHead): void {
    const { headers, bytes, pathStart, pathEnd } = request;
    this.request = request;
    this.tried = 0;
    this.at = this.from === 'query' ? queryOf(bytes, pathStart, pathEnd) : -1;
    if (this.from === 'cookie') this.cookies.begin(headers, this.name, null);
  }

  next(): string | null {
    const { from, cookies, request } = this;
    if (++this.tried > maxTried) return null;
    if (from === 'query') return this.nextParameter(request!);
    const { bytes, headers } = request!;
    if (from === 'cookie')
      return cookies.next() ? bytes.toString('latin1', cookies.valueStart, cookies.valueEnd) : null;
    this.at = nextHeader(headers, this.lower, this.at + 1);
    return this.at < 0 ? null : headers.value(this.at);
  }

  /** Decoded as in forms: percent-encoding, and `+` for a space. */
  private nextParameter({ bytes, pathEnd }: RequestHead): string | null {
    while (this.at < pathEnd) {
      const start = this.at;
      const end = find(bytes, start, pathEnd, AMPERSAND);
      this.at = end + 1;
      // Only the pair with the right name is decoded: decoding all would make objects for everything that a client sends.
      if (isParameter(bytes, start, end, this.name))
        return [...new URLSearchParams(bytes.toString('latin1', start, end)).values()][0] ?? null;
    }
    return null;
  }
}

/** Removes every such text from what the server gets. */
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

/** Its cuts insert nothing, so they may overlap with cuts of other affinities. */
function hideParameter({ bytes, pathStart, pathEnd }: RequestHead, name: Uint8Array, edit: Splice): void {
  let start = queryOf(bytes, pathStart, pathEnd);
  // The `?` is removed too when nothing is left after it.
  let keptEnd = start - 1;
  let hidden = false;
  // An empty parameter at the end counts as one, too.
  while (start <= pathEnd) {
    const end = find(bytes, start, pathEnd, AMPERSAND);
    hidden = isParameter(bytes, start, end, name);
    if (hidden) edit.cut(start, Math.min(end + 1, pathEnd));
    else keptEnd = end;
    start = end + 1;
  }
  if (hidden) edit.cut(keptEnd, pathEnd);
}

/** Position of the query, after its `?`; beyond `end` when there is none. */
function queryOf(bytes: Buffer, start: number, end: number): number {
  return find(bytes, start, end, QUESTION) + 1;
}
