/**
 * A small balancer that speaks the session protocol (docs/reference/session-protocol.md) in front of real app servers, with a
 * Map as its store. What the real one decides by itself, a test decides here: who owns a session, when copies are lost,
 * whom a put is refused for.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { makeSessionSecret, sessionSecretFile } from '../../../src/secrets/session-secret.ts';
import { host } from '../../support/host.ts';

export interface Kept {
  epoch: number;
  version: number;
  by: string;
  text: string;
  ended: boolean;
  /** Seconds for which it was to be kept. Time does not pass here. */
  ttl: string;
  /** A hash; left out: nobody's. */
  user?: string;
}

export interface BalancerOptions {
  /** Ports of the app servers; a session begins at the first. */
  readonly servers: readonly number[];
  /** Default: the one that a real balancer shares with the servers of its user. */
  readonly secret?: string;
}

type Fields = ReadonlyMap<string, string>;

export class TestBalancer implements AsyncDisposable {
  /** By id. */
  readonly kept = new Map<string, Kept>();
  /** Words of servers in the order in which they came: `put 1 v2`, `delete 1`, `put-by-store 1 v3`, `fenced 1 v4`. */
  readonly log: string[] = [];
  /** Processes that have put, by port. */
  readonly processes = new Map<number, Set<string>>();
  readonly servers: number[];
  /** Called before an answer of a server is judged; a test may move the session meanwhile. */
  beforeJudging: (id: string) => Promise<void> | void = () => {};
  /** Called before the store interface answers. */
  beforeStore: (method: string, id: string) => Promise<void> | void = () => {};
  /** The store interface answers 503. */
  storeFails = false;
  /** Lists of all sessions are broken off. */
  isCut = false;
  /** Status and headers of something else than the store interface, which answers at its address. */
  storeAnswer: [status: number, headers: Readonly<Record<string, string>>] | null = null;
  /** Ends that come with a response cannot be kept. */
  endsFail = false;
  /** What comes with a response cannot be kept. */
  putsFail = false;
  readonly reads: string[] = [];
  copy = 'first';
  private readonly owners = new Map<string, { port: number; epoch: number; reason: string; carry?: boolean }>();
  private readonly secret: string;
  private readonly front: Server;
  private readonly store: Server;

  private constructor({ servers, secret = makeSessionSecret(sessionSecretFile(process.env)) }: BalancerOptions) {
    this.servers = [...servers];
    this.secret = secret;
    this.front = createServer((incoming, response) => void this.forward(incoming, response));
    this.store = createServer((incoming, response) => void this.answerStore(incoming, response));
  }

  static async start(options: BalancerOptions): Promise<TestBalancer> {
    const balancer = new TestBalancer(options);
    await listen(balancer.front);
    await listen(balancer.store);
    return balancer;
  }

  get url(): string {
    return `http://${host}:${portOf(this.front)}`;
  }

  /** The session goes to another server with its next request; `carry`: its state goes with it. */
  claim(id: string, port: number, reason: 'rebind' | 'move' = 'move', carry = false): void {
    const owner = this.owners.get(id);
    const epoch = (owner?.epoch ?? 1) + 1;
    this.owners.set(id, { port, epoch, reason, carry });
    const kept = this.kept.get(id);
    if (kept !== undefined) kept.epoch = epoch;
  }

  /** The next request goes to another process under the same epoch: what happens behind one address with prefork. */
  place(id: string, port: number): void {
    const owner = this.owners.get(id);
    if (owner !== undefined) owner.port = port;
  }

  /** All copies are lost, as when a balancer with the memory store is started anew. */
  restart(): void {
    this.kept.clear();
    this.copy = `${this.copy}-again`;
  }

  state(id: string): unknown {
    return JSON.parse(this.kept.get(id)?.text ?? 'null');
  }

