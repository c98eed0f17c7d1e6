/**
 * The store interface: where servers read the copy of a session, and put what does not fit into headers
 * (docs/reference/session-protocol.md). The address that a server is told holds its own slot, so that it is known whose
 * session a put makes it:
 *
 *      GET, PUT, DELETE  <url>/v1/<slot>/<pool>/<id>
 */
import { createHmac } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from '../fleet/server.ts';
import { isSessionId, readEpoch, readPut, readRotate, type SessionWord } from '../http/session-headers.ts';
import type { Copies } from '../proxy/copies.ts';
import { type SessionKey, type Store, StoreError } from '../store/store.ts';
import { Bearer } from './bearer.ts';
import { answer, readBody } from './listen.ts';

/** A pool whose servers may come here. */
export interface InterfacePool {
  readonly copies: Copies;
  /** By slot. */
  readonly servers: ReadonlyMap<number, Server>;
  /** The table's number for sessions that a server begins. */
  readonly lifetime: number;
}

export interface StoreInterfaceDependencies {
  readonly store: Store;
  readonly pools: () => ReadonlyMap<string, InterfacePool>;
  /** '' none: then it listens where nobody else can come. */
  readonly secret: string;
  readonly stateBytes: number;
  readonly now: () => number;
}

interface Place {
  readonly pool: InterfacePool;
  readonly server: Server;
  readonly key: SessionKey;
}

export class StoreInterface {
  private readonly deps: StoreInterfaceDependencies;
  private readonly bearer: Bearer;

  constructor(deps: StoreInterfaceDependencies) {
    this.deps = deps;
    this.bearer = new Bearer(deps.secret === '' ? '' : bearerOf(deps.secret));
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!this.bearer.admits(request, response)) return;
    const place = this.placeOf(request.url ?? '');
    if (place === null) answer(response, 404);
    else if (request.method === 'GET' || request.method === 'HEAD') await this.read(place, response);
    else if (request.method === 'PUT') await this.put(place, request, response);
    else if (request.method === 'DELETE') await this.end(place, request, response);
    else answer(response, 405, { allow: 'GET, HEAD, PUT, DELETE' });
  }

  private placeOf(url: string): Place | null {
    const [, version, slot = '', name = '', id = '', ...more] = url.split('?', 1)[0]!.split('/');
    const pool = this.deps.pools().get(decode(name));
    const server = pool?.servers.get(Number(slot));
    if (version !== 'v1' || more.length > 0 || pool === undefined || server === undefined) return null;
    return isSessionId(id) ? { pool, server, key: { pool: decode(name), id } } : null;
  }

  private async read({ key }: Place, response: ServerResponse): Promise<void> {
    const { store, now } = this.deps;
    try {
      const found = await store.read(key);
      if (found.state !== 'live') answer(response, found.state === 'ended' ? 410 : 404);
      else if (found.copy.version === 0) answer(response, 404);
      else {
        const { epoch, version, expires, data } = found.copy;
        const ttl = Math.max(1, Math.ceil((expires - now()) / 1000));
        const words = `epoch=${epoch}; version=${version}; ttl=${ttl}; copy=${store.incarnation}`;
        const headers = { 'limpet-session': words, 'content-type': 'application/octet-stream' };
        answer(response, 200, headers, data);
      }
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      answer(response, 503);
    }
  }

  private async put(place: Place, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const data = await readBody(request, this.deps.stateBytes);
    if (data === null) {
      answer(response, 413, { connection: 'close' });
      return;
    }
    const put = readPut(textOf(request.headers['limpet-session-put']));
    const written = request.headers['limpet-session-rotate'];
    const rotate = written === undefined ? null : readRotate(textOf(written));
    const wrong = put === null || put.data !== null || (written !== undefined && rotate?.epoch !== put.epoch);
    if (wrong) answer(response, 400);
    else await this.tell(place, { put: { ...put, data }, ended: 0, rotate: rotate?.id ?? '' }, response);
  }

  private async end(place: Place, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const ended = readEpoch(textOf(request.headers['limpet-session-delete']));
    if (ended === 0) answer(response, 400);
    else await this.tell(place, { put: null, ended, rotate: '' }, response);
  }

  /** As if it had come with a response: the table learns of it, too. */
  private async tell({ pool, server, key }: Place, word: SessionWord, response: ServerResponse): Promise<void> {
    const { verdict, epoch } = await pool.copies.tell(key.id, pool.lifetime, server, word);
    const { put, rotate } = word;
    if (verdict === 'kept' && put !== null && rotate !== '') {
      const proof = pool.copies.proofOf(server, key.id, rotate);
      answer(response, 204, { 'limpet-session-rotate': `epoch=${put.epoch}; id=${rotate}; proof=${proof}` });
    } else if (verdict === 'kept') answer(response, 204);
    else if (verdict === 'failed') answer(response, 503);
    else if (verdict === 'ended') answer(response, 410);
    else answer(response, 409, epoch > 0 ? { 'limpet-session': `epoch=${epoch}` } : {});
  }
}

/** What a server shows that has the secret. */
export function bearerOf(secret: string): string {
  return createHmac('sha256', secret).update('limpet store interface').digest('hex');
}

function textOf(value: string | readonly string[] | undefined): string {
  return typeof value === 'string' ? value : '';
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
