/**
 * Reads the requests of one HTTP/1.1 connection piece by piece, strictly: the opinion of the bridge of what a client asks. It shares
 * no code with the balancer. Throws on whatever HTTP/1.1 does not allow, and on HTTP/1.0: neither can be carried over HTTP/2.
 */
import { type Header, readHeader, show } from '../raw.ts';

export interface RequestHead {
  readonly kind: 'head';
  readonly method: string;
  readonly target: string;
  /** In order and as spelled. */
  readonly headers: readonly Header[];
  /** Nothing follows the head. */
  readonly bodiless: boolean;
}

export type RequestPart =
  | RequestHead
  | { readonly kind: 'data'; readonly data: Buffer }
  | { readonly kind: 'end'; readonly trailers: readonly Header[] };

/** More than any limit that a test sets: how long a head may be is for the balancer to say. */
const maxHeadBytes = 1 << 20;

type State = 'head' | 'length' | 'chunk' | 'chunk-data' | 'chunk-end' | 'trailers';

export class RequestReader {
  private data: Buffer = Buffer.alloc(0);
  private state: State = 'head';
  /** Of the body, or of its current chunk. */
  private missing = 0;
  private trailers: Header[] = [];

  /** All that was not read: after an upgrade it is no HTTP/1.1 any more. */
  takeAll(): Buffer {
    const all = this.data;
    this.data = Buffer.alloc(0);
    return all;
  }

  push(piece: Buffer): void {
    this.data = this.data.length === 0 ? piece : Buffer.concat([this.data, piece]);
  }

  /** The next part of a request, or null when bytes are missing. */
  next(): RequestPart | null {
    for (;;) {
      switch (this.state) {
        case 'head':
          return this.readHead();
        case 'length':
          if (this.missing === 0) return this.finish();
          return this.takeData();
        case 'chunk': {
          const line = this.takeLine();
          if (line === null) return null;
          const size = /^([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/.exec(line)?.[1];
          if (size === undefined) throw new Error(`bad chunk line ${show(line)}`);
          this.missing = Number.parseInt(size, 16);
          this.state = this.missing === 0 ? 'trailers' : 'chunk-data';
          break;
        }
        case 'chunk-data':
          if (this.missing > 0) return this.takeData();
          this.state = 'chunk-end';
          break;
        case 'chunk-end': {
          if (this.data.length < 2) return null;
          if (this.takeLine() !== '') throw new Error('no CR LF after a chunk');
          this.state = 'chunk';
          break;
        }
        case 'trailers': {
          const line = this.takeLine();
          if (line === null) return null;
          if (line === '') return this.finish();
          this.trailers.push(readHeader(line));
        }
      }
    }
  }

  private readHead(): RequestHead | null {
    const end = this.data.indexOf('\r\n\r\n', 0, 'latin1');
    if (end < 0) {
      if (this.data.length > maxHeadBytes) throw new Error('a head without an end');
      return null;
    }
    const [line = '', ...lines] = this.data.toString('latin1', 0, end).split('\r\n');
    this.data = this.data.subarray(end + 4);
    const [, method = '', target = ''] = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (\S+) HTTP\/1\.1$/.exec(line) ?? [];
    if (method === '') throw new Error(`not a request of HTTP/1.1: ${show(line)}`);
    const headers = lines.map(readHeader);
    const framing = headers.filter(([name]) => /^(?:content-length|transfer-encoding)$/i.test(name));
    const [field] = framing;
    if (framing.length > 1) throw new Error(`two framings: ${show(framing.join(' | '))}`);
    const chunked = field !== undefined && field[0].toLowerCase() === 'transfer-encoding';
    if (field !== undefined && !(chunked ? /^chunked$/i : /^\d{1,15}$/).test(field[1]))
      throw new Error(`bad framing: ${show(field.join(': '))}`);
    this.missing = chunked ? 0 : Number(field?.[1] ?? 0);
    this.trailers = [];
    this.state = chunked ? 'chunk' : 'length';
    return { kind: 'head', method, target, headers, bodiless: !chunked && this.missing === 0 };
  }

  private takeData(): RequestPart | null {
    if (this.data.length === 0) return null;
    const data = this.data.subarray(0, this.missing);
    this.data = this.data.subarray(data.length);
    this.missing -= data.length;
    return { kind: 'data', data };
  }

  private takeLine(): string | null {
    const end = this.data.indexOf('\r\n', 0, 'latin1');
    if (end < 0) {
      if (this.data.length > maxHeadBytes) throw new Error('a line without an end');
      return null;
    }
    const line = this.data.toString('latin1', 0, end);
    this.data = this.data.subarray(end + 2);
    return line;
  }

  private finish(): RequestPart {
    this.state = 'head';
    return { kind: 'end', trailers: this.trailers };
  }
}