  /** The Limpet-Session header for a session, as the server would get it; for handshakes and forgeries. */
  word(id: string): string {
    const { epoch, reason, carry = false } = this.owners.get(id) ?? { epoch: 1, reason: 'new' };
    const { version = 0, ttl = '0', text = '' } = this.kept.get(id) ?? {};
    const store = `http://${host}:${portOf(this.store)}/v1`;
    const state = carry ? `; ttl=${ttl}; data=${Buffer.from(text).toString('base64url')}` : '';
    const word = `id=${id}; epoch=${epoch}; version=${version}; reason=${reason}; pool=shop; store=${store}; copy=${this.copy}${state}`;
    const signed = `${word}; t=${Math.floor(Date.now() / 1000)}`;
    return `${signed}; sig=${createHmac('sha256', this.secret).update(signed).digest('hex').slice(0, 32)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of [this.front, this.store]) {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    }
  }

  private async forward(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = /(?:^|;\s*)limpet=([0-9a-f]{32})/.exec(incoming.headers.cookie ?? '')?.[1];
    const alive = asked !== undefined && this.kept.get(asked)?.ended !== true ? asked : undefined;
    const id = alive ?? randomBytes(16).toString('hex');
    const owner = this.owners.get(id) ?? { port: this.servers[0] ?? 0, epoch: 1, reason: 'new' };
    this.owners.set(id, owner);
    const headers = { ...incoming.headers, 'limpet-session': this.word(id) };
    owner.reason = 'held';
    owner.carry = false;
    const options = { host, port: owner.port, method: incoming.method, path: incoming.url, headers };
    const upstream = request(options, (answer) => void this.relay(id, owner.port, answer, response));
    upstream.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
    response.on('close', () => upstream.destroy());
    incoming.pipe(upstream);
  }

  private async relay(id: string, port: number, answer: IncomingMessage, response: ServerResponse): Promise<void> {
    answer.on('error', () => response.destroy());
    answer.pause();
    await this.beforeJudging(id);
    const verdict = this.judge(id, port, answer.headers);
    if (verdict !== 'kept') {
      answer.destroy();
      response.writeHead(503, { 'limpet-reason': `session-${verdict}` }).end();
      return;
    }
    const headers: Record<string, string | string[] | undefined> = { ...answer.headers };
    for (const name of Object.keys(headers)) if (name.startsWith('limpet-session')) delete headers[name];
    const goesOn = readFields(String(answer.headers['limpet-session-rotate'] ?? '')).get('id') ?? id;
    if (this.kept.get(goesOn)?.ended === false) {
      const cookies = answer.headers['set-cookie'] ?? [];
      headers['set-cookie'] = [...cookies, `limpet=${goesOn}; Path=/; HttpOnly`];
    }
    delete headers.connection;
    response.writeHead(answer.statusCode ?? 502, headers);
    response.flushHeaders();
    answer.on('data', (piece) => response.write(piece));
    answer.resume();
    answer.on('end', async () => {
      await this.beforeJudging(goesOn);
      if (answer.complete && this.judge(goesOn, port, answer.trailers) === 'kept') response.end();
      else response.destroy();
    });
  }

  /** What a response says of its session, in its head or its trailers. */
  private judge(id: string, port: number, headers: IncomingMessage['headers']): 'kept' | 'fenced' | 'store' {
    const put = headers['limpet-session-put'];
    const rotate = headers['limpet-session-rotate'];
    const gone = headers['limpet-session-delete'];
    if (typeof gone === 'string' && this.endsFail) return 'store';
    if (typeof gone === 'string') this.end(id, readFields(gone));
    if (typeof put !== 'string') return 'kept';
    if (this.putsFail) return 'store';
    const fields = readFields(put);
    const text = Buffer.from(fields.get('data') ?? '', 'base64url').toString();
    const to = typeof rotate === 'string' ? (readFields(rotate).get('id') ?? '') : '';
    return this.put(id, port, fields, text, to, 'put') === 204 ? 'kept' : 'fenced';
  }

  private put(id: string, port: number, fields: Fields, text: string, to: string, what: string): number {
    const epoch = Number(fields.get('epoch'));
    const version = Number(fields.get('version'));
    const by = fields.get('by') ?? '';
    this.processes.set(port, (this.processes.get(port) ?? new Set()).add(by));
    const kept = this.kept.get(id);
    const owned = this.owners.get(id)?.epoch ?? 1;
    const refuse = (status: number, why: string) => {
      this.log.push(`${why} ${epoch} v${version}`);
      return status;
    };
    if (kept?.ended === true) return refuse(410, 'ended');
    if (epoch < Math.max(owned, kept?.epoch ?? 0)) return refuse(409, 'fenced');
    if (kept !== undefined && epoch === kept.epoch && version <= kept.version) {
      return kept.by === by ? refuse(204, 'superseded') : refuse(409, 'fenced');
    }
    const user = fields.get('user');
    const ttl = fields.get('ttl') ?? '0';
    const now: Kept = { epoch, version, by, text, ended: false, ttl, ...(user !== undefined && { user }) };
    this.kept.set(to === '' ? id : to, now);
    this.log.push(`${what} ${epoch} v${version}`);
    if (to !== '') {
      this.kept.set(id, { epoch, version, by, text: '', ended: true, ttl });
      this.owners.set(to, { port, epoch, reason: 'held' });
      this.log.push('rotate');
    }
    return 204;
  }

  private end(id: string, fields: Fields): number {
    const epoch = fields.get('epoch') === '*' ? Number.MAX_SAFE_INTEGER : Number(fields.get('epoch'));
    if (epoch < (this.owners.get(id)?.epoch ?? 1)) return 409;
    this.kept.set(id, { epoch, version: 0, by: '', text: '', ended: true, ttl: '0' });
    this.log.push(`delete ${epoch}`);
    return 204;
  }

  private async answerStore(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of incoming) pieces.push(Buffer.from(piece));
    const [, , pool, id = '', user = ''] = (incoming.url ?? '').split('/');
    const method = incoming.method ?? '';
    await this.beforeStore(method, id);
    const bearer = `Bearer ${createHmac('sha256', this.secret).update('limpet store interface').digest('hex')}`;
    if (incoming.headers.authorization !== bearer) response.writeHead(401).end();
    else if (this.storeAnswer !== null) response.writeHead(...this.storeAnswer).end();
    else if (this.storeFails || pool !== 'shop') answer(response, 503);
    else if (id === 'users') this.answerList(user, response);
    else if (id === 'sessions') {
      const ids = [...this.kept].filter(([, kept]) => !kept.ended).map(([key]) => `${key}\n`);
      response.writeHead(200, { 'limpet-store': 'sessions' }).end(`${ids.join('')}${this.isCut ? '' : '\n'}`);
    } else if (method === 'GET') this.answerRead(id, response);
    else if (method === 'DELETE') answer(response, this.end(id, fieldsOf(incoming, 'delete')));
    else {
      const to = fieldsOf(incoming, 'rotate').get('id') ?? '';
      const text = Buffer.concat(pieces).toString();
      const port = this.owners.get(id)?.port ?? 0;
      answer(response, this.put(id, port, fieldsOf(incoming, 'put'), text, to, 'put-by-store'));
    }
  }

  private answerList(user: string, response: ServerResponse): void {
    const ids = [...this.kept].filter(([, kept]) => kept.user === user && !kept.ended).map(([id]) => id);
    response.writeHead(200, { 'limpet-store': 'users' }).end(ids.join('\n'));
  }

  private answerRead(id: string, response: ServerResponse): void {
    this.reads.push(id);
    const kept = this.kept.get(id);
    if (kept === undefined || kept.ended) answer(response, kept === undefined ? 404 : 410);
    else {
      const word = `epoch=${kept.epoch}; version=${kept.version}; ttl=${kept.ttl}; copy=${this.copy}`;
      response.writeHead(200, { 'limpet-session': word, 'limpet-store': 'live' }).end(kept.text);
    }
  }
}

const meanings: Readonly<Record<number, string>> = {
  204: 'kept',
  404: 'none',
  409: 'fenced',
  410: 'ended',
  503: 'failed',
};

function answer(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'limpet-store': meanings[status] ?? 'malformed' }).end();
}

function fieldsOf(incoming: IncomingMessage, what: string): Fields {
  return readFields(String(incoming.headers[`limpet-session-${what}`] ?? ''));
}

function readFields(text: string): Fields {
  return new Map(text.split('; ').map((part) => [part.split('=', 1)[0] ?? '', part.slice(part.indexOf('=') + 1)]));
}

function listen(server: Server): Promise<void> {
  return new Promise((done) => server.listen(0, host, done));
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
