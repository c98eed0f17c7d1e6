/** A client of HTTP/2 (node:http2, by prior knowledge or over TLS) for scenarios that are about HTTP/2 itself: one connection, many streams. */
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type Settings,
} from 'node:http2';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { parseSetCookie } from './peers.ts';

export interface H2Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
  /** Statuses of interim responses. */
  readonly interim: readonly number[];
}

/** A stream that has ended by RST_STREAM, or whose connection has ended. */
export class StreamReset extends Error {
  /** RFC 9113 section 7. */
  readonly code: number;
  /** What of its response came before. */
  readonly body: string;

  constructor(code: number, body: string) {
    super(`the stream was reset with code ${code}`);
    this.code = code;
    this.body = body;
  }
}

/** The listener that these clients need. */
export const h2Listener = { address: '127.0.0.1:0', protocols: ['h2', 'h1'] } as const;

/** Megabytes. With more on its way, the client of Node resets streams by itself. */
const maxSessionMemory = 1000;

export class H2Session implements AsyncDisposable {
  readonly session: ClientHttp2Session;
  readonly cookies = new Map<string, string>();
  /** Codes of the GOAWAY frames that came, each with the last stream. */
  readonly goaways: { readonly code: number; readonly lastStream: number }[] = [];

  private constructor(session: ClientHttp2Session) {
    this.session = session;
    session.on('error', () => {});
    session.on('goaway', (code: number, lastStream: number) => void this.goaways.push({ code, lastStream }));
  }

  static async open(port: number, settings: Settings = {}): Promise<H2Session> {
    const session = connect(`http://127.0.0.1:${port}`, { settings, maxSessionMemory });
    const made = new H2Session(session);
    await once(session, 'connect');
    return made;
  }

  /** Over TLS, to the site of this name. Rejects when the handshake fails. */
  static async secure(port: number, name: string, options: ConnectionOptions = {}): Promise<H2Session> {
    const socket = connectTls({ ...options, host: '127.0.0.1', port, servername: name, ALPNProtocols: ['h2'] });
    await once(socket, 'secureConnect');
    const session = connect(`https://${name}:${port}`, { maxSessionMemory, createConnection: () => socket });
    const made = new H2Session(session);
    await once(session, 'connect');
    return made;
  }

  /** Sends a request; with `endStream` false its body is to come. The cookies that the session has go with it. */
  request(path: string, headers: OutgoingHttpHeaders = {}, endStream = true): ClientHttp2Stream {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const all = { ':path': path, ...(cookie !== '' && { cookie }), ...headers };
    const stream = this.session.request(all, { endStream });
    stream.on('error', () => {});
    return stream;
  }

  async ask(path = '/', headers: OutgoingHttpHeaders = {}, body?: string | Buffer): Promise<H2Reply> {
    const stream = this.request(path, headers, body === undefined);
    if (body !== undefined) stream.end(body);
    const reply = await replyTo(stream);
    for (const line of reply.headers['set-cookie'] ?? []) {
      const { name, value } = parseSetCookie(line);
      this.cookies.set(name, value);
    }
    return reply;
  }

  /** The connection is closed. */
  async closed(): Promise<void> {
    if (!this.session.closed && !this.session.destroyed) await once(this.session, 'close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.session.destroy();
  }
}

/** The whole response. Rejects with `StreamReset` when it is not one. */
export function replyTo(stream: ClientHttp2Stream): Promise<H2Reply> {
  return new Promise((resolve, reject) => {
    let headers: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    let hasEnded = false;
    const interim: number[] = [];
    const chunks: Buffer[] = [];
    stream.on('headers', (fields: IncomingHttpHeaders) => void interim.push(Number(fields[':status'])));
    stream.on('response', (fields: IncomingHttpHeaders) => {
      headers = fields;
    });
    stream.on('trailers', (fields: IncomingHttpHeaders) => {
      trailers = fields;
    });
    stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
    stream.on('end', () => {
      hasEnded = true;
    });
    stream.on('close', () => {
      const body = Buffer.concat(chunks).toString('latin1');
      const code = stream.rstCode ?? 0;
      if (code !== 0 || !hasEnded) reject(new StreamReset(code, body));
      else resolve({ status: Number(headers[':status']), headers, body, trailers, interim });
    });
  });
}
