/**
 * An admin listener that answers in the shapes of the admin API for a balancer that does not exist: as many servers and sessions as
 * a test wants, which live, die and move when it says so.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DashboardFiles } from '../../src/admin/dashboard-files.ts';
import type { FleetView, ServerView } from '../../src/admin/schemas.ts';

/** A server without what is lost with it, which this page does without. */
export type FakeServer = Omit<ServerView, 'loss'>;

export interface FakeSetup {
  readonly pools: Readonly<Record<string, number>>;
  readonly sessions: number;
  /** '': none is needed. */
  readonly token?: string;
  readonly readToken?: string;
  /** It is one of two nodes. */
  readonly isFleet?: true;
}

const pageLimit = 1_000;

export class FakeAdmin implements AsyncDisposable {
  readonly servers: FakeServer[] = [];
  /** What was asked for that changes something. */
  readonly changes: string[] = [];
  readonly counters: Record<string, number> = {};
  url = '';
  private readonly setup: FakeSetup;
  private readonly files = new DashboardFiles();
  private readonly streams = new Set<ServerResponse>();
  private readonly listener = createServer((request, response) => void this.answer(request, response));
  private readonly startedAt = Date.now() - 3_723_000;
  private eventId = 0;

  constructor(setup: FakeSetup) {
    this.setup = setup;
    const total = Object.values(setup.pools).reduce((sum, count) => sum + count, 0);
    let index = 0;
    for (const [pool, count] of Object.entries(setup.pools)) {
      for (let i = 1; i <= count; i++) {
        const live = Math.round((setup.sessions / total) * (0.9 + 0.2 * noise(index)));
        const copied = Math.round(live * (pool === 'chat' ? 0.55 : 0.97));
        this.servers.push({
          pool,
          name: `${pool.charAt(0)}${i}`,
          address: `10.0.${index >> 8}.${index & 255}:3000`,
          state: 'up',
          drained: false,
          weight: 1,
          maxRequests: 0,
          inflight: Math.floor(noise(index + 7) * 12),
          waiting: 0,
          streams: pool === 'chat' ? 9 : 0,
          tunnels: pool === 'chat' ? 31 : 0,
          sessions: { live, copied, uncopied: live - copied },
          since: new Date(this.startedAt).toISOString(),
          reason: null,
          lastCheck: { at: new Date().toISOString(), problem: null },
          source: 'config',
        });
        index++;
      }
    }
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.listener.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.listener.address() as AddressInfo).port}`;
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.listener.closeAllConnections();
    await new Promise((resolve) => this.listener.close(resolve));
  }

  publish(name: string, fields: Readonly<Record<string, string | number | boolean | null>>): void {
    const event = { id: ++this.eventId, time: Date.now(), name, fields };
    for (const stream of this.streams)
      stream.write(`id: ${event.id}\nevent: ${name}\ndata: ${JSON.stringify(event)}\n\n`);
  }

  add(counter: string, by: number): void {
    this.counters[counter] = (this.counters[counter] ?? 0) + by;
  }

  find(pool: string, name: string): FakeServer | undefined {
    return this.servers.find((server) => server.pool === pool && server.name === name);
  }

  /** The server dies; its sessions with a copy can be rescued from then on. */
  kill(server: FakeServer): void {
    Object.assign(server, { state: 'down', reason: 'ECONNREFUSED', since: new Date().toISOString(), inflight: 0 });
    this.publish('server.down', { pool: server.pool, server: server.name, reason: 'connection refused' });
  }

  /** One session changes its server. */
  moveOne(kind: 'moved' | 'rescued', from: FakeServer, to: FakeServer, session: string): void {
    for (const [server, by] of [
      [from, -1],
      [to, 1],
    ] as const) {
      const { live, copied } = server.sessions;
      server.sessions = { live: live + by, copied: copied + by, uncopied: live - copied };
    }
    this.add(kind === 'moved' ? 'sessions_moved' : 'rebinds', 1);
    const reason = kind === 'moved' ? 'drained' : 'owner down';
    this.publish(`session.${kind}`, { pool: from.pool, session, from: from.name, to: to.name, reason });
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://fake');
    const file = request.method === 'GET' ? await this.files.read(url.pathname) : null;
    if (file !== null) {
      response.writeHead(200, { ...file.headers, 'content-type': file.contentType }).end(file.bytes);
      return;
    }
    const { token = '', readToken = '' } = this.setup;
    const sent = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
    if (token !== '' && sent !== token && sent !== readToken) return fail(response, 401, 'no-token');
    if (request.method !== 'GET' && token !== '' && sent === readToken && !/find|explain/.test(url.pathname)) {
      return fail(response, 403, 'read-only');
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
    if (url.pathname === '/v1/events') this.stream(response);
    else this.json(request.method ?? '', url, body, response);
  }

  private stream(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': hello\n\n');
    this.streams.add(response);
    response.once('close', () => this.streams.delete(response));
  }

  private json(method: string, url: URL, body: Record<string, unknown>, response: ServerResponse): void {
    const [, , what = '', pool = '', name = ''] = url.pathname.split('/').map(decodeURIComponent);
    if (what === 'status') send(response, this.status());
    else if (what === 'fleet' && this.setup.isFleet === true) send(response, this.fleet());
    else if (what === 'pools') send(response, this.pools());
    else if (what === 'servers' && pool === '') send(response, this.servers);
    else if (what === 'servers' && method === 'PATCH') {
      const server = this.find(pool, name);
      if (server !== undefined) this.change(server, body);
      if (server === undefined) fail(response, 404, 'no-such-server');
      else send(response, server);
    } else if (what === 'sessions' && method === 'GET') send(response, this.page(url.searchParams));
    else if (what === 'sessions' && pool === 'find') send(response, { found: [this.found()] });
    else if (what === 'sessions') {
      this.changes.push(`${pool} ${body.session}${body.to === undefined ? '' : ` to ${body.to}`}`);
      send(response, {});
    } else if (what === 'explain') send(response, explanation);
    else fail(response, 404, 'not-found');
  }

  private fleet(): FleetView {
    const node = (id: string, name: string, self: boolean, differs: string[]): FleetView['nodes'][number] => ({
      id,
      name,
      self,
      state: 'live',
      version: '0.1.0',
      runtime: 'bun',
      startedAt: new Date(this.startedAt).toISOString(),
      silentMs: 200,
      clockAheadMs: -300,
      configHash: id,
      differs,
      pending: 0,
      failure: null,
    });
    return {
      connected: true,
      reason: null,
      revision: 3,
      unsent: 0,
      sharers: 1,
      leaseMs: 10_000,
      nodes: [node('0f1e2d3c', 'lb1', true, []), node('4b5a6978', 'lb2', false, ['pools.shop.balance'])],
      pools: [{ name: 'shop', requestsPerSecond: 480, sessions: { atLeast: 600, atMost: 900 } }],
    };
  }

  private change(server: FakeServer, { state, weight }: Record<string, unknown>): void {
    this.changes.push(`${server.pool}/${server.name} ${state ?? `weight ${weight}`}`);
    if (typeof weight === 'number') server.weight = weight;
    if (state === 'drain') Object.assign(server, { state: 'draining', drained: true, since: new Date().toISOString() });
    if (state === 'ready') Object.assign(server, { state: 'up', drained: false, since: new Date().toISOString() });
    if (state === 'down') Object.assign(server, { state: 'down', drained: true, since: new Date().toISOString() });
    const event = { drain: 'server.drained', ready: 'server.ready', down: 'server.down' }[String(state)];
    if (event !== undefined) this.publish(event, { pool: server.pool, server: server.name, reason: 'operator' });
  }

  private status() {
    const { live, copied, uncopied } = sum(this.servers);
    return {
      version: '0.1.0',
      runtime: 'bun 1.4.5',
      pid: 4242,
      startedAt: this.startedAt,
      configFile: '/etc/limpet/limpet.yaml',
      configHash: '5f3a',
      workers: [1, 2].map((worker) => ({ worker, listening: true, replaced: 0, loopDelayMs: worker })),
      store: { kind: 'redis', replication: 'sync', lag: 0 },
      counters: this.counters,
      sessions: { live, copied, uncopied },
    };
  }

  private pools() {
    return Object.keys(this.setup.pools).map((name) => {
      const members = this.servers.filter((server) => server.pool === name);
      const most = Math.max(...members.map(({ sessions }) => sessions.live));
      const sessions = sum(members);
      return {
        name,
        balance: 'least-requests',
        servers: members.length,
        usable: members.filter(({ state }) => state === 'up').length,
        sessions,
        skew: sessions.live === 0 ? 1 : most / (sessions.live / members.length),
        inflight: members.reduce((total, { inflight }) => total + inflight, 0),
        waiting: 0,
        requestsPerSecond: 12.5,
      };
    });
  }

  private page(query: URLSearchParams) {
    const limit = Math.min(pageLimit, Number(query.get('limit') ?? 100));
    const from = Number(query.get('cursor') ?? 0);
    const to = Math.min(this.setup.sessions, from + limit);
    const sessions = Array.from({ length: to - from }, (_, i) => this.session(query.get('pool') ?? '', from + i));
    return { sessions, cursor: to < this.setup.sessions ? String(to) : null };
  }

  private found() {
    const session = this.session(Object.keys(this.setup.pools)[0]!, 7);
    const { id, pool, server } = session;
    const copy = {
      version: 3,
      epoch: session.epoch,
      bytes: 211,
      expires: new Date(Date.now() + 1_700_000).toISOString(),
    };
    const tag = id.slice(0, 8);
    return {
      pool,
      affinity: 'cookie limpet',
      kind: 'token',
      id,
      tag,
      state: 'live',
      server,
      why: 'table',
      session,
      copy,
    };
  }

  private session(pool: string, index: number) {
    const members = this.servers.filter((server) => server.pool === pool);
    return {
      id: (0x9e3779b1 * (index + 1)).toString(16).padStart(32, '0').slice(-32),
      pool,
      server: members[index % Math.max(1, members.length)]?.name ?? null,
      epoch: 1 + (index % 3),
      born: Date.now() - 60_000 * (index % 400),
      seen: Date.now() - 1_000 * (index % 50),
      copied: index % 9 !== 0,
      inflight: 0,
    };
  }
}

function sum(servers: readonly FakeServer[]) {
  const total = { live: 0, copied: 0, uncopied: 0 };
  for (const { sessions } of servers) {
    total.live += sessions.live;
    total.copied += sessions.copied;
    total.uncopied += sessions.uncopied;
  }
  return total;
}

/** The same for each start: 0 to 1. */
function noise(index: number): number {
  return (Math.imul(index + 1, 0x9e3779b1) >>> 0) / 2 ** 32;
}

function send(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function fail(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error: { code, message: code.replaceAll('-', ' ') } }));
}

const explanation = {
  request: { line: 'GET /cart HTTP/1.1', notes: [] },
  route: { index: 0, pool: 'shop', affinity: true },
  affinities: [{ name: 'cookie limpet', result: 'recognised', reason: 'the token verifies' }],
  session: { affinity: 'cookie limpet', tag: '5d41402a', epoch: 2 },
  owner: { server: 's2', state: 'up', source: 'token', epoch: 2 },
  decision: { kind: 'owner', server: 's2', certain: true, reason: 'the owner of the session is up' },
  toServer: 'GET /cart HTTP/1.1\r\nHost: shop.example\r\n\r\n',
  toClient: { status: 200, setCookies: [], reason: 'the cookie is still good', fault: null },
};
