/**
 * Clients and servers of other makes that the scenarios and the interop tests use: a plain node:http client,
 * one with a cookie jar, and app servers in processes of their own, so that a test can kill one for real.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import type { ListenOptions, Server as NetServer, Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { makeSessionSecret, sessionSecretFile } from '../../src/secrets/session-secret.ts';
import { host } from './host.ts';
import type { Echo, Origin } from './origin.ts';

export { until } from './until.ts';

export interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** Names and values in turn, as they were spelled. */
  readonly rawHeaders: readonly string[];
  readonly setCookies: readonly string[];
  readonly body: string;
  readonly trailers: NodeJS.Dict<string>;
}

export interface AskOptions extends Omit<https.RequestOptions, 'headers'> {
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: string | Uint8Array | Readable;
}

/**
 * One request with node:http, or node:https; a connection of its own unless an `agent` is given. Rejects when it breaks. A `url` of the form
 * `unix:/path:/target` is the store interface's, which gets the secret of this user unless `options` have another.
 */
export function ask(url: string, options: AskOptions = {}): Promise<Reply> {
  const { body, ...rest } = options;
  const [, socketPath, target] = /^unix:([^:]+):(.*)$/.exec(url) ?? [];
  const own = socketPath === undefined ? {} : { socketPath, headers: { ...storeBearer(), ...rest.headers } };
  return new Promise((resolve, reject) => {
    const { request: send } = url.startsWith('https:') ? https : http;
    const request = send(
      target === undefined ? url : `http://localhost${target}`,
      { agent: false, ...rest, ...own },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            rawHeaders: response.rawHeaders,
            setCookies: response.headers['set-cookie'] ?? [],
            body: Buffer.concat(chunks).toString(),
            trailers: response.trailers,
          }),
        );
      },
    );
    request.on('error', reject);
    if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) request.end(body);
    else body.pipe(request);
  });
}

/** What a server of this user shows at the store interface when nobody has named a secret. */
export function storeBearer(): { readonly authorization: string } {
  const secret = makeSessionSecret(sessionSecretFile(process.env));
  return { authorization: `Bearer ${createHmac('sha256', secret).update('limpet store interface').digest('hex')}` };
}

/** An operator's word on a server of a pool, at the admin socket in that state folder; answers the status. */
export async function tellServer(
  state: string,
  server: string,
  word: 'drain' | 'ready',
  options: AskOptions = {},
  pool = 'shop',
): Promise<number> {
  const socketPath = join(state, 'admin.sock');
  const { status } = await ask(`http://admin/v1/servers/${pool}/${server}`, {
    ...options,
    method: 'PATCH',
    headers: { ...options.headers, 'content-type': 'application/json' },
    body: JSON.stringify({ state: word }),
    socketPath,
  });
  return status;
}

/** A client that keeps its cookies, as a browser would keep them for one site. */
export class Visitor {
  readonly cookies = new Map<string, string>();
  private readonly origin: () => string;
  private readonly agent: http.Agent | undefined;

  /** `origin`: of the site; a function when it may move. */
  constructor(origin: string | (() => string), agent?: http.Agent) {
    this.origin = typeof origin === 'string' ? () => origin : origin;
    this.agent = agent;
  }

