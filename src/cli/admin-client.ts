/** Asks a running balancer over its admin listener. What it refuses, and that none answers, is thrown as a UsageError. */
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { RequestOptions } from 'node:https';
import { isIP } from 'node:net';
import type { ServerView } from '../admin/schemas.ts';
import type { AdminOptions, LimpetOptions } from '../config/options.ts';
import { codeOf, UsageError } from '../errors.ts';
import { runtimeAuthorities } from '../net/client-contexts.ts';
import { type Address, formatAddress } from '../net/socket.ts';
import { tlsFailureOf } from '../net/tls-failure.ts';
import { http, loadHttps } from '../node-http.ts';
import { addressOf } from '../workers/admin-service.ts';

export interface AdminSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
}

/** What of the config, or of the command line, says where the balancer can be asked. */
export interface AskedOptions extends Pick<LimpetOptions, 'stateDir'> {
  readonly admin: Pick<AdminOptions, 'listen' | 'token' | 'readToken' | 'hosts'> & {
    readonly tls: TrustedFiles | null;
  };
}

/** Paths of PEM files. */
export interface TrustedFiles {
  /** The authorities that are trusted; null: those of the runtime, and what is in `cert`. */
  readonly ca: string | null;
  readonly cert?: string;
}

/** A balancer that does not answer for this long (ms) counts as not running. */
const answerTimeoutMs = 10_000;

/** The balancer has understood the request, and refuses it. */
export class AdminRefusal extends UsageError {
  readonly status: number;
  /** As the API has it, such as `no-such-server`. */
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export class AdminClient {
  private readonly address: Address;
  private readonly token: string;
  /** null: plain HTTP. */
  private readonly tls: RequestOptions | null;

  constructor({ admin, stateDir }: AskedOptions, env: AdminSurroundings['env']) {
    const address = admin.listen === null ? null : addressOf(admin.listen, stateDir);
    if (address === null) throw new UsageError('the config has no admin.listen: the balancer cannot be asked');
    this.address = address;
    this.tls = admin.tls === null ? null : { ca: trusted(admin.tls), ...serverName(admin.hosts) };
    this.token = env.LIMPET_ADMIN_TOKEN || admin.token || admin.readToken;
  }

  async get<T>(path: string): Promise<T> {
    return JSON.parse(await this.request('GET', path)) as T;
  }

  servers(): Promise<readonly ServerView[]> {
    return this.get('/v1/servers');
  }

  /** `body`: sent as JSON; text is sent as it is, as YAML. */
  async send<T>(method: 'POST' | 'PATCH' | 'DELETE', path: string, body: unknown): Promise<T> {
    const text = await this.request(method, path, body);
    return (text === '' ? null : JSON.parse(text)) as T;
  }

  /** The lines of a response that goes on. */
  async *lines(path: string): AsyncGenerator<string> {
    const response = await this.open('GET', path, undefined, true);
    response.setEncoding('utf8');
    if ((response.statusCode ?? 0) >= 300) {
      let text = '';
      for await (const piece of response) text += String(piece);
      throw this.refusalOf(response.statusCode ?? 0, text);
    }
    let rest = '';
    try {
      for await (const piece of response) {
        const lines = (rest + String(piece)).split('\n');
        rest = lines.pop() ?? '';
        yield* lines;
      }
    } catch {
      // The connection broke: there is no more.
    }
  }

  private async request(method: string, path: string, body?: unknown): Promise<string> {
    const response = await this.open(method, path, body);
    let text = '';
    for await (const piece of response.setEncoding('utf8')) text += String(piece);
    const { statusCode = 0 } = response;
    if (statusCode < 300) return text;
    throw this.refusalOf(statusCode, text);
  }

  /** Resolves with the head of the response, whatever its status. */
  private open(method: string, path: string, body?: unknown, goesOn = false): Promise<IncomingMessage> {
    const { address, token } = this;
    const where =
      address.kind === 'unix'
        ? { socketPath: address.path }
        : { host: address.host || '127.0.0.1', port: address.port };
    const isText = typeof body === 'string';
    const headers = {
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': isText ? 'application/yaml' : 'application/json' }),
    };
    const at = formatAddress(address);
    return new Promise((resolve, reject) => {
      const options = { ...where, ...this.tls, method, path, headers, timeout: goesOn ? 0 : answerTimeoutMs };
      const request = this.tls === null ? http.request(options, resolve) : loadHttps().request(options, resolve);
      request.on('timeout', () => request.destroy(new Error('timeout')));
      request.on('error', (error) => reject(new UsageError(`no balancer answers at ${at}: ${whyNoAnswer(error)}`)));
      request.end(body === undefined || isText ? body : JSON.stringify(body));
    });
  }

  private refusalOf(status: number, text: string): AdminRefusal {
    const at = formatAddress(this.address);
    if (status === 401)
      return new AdminRefusal(401, 'wrong-token', `${at} asks for another token: set LIMPET_ADMIN_TOKEN`);
    const { code = '', message = `${at} answers ${status}` } = errorIn(text);
    return new AdminRefusal(status, code, message);
  }
}

export function serverPath({ pool, name }: { readonly pool: string; readonly name: string }): string {
  return `/v1/servers/${encodeURIComponent(pool)}/${encodeURIComponent(name)}`;
}

/** Empty when what answers there is no balancer. */
function errorIn(text: string): { readonly code?: string; readonly message?: string } {
  try {
    const { error } = JSON.parse(text) as { error?: { code?: string; message?: string } };
    return error ?? {};
  } catch {
    return {};
  }
}

/** The name that the certificate must have; none: the address that is asked. A name of TLS is no IP address. */
function serverName([name = '']: readonly string[]): { servername?: string } {
  return name === '' || isIP(name) !== 0 ? {} : { servername: name };
}

function trusted({ ca, cert }: TrustedFiles): string[] | undefined {
  if (ca !== null) return [readText(ca)];
  return cert === undefined ? undefined : [...runtimeAuthorities(), readText(cert)];
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${codeOf(error)}`);
  }
}

function whyNoAnswer(error: Error): string {
  const failure = tlsFailureOf(error);
  if (failure === 'certificate')
    return `its certificate is not trusted (${error.message.split('; ', 1).join()}): name its authority with --ca, or in admin.tls.ca`;
  if (failure !== null) return `no TLS is spoken there (${codeOf(error)}): does it run with admin.tls?`;
  switch (codeOf(error)) {
    case 'ENOENT':
      return 'there is no such socket. Does it run, and with the same config and state folder?';
    case 'ECONNREFUSED':
      return 'nobody listens there. Does it run, and with the same config?';
    case 'EACCES':
    case 'EPERM':
      return 'no permission: ask as the user that runs it';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the name does not resolve';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return 'this machine cannot reach it';
    default:
      return error.message === 'timeout'
        ? `no answer within ${answerTimeoutMs} ms`
        : `what answers there is no balancer, or it expects https, or the connection broke (${codeOf(error)})`;
  }
}
