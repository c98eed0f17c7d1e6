/** Clients over TLS for scenarios that are about TLS: the same questions by HTTP/1.1 (node:https) and by HTTP/2 (node:http2). */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { type Issued, TestAuthority } from './certificates.ts';
import { H2Session } from './h2-session.ts';

export const secureProtocols = ['h1', 'h2'] as const;
export type SecureProtocol = (typeof secureProtocols)[number];

export interface SecureReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One connection. A request that cannot be answered rejects: also when the handshake has failed. */
export interface SecureClient extends AsyncDisposable {
  ask(path?: string, headers?: OutgoingHttpHeaders, method?: string, body?: string): Promise<SecureReply>;
}

/** `name`: of the site, in the handshake and in the requests. */
export async function openSecure(
  protocol: SecureProtocol,
  port: number,
  name: string,
  options: ConnectionOptions = {},
): Promise<SecureClient> {
  return protocol === 'h1' ? new H1Secure(port, name, options) : H2Secure.open(port, name, options);
}

class H1Secure implements SecureClient {
  private readonly agent: Agent;
  private readonly host: string;

  constructor(port: number, name: string, options: ConnectionOptions) {
    this.agent = new Agent({ keepAlive: true, maxSockets: 1, ...options, host: '127.0.0.1', port, servername: name });
    this.host = `${name}:${port}`;
  }

  ask(path = '/', headers: OutgoingHttpHeaders = {}, method = 'GET', body = ''): Promise<SecureReply> {
    return new Promise((resolve, reject) => {
      const options = { agent: this.agent, host: '127.0.0.1', path, method, headers: { host: this.host, ...headers } };
      const sent = request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode: status = 0 } = response;
          resolve({ status, headers: response.headers, body: Buffer.concat(chunks).toString() });
        });
      });
      sent.on('error', reject).end(body);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.agent.destroy();
  }
}

class H2Secure implements SecureClient {
  private readonly session: H2Session;

  private constructor(session: H2Session) {
    this.session = session;
  }

  static async open(port: number, name: string, options: ConnectionOptions): Promise<H2Secure> {
    return new H2Secure(await H2Session.secure(port, name, options));
  }

  ask(path = '/', headers: OutgoingHttpHeaders = {}, method = 'GET', body = ''): Promise<SecureReply> {
    // What the scenario says is sent, nothing else.
    this.session.cookies.clear();
    const { host, ...others } = headers;
    const all = { ':method': method, ...(host !== undefined && { ':authority': host }), ...others };
    return this.session.ask(path, all, body === '' ? undefined : body);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.session[Symbol.asyncDispose]();
  }
}

/** Certificates as files, for configs: an authority of its own, and what it signs. The folder goes with the scenario. */
export class CertificateFiles implements Disposable {
  readonly authority = new TestAuthority();
  private readonly folder = mkdtempSync(join(tmpdir(), 'limpet-tls-'));

  /** An entry of `certificates`. */
  pair(name: string, { cert, key }: Issued): { readonly cert: string; readonly key: string } {
    return { cert: this.put(`${name}.crt`, cert), key: this.put(`${name}.key`, key) };
  }

  /** Its path. */
  put(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  /** `tls` of a listener for these names. */
  tlsFor(...names: readonly string[]): { readonly certificates: readonly { cert: string; key: string }[] } {
    return { certificates: [this.pair('site', this.authority.issue(names))] };
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}
