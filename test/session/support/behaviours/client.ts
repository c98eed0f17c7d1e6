/** The browser in these stories. */
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { host } from '../../../support/host.ts';
import type { Transcript } from './transcript.ts';

export interface Seen {
  readonly status: number;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

/** Milliseconds after which a response that does not come is one that hangs. */
const patience = 10_000;

const agent = new Agent({ keepAlive: true });

export interface SendOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
  /** A page of another site has asked for it. */
  readonly isCrossSite?: boolean;
  /** In place of the cookies that it has. */
  readonly cookie?: string;
}

interface Kept {
  readonly value: string;
  /** Of the host alone when the cookie names none. */
  readonly domain: string;
  readonly isExact: boolean;
  readonly path: string;
  readonly sameSite: string;
  /** It is still there when the browser has been closed. */
  readonly isPermanent: boolean;
}

/** A browser that keeps cookies as RFC 6265 says, and shows them to the test; it sends `Secure` ones over plain HTTP, too. */
export class Client {
  readonly jar: Map<string, Kept>;
  readonly transcript: Transcript;
  /** Asked under that name. */
  host = 'www.example.org';
  private readonly port: number;
  private readonly app: string;

  constructor(port: number, app: string, transcript: Transcript, jar: ReadonlyMap<string, Kept> = new Map()) {
    this.port = port;
    this.app = app;
    this.transcript = transcript;
    this.jar = new Map(jar);
  }

  /** One with the same cookies, and one with none. */
  twin(): Client {
    return new Client(this.port, this.app, this.transcript, this.jar);
  }

  other(): Client {
    return new Client(this.port, this.app, this.transcript);
  }

  /** The browser is closed and opened again. */
  restart(): void {
    for (const [name, { isPermanent }] of this.jar) if (!isPermanent) this.jar.delete(name);
  }

  /** The session's cookie as it was sent; '' there is none. */
  sid(name = 'connect.sid'): string {
    return this.jar.get(name)?.value ?? '';
  }

  /** In place of what was sent; '' removes it. */
  setSid(value: string, name = 'connect.sid'): void {
    if (value === '') this.jar.delete(name);
    else
      this.jar.set(name, { value, domain: this.host, isExact: true, path: '/', sameSite: 'lax', isPermanent: false });
  }

  /** The Cookie header for a path. */
  cookies(path = '/', isCrossSite = false): string {
    const { host: name } = this;
    const sent = [...this.jar].filter(
      ([, kept]) =>
        (kept.isExact ? kept.domain === name : `.${name}`.endsWith(`.${kept.domain}`)) &&
        isUnder(path, kept.path) &&
        !(isCrossSite && kept.sameSite !== 'none'),
    );
    return sent.map(([name, { value }]) => `${name}=${value}`).join('; ');
  }

  async get(path: string, { headers = {}, method = 'GET', isCrossSite, cookie }: SendOptions = {}): Promise<Seen> {
    const sent = cookie ?? this.cookies(path.split('?', 1)[0], isCrossSite);
    const found = await this.ask(path, { headers, method, cookie: sent });
    this.transcript.seen(method === 'GET' ? path : `${method} ${path}`, found);
    // What an app does after its answer.
    for (let turns = 0; turns < 3; turns++) await turn();
    return found;
  }

  note(...values: unknown[]): void {
    this.transcript.note(...values);
  }

  private ask(path: string, { headers = {}, method, cookie = '' }: SendOptions): Promise<Seen> {
    const all: Record<string, string> = { host: this.host, ...headers, 'x-behaviour': this.app };
    if (cookie !== '') all.cookie = cookie;
    return new Promise((done) => {
      const broken = () => done({ status: 0, body: 'broken', headers: {} });
      const asked = request({ host, port: this.port, path, method, headers: all, agent }, (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece) => pieces.push(piece));
        response.on('error', broken);
        response.on('end', () => {
          for (const line of response.headers['set-cookie'] ?? []) this.keep(line);
          const body = Buffer.concat(pieces).toString();
          done({ status: response.statusCode ?? 0, body, headers: response.headers });
        });
      });
      asked.on('error', broken);
      const given = setTimeout(() => {
        done({ status: 0, body: 'hangs', headers: {} });
        asked.destroy();
      }, patience);
      asked.on('close', () => clearTimeout(given));
      asked.end();
    });
  }

  private keep(line: string): void {
    const [pair = '', ...rest] = line.split('; ');
    const name = pair.slice(0, pair.indexOf('='));
    const value = pair.slice(pair.indexOf('=') + 1);
    const attributes = new Map(rest.map((one) => [one.split('=', 1)[0]?.toLowerCase(), one.split('=')[1] ?? '']));
    const domain = attributes.get('domain') ?? '';
    if (domain !== '' && !`.${this.host}`.endsWith(`.${domain}`)) return;
    const date = attributes.get('expires');
    const age = attributes.get('max-age');
    const isGone = age === '0' || (age === undefined && date !== undefined && Date.parse(date) <= Date.now());
    if (isGone || value === '') this.jar.delete(name);
    else
      this.jar.set(name, {
        value,
        domain: domain === '' ? this.host : domain,
        isExact: domain === '',
        path: attributes.get('path') ?? '/',
        sameSite: attributes.get('samesite')?.toLowerCase() ?? 'lax',
        isPermanent: age !== undefined || date !== undefined,
      });
  }
}

/** RFC 6265, section 5.1.4. */
function isUnder(path: string, of: string): boolean {
  return path === of || path.startsWith(of.endsWith('/') ? of : `${of}/`);
}
