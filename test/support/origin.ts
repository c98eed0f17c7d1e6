/**
 * Servers for the balancer under test, in the test's own process on a free port: one that echoes what it
 * was asked (node:http), and one that answers with any bytes and remembers every byte it was sent.
 */
import { createHash } from 'node:crypto';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { host } from './host.ts';
import { gapBetweenPieces } from './pace.ts';

export interface Origin extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  /** `<host>:port`, as the config wants it. */
  readonly address: string;
  close(): Promise<void>;
}

/** What the echo handler answers, as JSON. */
export interface Echo {
  readonly server: string;
  readonly method: string;
  readonly url: string;
  /** Names and values in turn, as received. */
  readonly headers: readonly string[];
  readonly bodyLength: number;
  /** SHA-256 in hex. */
  readonly bodyHash: string;
  readonly trailers: readonly string[];
}

export type HttpHandler = (request: IncomingMessage, response: ServerResponse, name: string) => void;

export interface HttpOrigin extends Origin {
  /** Requests that have reached the handler. */
  readonly requests: () => number;
}

/** node:http; without a handler it answers `Echo`. Keeps connections open for 60 s. */
export async function httpOrigin(name: string, handler: HttpHandler = echo): Promise<HttpOrigin> {
  let requests = 0;
  const listener: RequestListener = (request, response) => {
    requests++;
    handler(request, response, name);
  };
  const server = createHttpServer({ keepAliveTimeout: 60_000 }, listener);
  return { ...(await open(name, server)), requests: () => requests };
}

function echo(request: IncomingMessage, response: ServerResponse, name: string): void {
  const hash = createHash('sha256');
  let bodyLength = 0;
  request.on('data', (chunk: Buffer) => {
    bodyLength += chunk.length;
    hash.update(chunk);
  });
  request.on('end', () => {
    const answer: Echo = {
      server: name,
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.rawHeaders,
      bodyLength,
      bodyHash: hash.digest('hex'),
      trailers: request.rawTrailers,
    };
    const body = Buffer.from(JSON.stringify(answer));
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length, 'X-Server': name });
    response.end(body);
  });
  // The client or the balancer went away: nobody to answer.
  request.on('error', () => {});
}

/** The end of a scripted answer: FIN after what was said, or RST. */
export const CLOSE: unique symbol = Symbol('close');
export const RESET: unique symbol = Symbol('reset');

/** One step of a scripted answer: bytes, a wait in ms, or how to leave. */
export type Step = Buffer | string | number | typeof CLOSE | typeof RESET;

export interface RawOriginConnection {
  /** Every byte received and not forgotten, in order. */
  readonly received: () => Buffer;
  /** Drops the first bytes: they have been dealt with. */
  readonly forget: (length: number) => void;
  readonly open: () => boolean;
  /** The peer's end: FIN, or the connection broke. */
  readonly ended: () => 'no' | 'fin' | 'reset';
  /** Says these things in order; texts are latin1. */
  say(...steps: readonly Step[]): Promise<void>;
}

export interface RawOrigin extends Origin {
  /** In order of arrival. */
  readonly connections: readonly RawOriginConnection[];
}

/** Called with each arrival of bytes on a connection, with all bytes received there and not forgotten. */
export type RawRespond = (connection: RawOriginConnection, received: Buffer) => void | Promise<void>;

/** A TCP server that answers whatever `respond` says. Nothing is sent and nothing is closed by itself. */
export async function rawOrigin(name: string, respond: RawRespond): Promise<RawOrigin> {
  const connections: RawOriginConnection[] = [];
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    let chunks: Buffer[] = [];
    let ended: 'no' | 'fin' | 'reset' = 'no';
    const received = () => {
      if (chunks.length > 1) chunks = [Buffer.concat(chunks)];
      return chunks[0] ?? Buffer.alloc(0);
    };
    const connection: RawOriginConnection = {
      received,
      forget: (length) => {
        chunks = [received().subarray(length)];
      },
      open: () => !socket.destroyed,
      ended: () => ended,
      say: (...steps) => say(socket, steps),
    };
    connections.push(connection);
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      void respond(connection, received());
    });
    socket.on('end', () => {
      ended = 'fin';
      socket.end();
    });
    socket.on('error', () => {
      ended = 'reset';
    });
  });
  return { ...(await open(name, server)), connections };
}

async function say(socket: Socket, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    if (socket.destroyed) return;
    if (step === CLOSE) socket.end();
    else if (step === RESET) socket.resetAndDestroy();
    else if (typeof step === 'number') await gapBetweenPieces(step);
    else if (socket.writable) socket.write(typeof step === 'string' ? Buffer.from(step, 'latin1') : step);
  }
}

async function open(name: string, server: Server): Promise<Origin> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(0, host, () => done());
  });
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((done) => {
      server.close(() => done());
      for (const socket of sockets) socket.destroy();
    });
  return { name, port, address: `${host}:${port}`, close, [Symbol.asyncDispose]: close };
}
