/**
 * The store interface: servers read the copy of a session here, and put what does not fit into headers
 * (docs/reference/session-protocol.md). The URL that a server gets contains the server's own slot, so that a put names the owner
 * of the session:
 *
 *      GET, PUT, DELETE  <url>/v1/<slot>/<pool>/<id>
 *      GET               <url>/v1/<slot>/<pool>/users/<hash>
 *      GET               <url>/v1/<slot>/<pool>/sessions
 *
 * Each answer says in `Limpet-Store` what it means, so that the status of another program (a proxy in between, a program that
 * took this port) is never taken for an answer of Limpet.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Server } from '../fleet/server.ts';
import { isHash, isSessionId, readEpoch, readPut, readRotate, type SessionCommand } from '../http/session-headers.ts';
import type { Replicator } from '../ownership/replicator.ts';
import { bearerOf } from '../secrets/store-credential.ts';
import type { SessionKey, Store, UserHash } from '../store/store.ts';
import { Bearer } from './bearer.ts';
import { answer, decodePart, readBody } from './listen.ts';

/** A pool whose servers may use the store interface. */
export interface InterfacePool {
  readonly replicator: Pick<Replicator, 'direct' | 'keepsCopies'>;
  /** By slot. */
  readonly servers: ReadonlyMap<number, Server>;
  /** The table's lifetime number for sessions that a server begins. */
  readonly lifetime: number;
}

/** The server that sent the request, and its pool. */
export interface InterfaceTarget {
  readonly pool: InterfacePool;
  readonly server: Server;
}

export interface StoreInterfaceDependencies {
  readonly store: Store;
  /** undefined: no such server may use the store interface. */
  readonly find: (pool: string, slot: number) => InterfaceTarget | undefined;
  /** '': none is needed, because it listens where only this user can connect. */
  readonly secret: string;
  readonly stateBytes: number;
  readonly now: () => number;
}

interface Target extends InterfaceTarget {
  readonly key: SessionKey;
}

/** A request for many sessions: those of a user, or all of a pool. */
interface ListTarget extends InterfaceTarget {
  readonly name: string;
  readonly user: UserHash | null;
}

/** What an answer means, in addition to its status. */
type Meaning =
  | 'live'
  | 'none'
  | 'kept'
  | 'fenced'
  | 'ended'
  | 'ending'
  | 'failed'
  | 'refused'
  | 'too-large'
  | 'malformed'
  | 'users'
  | 'sessions'
  | 'no-copies'
  | 'unknown-server';

export class StoreInterface {
  private readonly deps: StoreInterfaceDependencies;
  private readonly bearer: Bearer;

