/** Clients of a fleet: each has sessions that one kind of affinity recognises, and takes every request to a node of its choice. */
import type { Agent } from 'node:http';
import type { ConnectionOptions } from 'node:tls';
import { monotonicMs } from '../deploys/visits.ts';
import { TestAuthority } from './certificates.ts';
import { type AskOptions, ask, isDeletion, parseSetCookie } from './peers.ts';

/** How each kind is configured, in a pool of its own name whose route is its first part of the path. */
export const affinities = {
  cookie: { cookie: { name: 'plain', bind: 'always' } },
  learn: { learn: 'app' },
  header: { header: 'X-User' },
  query: { query: 'room' },
  path: { path: '^/path/([^/]+)' },
  'socket.io': 'socket.io',
  rewrite: { rewrite: 'page' },
  address: { 'source-ip': { mode: 'table' } },
  certificate: 'client-certificate',
  library: { cookie: { name: 'lib' } },
} as const;
export type Kind = keyof typeof affinities;
export const kinds = Object.keys(affinities) as Kind[];

/** Its client chooses the name of a session: it begins at any number of nodes at once. */
export function isNamedByClient(kind: Kind): boolean {
  return ['header', 'query', 'path', 'address', 'certificate'].includes(kind);
}

/** Signs the certificates of clients, and those of nodes. */
export const fleetAuthority = new TestAuthority('Fleet');
/** All certificates are of one key: each has a fingerprint of its own all the same. */
const { privateKey } = fleetAuthority.issue([]);

/** How a request ended for its client. */
export interface Outcome {
  readonly request: number;
  readonly session: string;
  readonly kind: Kind;
  /** The node that was asked. */
  readonly node: string;
  readonly sent: number;
  readonly ended: number;
  /** '' when nobody has answered. */
  readonly server: string;
  /** 0 when the connection broke. */
  readonly status: number;
  /** Why it failed; '' for an answer with status 200. */
  readonly failure: string;
  readonly body: string;
  /** The number of the change of its session that was acknowledged by this answer; 0: it was none. */
  readonly change: number;
}

/** A node as a client sees it. */
export interface Door {
  readonly name: string;
  readonly url: string;
  /** Its listener for clients with certificates, where it has one. */
  readonly secureUrl?: string;
}

let requests = 0;
let clients = 0;

export class FleetClient {
  readonly kind: Kind;
  /** As the servers' logs call the present session. */
  session = '';
  /** By name. A copy of an earlier moment is an old cookie. */
  cookies = new Map<string, string>();
  private readonly agent: Agent | undefined;
  private number = ++clients;
  private sessions = 0;
  private sid = '';
  /** Shown at the listener with TLS; of each session its own. */
  private certificate: ConnectionOptions = {};
  /** Something was asked in the present session. */
  private isAsked = false;

  constructor(kind: Kind, agent?: Agent) {
    this.kind = kind;
    this.agent = agent;
    this.begin();
  }

  /** The next request belongs to another session. */
  begin(): void {
    this.session = `${this.kind}-${this.number}-${++this.sessions}`;
    this.cookies.clear();
    this.sid = '';
    this.isAsked = false;
    if (this.kind === 'certificate') this.certificate = certificateOf(this.session);
  }

  /** Another one that knows all that this one knows now, of a session that has a name. */
  twin(): FleetClient {
    const twin = new FleetClient(this.kind, this.agent);
    const { session, cookies, sid, certificate, number, sessions, isAsked } = this;
    return Object.assign(twin, { session, cookies: new Map(cookies), sid, certificate, number, sessions, isAsked });
  }

  /** `path`: after that of its kind, with a query where it has one. */
  async ask({ name: node, url, secureUrl }: Door, path = '', options: AskOptions = {}): Promise<Outcome> {
    // Nothing by which it could be recognised has come back: whatever begins now is another session.
    if (this.isAsked && !this.isKnown) this.begin();
    this.isAsked = true;
    const { session, kind } = this;
    const request = ++requests;
    const sent = monotonicMs();
    const done = { request, session, kind, node, sent };
    try {
      const place = kind === 'certificate' ? secureUrl : url;
      const { status, headers, setCookies, body } = await ask(new URL(this.target(path), place).href, {
        agent: this.agent ?? false,
        ...this.certificate,
        ...options,
        headers: { ...options.headers, ...this.headers(), 'x-request': String(request), 'x-session': session },
      });
      const server = String(headers['x-server'] ?? '');
      const failure = status === 200 ? '' : `${status} ${headers['limpet-reason'] ?? body.slice(0, 100)}`;
      if (session === this.session) this.keep(setCookies, status === 200 ? body : '');
      const change = kind === 'library' && path === 'count' && failure === '' ? countIn(body) : 0;
      return { ...done, ended: monotonicMs(), server, status, failure, body, change };
    } catch (error) {
      return { ...done, ended: monotonicMs(), server: '', status: 0, failure: String(error), body: '', change: 0 };
    }
  }

  /** A change, where its session is one of the library. */
  askForChange(node: Door): Promise<Outcome> {
    return this.kind === 'library' ? this.ask(node, 'count', { method: 'POST' }) : this.ask(node);
  }

  /** Its session has a name: others that know it can ask for the same one. */
  get isKnown(): boolean {
    if (this.kind === 'socket.io') return this.sid !== '';
    return isNamedByClient(this.kind) || this.cookies.size > 0;
  }

  private target(path: string): string {
    switch (this.kind) {
      case 'query':
        return `/query/${path}${path.includes('?') ? '&' : '?'}room=${this.session}`;
      case 'path':
        return `/path/${this.session}/${path}`;
      case 'socket.io': {
        const sid = this.sid === '' ? '' : `&sid=${this.sid}`;
        return `/socket.io/${path}${path.includes('?') ? '&' : '?'}EIO=4&transport=polling${sid}`;
      }
      default:
        return `/${this.kind}/${path}`;
    }
  }

  private headers(): Record<string, string> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    return {
      ...(cookie !== '' && { cookie }),
      ...(this.kind === 'header' && { 'x-user': this.session }),
      ...(this.kind === 'address' && { 'x-forwarded-for': this.address() }),
    };
  }

  /** Another one for each session, of networks for documentation and benchmarks (RFC 5737, RFC 2544). */
  private address(): string {
    return `198.${18 + (this.sessions & 1)}.${this.number & 255}.${1 + ((this.sessions >> 1) % 250)}`;
  }

  private keep(setCookies: readonly string[], body: string): void {
    for (const line of setCookies) {
      const { name, value, attributes } = parseSetCookie(line);
      if (isDeletion(attributes)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    const sid = this.kind === 'socket.io' ? /^0\{"sid":"([^"]+)"/.exec(body)?.[1] : undefined;
    if (sid !== undefined) this.sid = sid;
  }
}

function certificateOf(session: string): ConnectionOptions {
  const { cert, key } = fleetAuthority.issue([], { subject: session, use: 'client', privateKey });
  return { cert, key, ca: fleetAuthority.cert };
}

function countIn(body: string): number {
  return (JSON.parse(body) as { count: number }).count;
}
