/**
 * The parser of node:http (llhttp, strict), driven without a socket. `_http_common` is how Node itself reaches
 * it; there is no public door. Runs on Node only.
 */
import { METHODS } from 'node:http';
import { createRequire } from 'node:module';

/** The little of it that we use. */
interface Parser {
  initialize(type: number, resource: object, maxHeaderSize: number, lenient: number): void;
  execute(data: Buffer): number | (Error & { code: string; reason: string });
  [callback: number]: (...args: never[]) => number | undefined;
}

interface ParserClass {
  new (): Parser;
  readonly REQUEST: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
  readonly kLenientNone: number;
}

const { HTTPParser } = createRequire(import.meta.url)('_http_common') as { HTTPParser: ParserClass };

export interface NodeHead {
  readonly method: string;
  readonly url: string;
  readonly minor: number;
  readonly major: number;
  /** Names and values in turn, latin1. */
  readonly headers: readonly string[];
  readonly upgrade: boolean;
  readonly keepAlive: boolean;
}

export class NodeParser {
  /** Null until the head is complete. */
  head: NodeHead | null = null;
  /** The whole message, body included, has been read. */
  complete = false;
  body = '';
  /** `HPE_...: reason` once it has refused. */
  error = '';
  private headers: string[] = [];
  private url = '';
  private readonly parser = new HTTPParser();

  constructor() {
    const parser = this.parser;
    // More than 32 headers come in pieces, and then not with the end of the head.
    parser[HTTPParser.kOnHeaders] = (headers: string[], url: string) => {
      this.headers.push(...headers);
      this.url += url;
      return undefined;
    };
    parser[HTTPParser.kOnHeadersComplete] = (
      major: number,
      minor: number,
      headers: string[] | undefined,
      method: number,
      url: string | undefined,
      _status: number,
      _text: string,
      upgrade: boolean,
      keepAlive: boolean,
    ) => {
      this.head = {
        major,
        minor,
        upgrade,
        keepAlive,
        method: methodNames.get(method) ?? String(method),
        url: url ?? this.url,
        headers: headers ?? this.headers,
      };
      return 0;
    };
    parser[HTTPParser.kOnBody] = (data: Buffer) => {
      this.body += data.toString('latin1');
      return undefined;
    };
    parser[HTTPParser.kOnMessageComplete] = () => {
      this.complete = true;
      return undefined;
    };
  }

  begin(): void {
    this.head = null;
    this.complete = false;
    this.body = '';
    this.error = '';
    this.headers = [];
    this.url = '';
    this.parser.initialize(HTTPParser.REQUEST, {}, maxHeaderSize, HTTPParser.kLenientNone);
  }

  execute(data: Buffer): void {
    const result = this.parser.execute(data);
    if (typeof result !== 'number' && this.error === '') this.error = `${result.code}: ${result.reason}`;
  }
}

/** Beyond every head that the fuzz makes: limits are tested elsewhere. */
const maxHeaderSize = 1 << 20;

/** Methods come as numbers whose order Node keeps to itself: one request of each tells. */
const methodNames = new Map<number, string>();

function learnMethods(): void {
  const parser = new HTTPParser();
  for (const name of METHODS) {
    let seen = -1;
    parser[HTTPParser.kOnHeadersComplete] = (_major: number, _minor: number, _headers: string[], method: number) => {
      seen = method;
      return 0;
    };
    parser.initialize(HTTPParser.REQUEST, {}, maxHeaderSize, HTTPParser.kLenientNone);
    parser.execute(Buffer.from(`${name} ${name === 'CONNECT' ? 'a:80' : '/'} HTTP/1.1\r\nHost: a\r\n\r\n`));
    methodNames.set(seen, name);
  }
}

learnMethods();