  async ask(path = '/', options: AskOptions = {}): Promise<Reply> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = cookie === '' ? options.headers : { ...options.headers, cookie };
    const reply = await ask(new URL(path, this.origin()).href, { agent: this.agent ?? false, ...options, headers });
    for (const line of reply.setCookies) {
      const { name, value, attributes } = parseSetCookie(line);
      if (isDeletion(attributes)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return reply;
  }
}

export interface SetCookie {
  readonly name: string;
  readonly value: string;
  /** Lower-case names; a flag has the value ''. */
  readonly attributes: ReadonlyMap<string, string>;
}

export function parseSetCookie(line: string): SetCookie {
  const [pair = '', ...rest] = line.split(';').map((part) => part.trim());
  const [name, value] = splitOnce(pair);
  return { name, value, attributes: new Map(rest.map(splitOnce).map(([key, text]) => [key.toLowerCase(), text])) };
}

/** RFC 6265 section 5.2: Max-Age goes before Expires, and a time that has passed deletes the cookie. */
export function isDeletion(attributes: ReadonlyMap<string, string>): boolean {
  const maxAge = attributes.get('max-age');
  if (maxAge !== undefined) return Number(maxAge) <= 0;
  return Date.parse(attributes.get('expires') ?? '') <= Date.now();
}

function splitOnce(text: string): [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** A server as a config lists it, ended with the test that started it. */
export interface PoolMember extends AsyncDisposable {
  readonly name: string;
  readonly address: string;
}

/** A server process that a test started: it said `listening <port>` on its standard output. */
export interface ServerProcess extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  /** `<host>:<port>`, as a config names it. */
  readonly address: string;
  readonly pid: number;
  /** Ends it at once, as a crash would; resolves when it is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** Runs a script of the test tree with this Node: `script.ts <name> <port>`; port 0 lets the system choose. */
export async function startServer(script: string | URL, name: string, port = 0): Promise<ServerProcess> {
  const path = script instanceof URL ? script.pathname : script;
  const child = spawn(process.execPath, [path, name, String(port)], { stdio: 'pipe' });
  const bound = await readPort(child, path);
  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  };
  const address = `${host}:${bound}`;
  return { name, port: bound, address, pid: child.pid ?? 0, kill, [Symbol.asyncDispose]: () => kill() };
}

async function readPort(child: ChildProcess, path: string): Promise<number> {
  let errors = '';
  // Not inherited: a server that outlives the test would keep the test runner's own output open.
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const lines = createInterface({ input: child.stdout! });
  for await (const line of lines) {
    const match = /^listening (\d+)$/.exec(line);
    if (match !== null) {
      child.stdout!.resume();
      return Number(match[1]);
    }
  }
  throw new Error(`${path} ended before it listened: ${errors}`);
}

/** Makes any server of the test an origin: on a free port of `host`, or where it is told. */
export async function listen(name: string, server: NetServer, where: ListenOptions = {}): Promise<Origin> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(where.path === undefined ? { host, port: 0, ...where } : where);
  await once(server, 'listening');
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  const address = where.path === undefined ? `${where.host ?? host}:${port}` : `unix:${where.path}`;
  const close = () =>
    new Promise<void>((done) => {
      server.close(() => done());
      for (const socket of sockets) socket.destroy();
    });
  return { name, port, address, close, [Symbol.asyncDispose]: close };
}

/** A config with one pool, `app`, of these servers. */
export function configFor(
  servers: readonly { readonly name: string; readonly address: string }[],
  pool: Readonly<Record<string, unknown>> = {},
  listener: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    listeners: [{ address: '127.0.0.1:0', ...listener }],
    pools: { app: { servers: servers.map(({ name, address }) => ({ name, address })), ...pool } },
    routes: [{ match: { path: '/' }, pool: 'app' }],
  };
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** For its standard input. */
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Milliseconds; default 20,000. */
  readonly timeout?: number;
}

/** Runs a program to its end; kills it after the time-out and fails. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const { input = '', env, cwd, timeout = 20_000 } = options;
  const child = spawn(program, args, { env, cwd, timeout, killSignal: 'SIGKILL' });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // The program may end without having read its input.
  child.stdin.on('error', () => {}).end(input);
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (code === null) throw new Error(`${program} was ended by ${signal}: ${stderr}`);
  return { code, stdout, stderr };
}

/** Starts several things at once, to be ended together: `await using apps = await together(names.map(startApp))`. */
export async function together<T extends AsyncDisposable>(
  starting: readonly Promise<T>[],
): Promise<T[] & AsyncDisposable> {
  const started = await Promise.all(starting);
  return Object.assign(started, {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(started.map((one) => one[Symbol.asyncDispose]()));
    },
  });
}

/** What the echo origin was asked. */
export function echoOf(reply: { readonly body: string }): Echo {
  return JSON.parse(reply.body) as Echo;
}

/** All values of a header in a list of names and values in turn, in order. */
export function valuesIn(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === name.toLowerCase());
}

export interface Token {
  readonly owner: number;
  readonly session: string;
  readonly epoch: number;
  /** Unix seconds. */
  readonly born: number;
  readonly seen: number;
}

/** Reads the balancer's cookie by the drawing at the head of affinity/token.ts, without verifying it. */
export function readToken(value: string): Token {
  const bytes = Buffer.from(value, 'base64url');
  if (bytes.length < 54) throw new Error(`not a token: ${value}`);
  return {
    owner: bytes.readUIntBE(4, 6),
    session: bytes.toString('hex', 10, 26),
    epoch: bytes.readUInt32BE(26),
    born: bytes.readUInt32BE(30),
    seen: bytes.readUInt32BE(34),
  };
}
