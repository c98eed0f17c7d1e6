/** A small HTTP listener on the supervisor's thread, for what is not traffic: the store interface and the admin listener. */

import { chmod, mkdir, rm } from 'node:fs/promises';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import { isIP } from 'node:net';
import { dirname } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { codeOf } from '../errors.ts';
import { plainAddress } from '../ip.ts';
import { shortageOf, trueCause } from '../net/shortage.ts';
import { type Address, formatAddress } from '../net/socket.ts';
import { type CertificatePair, defaultCiphers } from '../net/tls.ts';
import { http, loadHttps } from '../node-http.ts';
import { checkFolder } from '../secrets/private-file.ts';

export interface HttpListener {
  /** `http://host:port`, or with `https`, or `unix:` and the path. */
  readonly url: string;
  /** New connections get this certificate; it had one before. Rejects with the system's error: then it does not listen any more. */
  usePair(pair: CertificatePair): Promise<void>;
  close(): Promise<void>;
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/**
 * Rejects with the system's error when the address cannot be bound, and with UsageError when other users may write to the folder
 * of a unix-domain socket. Port 0 takes any free port. A socket file on which no program listens any more is replaced. On TCP a
 * request whose Host is neither this machine nor one of `hosts` is answered with 421. `onError` is called when a connection could
 * not be accepted (EMFILE); listening goes on. `pair`: with TLS.
 */
export async function listenHttp(
  address: Address,
  handle: Handler,
  onError: (error: Error, at: Address) => void,
  hosts: readonly string[] = [],
  pair: CertificatePair | null = null,
): Promise<HttpListener> {
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    if (address.kind === 'tcp' && !isNamed(request, [address.host, ...hosts])) refuseHost(request, response);
    else handle(request, response).catch((error: unknown) => answerFailure(response, error));
  };
  const open = async (at: Address, shown: CertificatePair | null): Promise<Server> => {
    const server = createServer(shown, onRequest);
    await bind(server, at);
    server.on('error', (error) => onError(error, at));
    return server;
  };
  if (address.kind === 'unix') await prepareFile(address.path);
  let server = await open(address, pair);
  if (address.kind === 'unix') await chmod(address.path, 0o600);
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  /** With former certificates: they accept nothing, and have connections. */
  const former = new Set<Server>();
  return {
    url:
      address.kind === 'unix'
        ? `unix:${address.path}`
        : `${pair === null ? 'http' : 'https'}://${formatAddress({ ...address, host: address.host || '127.0.0.1', port })}`,
    usePair: async (next) => {
      if ('setSecureContext' in server) {
        (server as SecureServer).setSecureContext(rulesFor(next));
        return;
      }
      // Bun has no such function. It binds in the turn in which it is told to, so nobody is refused in between. (Node looks the host up
      // first, which takes a turn.)
      const old = server;
      former.add(old);
      old.close(() => former.delete(old));
      server = await open(address.kind === 'tcp' ? { ...address, port } : address, next);
    },
    close: async () => {
      await Promise.all(
        [server, ...former].map(
          (one) =>
            new Promise<void>((resolve) => {
              one.close(() => resolve());
              one.closeAllConnections();
            }),
        ),
      );
      if (address.kind === 'unix') await rm(address.path, { force: true });
    },
  };
}

function createServer(pair: CertificatePair | null, onRequest: RequestListener): Server {
  const options = { keepAliveTimeout: 65_000 };
  if (pair === null) return http.createServer(options, onRequest);
  return loadHttps().createServer({ ...options, ...rulesFor(pair) }, onRequest);
}

function rulesFor({ cert, key }: CertificatePair) {
  return { cert, key, minVersion: 'TLSv1.2', ciphers: defaultCiphers } as const;
}

/** Rejects with the system's error. */
async function bind(server: Server, at: Address): Promise<void> {
  let failed: (error: Error) => void = () => {};
  await new Promise<void>((resolve, reject) => {
    failed = reject;
    server.once('error', failed);
    if (at.kind === 'unix') masked(() => server.listen(at.path, resolve));
    else server.listen(at.port, at.host === '' ? undefined : at.host, resolve);
  });
  server.off('error', failed);
}

/** The place of a socket file is free then, unless a program listens there. */
async function prepareFile(path: string): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  checkFolder(folder, { sticky: true });
  if (!(await isListenedOn(path))) await rm(path, { force: true });
}

/** No other user can connect, from the socket's first moment on. Only the main thread can set the mask; on others chmod follows. */
function masked(listen: () => void): void {
  if (!isMainThread) {
    listen();
    return;
  }
  const before = process.umask(0o177);
  try {
    listen();
  } finally {
    process.umask(before);
  }
}

/**
 * Whether the Host of the request means this machine. A web page can make its own name resolve to 127.0.0.1 (DNS rebinding), but
 * then Host contains that name. A Host that is an address is accepted when it is the address that the client connected to.
 */
export function isNamed(
  { headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>,
  names: readonly string[],
): boolean {
  const [, name = ''] = /^(\[[\da-f:.]+\]|[^:[\]]+)(?::\d{1,5})?$/i.exec(headers.host ?? '') ?? [];
  const host = plainAddress(name.replace(/^\[|\]$/g, '')).toLowerCase();
  if (host === '') return false;
  const local = plainAddress(socket.localAddress ?? '').toLowerCase();
  return (
    host === 'localhost' ||
    host === '::1' ||
    (isIP(host) === 4 && host.startsWith('127.')) ||
    host === local ||
    names.some((known) => known.toLowerCase() === host)
  );
}

/** Whether a program listens on that socket file. After a crash the file stays, although no program listens. */
function isListenedOn(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = http.request({ socketPath: path, path: '/', method: 'HEAD', timeout: 1000 }, (response) => {
      response.resume();
      resolve(true);
    });
    request.once('timeout', () => request.destroy());
    request.once('error', (error) => resolve(cannotTell(error)));
    request.end();
  });
}

/** Its backlog is full, or this machine could not connect: a program may well listen there. */
function cannotTell(error: Error): boolean {
  return codeOf(error) === 'EAGAIN' || shortageOf(trueCause(error, [codeOf(error)]), 'unix') !== null;
}

export function answer(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body?: Uint8Array | string,
): void {
  if (response.headersSent) return;
  const length = body === undefined ? 0 : Buffer.byteLength(body);
  response.writeHead(status, status === 204 ? headers : { ...headers, 'content-length': String(length) });
  response.end(body);
}

/** `code` is for programs, `message` for people. */
export function answerError(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = `${JSON.stringify({ error: { code, message } })}\n`;
  answer(response, status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers }, body);
}

function refuseHost(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  const found = JSON.stringify((request.headers.host ?? '').slice(0, 100));
  const message = `found the Host ${found}, expected localhost, the address of this listener, or a name in admin.hosts`;
  answerError(response, 421, 'unknown-host', message);
}

/** A fault of Limpet, or the client has gone. */
function answerFailure(response: ServerResponse, error: unknown): void {
  if (response.headersSent) response.destroy();
  else answerError(response, 500, 'unexpected', error instanceof Error ? error.message : String(error));
}

/** The whole body; null when it is longer than `maxBytes`: then the rest is not read. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Decodes a part of a path between two slashes; '' when its percent-encoding is broken. */
export function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
