/** Servers that speak HTTP/2 (node:http2) for the balancer under test, in the test's own process on a free port: plain, or over TLS. */
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type Settings,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { host } from './host.ts';
import type { Origin } from './origin.ts';

export type StreamHandler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, name: string) => void;

export interface H2Origin extends Origin {
  /** Connections that are open now, in order of arrival. */
  readonly sessions: () => readonly ServerHttp2Session[];
  /** Connections, and streams, up to now. */
  readonly connections: () => number;
  readonly streams: () => number;
}

export interface H2OriginOptions {
  readonly settings?: Settings;
  /** Left out: plain, by prior knowledge. */
  readonly tls?: SecureServerOptions;
}

/** Without a handler it answers with its name. What a handler throws resets its stream. */
export async function h2Origin(
  name: string,
  handler: StreamHandler = sayName,
  { settings = {}, tls }: H2OriginOptions = {},
): Promise<H2Origin> {
  const sessions = new Set<ServerHttp2Session>();
  let connections = 0;
  let streams = 0;
  const server: Http2Server | Http2SecureServer =
    tls === undefined ? createServer({ settings }) : createSecureServer({ settings, ...tls });
  server.on('session', (session: ServerHttp2Session) => {
    connections++;
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', () => {});
  });
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    streams++;
    // The client or the balancer went away: nobody to answer.
    stream.on('error', () => {});
    handler(stream, headers, name);
  });
  server.on('error', () => {});
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(0, host, () => done());
  });
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((done) => {
      server.close(() => done());
      for (const session of sessions) session.destroy();
    });
  return {
    name,
    port,
    address: `${host}:${port}`,
    sessions: () => [...sessions],
    connections: () => connections,
    streams: () => streams,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function sayName(stream: ServerHttp2Stream, _headers: IncomingHttpHeaders, name: string): void {
  stream.respond({ ':status': 200, 'content-type': 'text/plain', 'x-server': name });
  stream.end(name);
}

/** What a handler answers with as JSON: what it was asked. */
export interface StreamEcho {
  readonly server: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
}

export function echoStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, name: string): void {
  const chunks: Buffer[] = [];
  let trailers: IncomingHttpHeaders = {};
  stream.on('trailers', (got) => {
    trailers = got;
  });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => {
    const echo: StreamEcho = {
      server: name,
      headers: { ...headers },
      body: Buffer.concat(chunks).toString(),
      trailers,
    };
    stream.respond({ ':status': 200, 'content-type': 'application/json' });
    stream.end(JSON.stringify(echo));
  });
}