  constructor(deps: StoreInterfaceDependencies) {
    this.deps = deps;
    this.bearer = new Bearer(deps.secret === '' ? '' : bearerOf(deps.secret));
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!this.bearer.admits(request, response)) return;
    const target = this.targetOf(request.url ?? '');
    if (typeof target === 'string') send(response, target === 'malformed' ? 400 : 421, target);
    else if ('name' in target) await this.list(target, request, response);
    else if (request.method === 'GET' || request.method === 'HEAD') await this.read(target, response);
    else if (request.method === 'PUT') await this.put(target, request, response);
    else if (request.method === 'DELETE') await this.end(target, request, response);
    else send(response, 405, 'malformed', { allow: 'GET, HEAD, PUT, DELETE' });
  }

  /** 'unknown-server': it has left the config, or the URL is of another balancer. That never means that a session has no copy. */
  private targetOf(url: string): Target | ListTarget | 'malformed' | 'unknown-server' {
    const [, version, slot = '', name = '', id = '', user, ...more] = url.split('?', 1)[0]!.split('/');
    const isAll = id === 'sessions' && user === undefined;
    const isRight = user === undefined ? isAll || isSessionId(id) : id === 'users' && isHash(user);
    if (version !== 'v1' || more.length > 0 || !/^\d{1,5}$/.test(slot) || !isRight) return 'malformed';
    const pool = decodePart(name);
    const target = this.deps.find(pool, Number(slot));
    if (target === undefined) return 'unknown-server';
    if (isAll || user !== undefined) return { ...target, name: pool, user: user ?? null };
    return { ...target, key: { pool, id } };
  }

  /** Session ids, one in each line. */
  private async list(target: ListTarget, { method }: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pool, name, user } = target;
    if (method !== 'GET') {
      send(response, 405, 'malformed', { allow: 'GET' });
      return;
    }
    if (user === null) {
      if (pool.replicator.keepsCopies) await this.stream(name, response);
      else send(response, 501, 'no-copies');
      return;
    }
    const ids = await pool.replicator.direct.sessionsOf(user);
    if (typeof ids === 'string') send(response, statusOf[ids], ids);
    else send(response, 200, 'users', { 'content-type': 'text/plain' }, Buffer.from(ids.join('\n')));
  }

  /** Sends the ids as the store yields them, however many there are. The last line is empty: without it the answer was cut. */
  private async stream(pool: string, response: ServerResponse): Promise<void> {
    const { store } = this.deps;
    async function* lines() {
      for await (const { key, copy } of store.scan(pool)) if (copy.version > 0) yield `${key.id}\n`;
      yield '\n';
    }
    response.writeHead(200, { 'limpet-store': 'sessions', 'cache-control': 'no-store', 'content-type': 'text/plain' });
    // The head has been sent: an error can only destroy the response.
    await pipeline(Readable.from(lines()), response).catch(() => undefined);
  }

  private async read({ pool, server, key }: Target, response: ServerResponse): Promise<void> {
    const { store, now } = this.deps;
    const found = await pool.replicator.direct.read(key.id, server);
    if (found.state !== 'live') send(response, statusOf[found.state], found.state);
    else {
      const { epoch, version, expires, data } = found.copy;
      const ttl = Math.max(1, Math.ceil((expires - now()) / 1000));
      const words = `epoch=${epoch}; version=${version}; ttl=${ttl}; copy=${store.incarnation}`;
      send(response, 200, 'live', { 'limpet-session': words, 'content-type': 'application/octet-stream' }, data);
    }
  }

  private async put(target: Target, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const data = await readBody(request, this.deps.stateBytes);
    if (data === null) {
      send(response, 413, 'too-large', { connection: 'close' });
      return;
    }
    const put = readPut(textOf(request.headers['limpet-session-put']));
    const written = request.headers['limpet-session-rotate'];
    const rotate = written === undefined ? null : readRotate(textOf(written));
    const wrong = put === null || put.data !== null || (written !== undefined && rotate?.epoch !== put.epoch);
    if (wrong) send(response, 400, 'malformed');
    else await this.apply(target, { put: { ...put, data }, ended: 0, rotate: rotate?.id ?? '' }, response);
  }

  private async end(target: Target, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const written = textOf(request.headers['limpet-session-delete']);
    const ended = readEpoch(written);
    if (written === 'epoch=*') {
      const { pool, server, key } = target;
      const outcome = await pool.replicator.direct.end(key.id, pool.lifetime, server);
      send(response, statusOf[outcome], outcome);
    } else if (ended === 0) send(response, 400, 'malformed');
    else await this.apply(target, { put: null, ended, rotate: '' }, response);
  }

  /** Applies the command as if it had come with a response: the table is updated, too. */
  private async apply({ pool, server, key }: Target, command: SessionCommand, response: ServerResponse): Promise<void> {
    const { direct } = pool.replicator;
    const { outcome, epoch } = await direct.put(key.id, pool.lifetime, server, command);
    const { put, rotate } = command;
    const headers: Record<string, string> = {};
    if (epoch > 0) headers['limpet-session'] = `epoch=${epoch}`;
    if (outcome === 'kept' && put !== null && rotate !== '') {
      const proof = direct.proofOf(server, key.id, rotate);
      headers['limpet-session-rotate'] = `epoch=${put.epoch}; id=${rotate}; proof=${proof}`;
    }
    send(response, statusOf[outcome], outcome, headers);
  }
}

const statusOf = {
  none: 404,
  kept: 204,
  fenced: 409,
  ended: 410,
  ending: 503,
  failed: 503,
  refused: 422,
  'no-copies': 501,
} as const;

function send(
  response: ServerResponse,
  status: number,
  meaning: Meaning,
  headers: Readonly<Record<string, string>> = {},
  body?: Uint8Array,
): void {
  answer(response, status, { 'limpet-store': meaning, 'cache-control': 'no-store', ...headers }, body);
}

function textOf(value: string | readonly string[] | undefined): string {
  return typeof value === 'string' ? value : '';
}
