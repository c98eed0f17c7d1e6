/** The balancer's store interface, as servers use it: to read a session that moved here, and to put what no header can carry. */
import { Agent, request } from 'node:http';
import { bearerOf } from '../../secrets/store-credential.ts';
import type { UserHash } from '../../store/store.ts';
import { asError, SessionError } from '../error.ts';
import type { BalancerSecrets } from './balancer-secrets.ts';
import {
  deleteHeader,
  type PutFields,
  putHeader,
  readNumber,
  rotateHeader,
  type SessionHeader,
  writePut,
} from './protocol.ts';
import { errorOf, isReply, readReply, type StoreReply, storeFailed } from './store-reply.ts';

/** Where the stored copy of a session is. */
export type SessionAddress = Pick<SessionHeader, 'id' | 'pool' | 'store'>;

/** A stored session. */
export interface LiveCopy {
  readonly state: 'live';
  readonly text: string;
  readonly epoch: number;
  readonly version: number;
  readonly ttlMs: number;
}

export type ReadResult = LiveCopy | { readonly state: 'none' | 'ended' };

/** Of a list of the ids of one user. */
const maxListBytes = 1 << 16;

/** Of a list of all ids of a pool: two million ids. */
const maxPoolListBytes = 1 << 26;

interface StoreClientSettings {
  readonly secrets: Pick<BalancerSecrets, 'first'>;
  /** For one response. */
  readonly timeoutMs: number;
  /** Of a state. */
  readonly maxBytes: number;
}

/** All methods throw SessionError. */
export class StoreClient {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 64 });
  private readonly secrets: Pick<BalancerSecrets, 'first'>;
  private readonly timeoutMs: number;
  private readonly maxBytes: number;

  constructor({ secrets, timeoutMs, maxBytes }: StoreClientSettings) {
    this.secrets = secrets;
    this.timeoutMs = timeoutMs;
    this.maxBytes = Math.max(maxBytes, maxListBytes);
  }

  async read(address: SessionAddress): Promise<ReadResult> {
    const reply = await this.request('GET', address, {}, null);
    if (isReply(reply, 404, 'none')) return { state: 'none' };
    if (isReply(reply, 410, 'ended')) return { state: 'ended' };
    const { fields, body } = reply;
    const epoch = readNumber(fields.get('epoch'));
    const version = readNumber(fields.get('version'));
    if (!isReply(reply, 200, 'live') || epoch < 1 || version < 1) throw errorOf(reply, 'reading a session');
    return { state: 'live', text: body.toString(), epoch, version, ttlMs: readNumber(fields.get('ttl')) * 1000 };
  }

  /**
   * Resolves when it is stored. `newId`: the id under which the session goes on; '' the same. Returns the proof of that change, which the
   * response has to show; '' none.
   */
  async put(address: SessionAddress, fields: PutFields, text: string, newId: string): Promise<string> {
    const headers: Record<string, string> = { [putHeader]: writePut(fields, null) };
    if (newId !== '') headers[rotateHeader] = `epoch=${fields.epoch}; id=${newId}`;
    const reply = await this.request('PUT', address, headers, Buffer.from(text));
    assertKept(reply, 'keeping a session');
    return reply.rotation.get('proof') ?? '';
  }

  /** Ends the session, if its epoch is not later. */
  async end(address: SessionAddress, epoch: number): Promise<void> {
    assertKept(await this.request('DELETE', address, { [deleteHeader]: `epoch=${epoch}` }, null), 'ending a session');
  }

  /** Ends the session, whoever owns it. */
  async endAtAnyEpoch(address: SessionAddress): Promise<void> {
    assertKept(await this.request('DELETE', address, { [deleteHeader]: 'epoch=*' }, null), 'ending a session');
  }

  /** Ids of the live sessions of a user. */
  async ofUser({ pool, store }: Omit<SessionAddress, 'id'>, user: UserHash): Promise<readonly string[]> {
    const reply = await this.request('GET', { id: `users/${user}`, pool, store }, {}, null);
    if (!isReply(reply, 200, 'users')) throw errorOf(reply, 'listing the sessions of a user');
    const text = reply.body.toString();
    return text === '' ? [] : text.split('\n');
  }

  /** Ids of all live sessions of the pool, in no order. */
  async all({ pool, store }: Omit<SessionAddress, 'id'>): Promise<readonly string[]> {
    const reply = await this.request('GET', { id: 'sessions', pool, store }, {}, null, maxPoolListBytes);
    if (!isReply(reply, 200, 'sessions')) throw errorOf(reply, 'listing all sessions');
    const lines = reply.body.toString().split('\n');
    // An empty line ends the list.
    if (lines.pop() !== '' || lines.pop() !== '') throw storeFailed('listing all sessions was broken off');
    return lines;
  }

  close(): void {
    this.agent.destroy();
  }

  private async request(
    method: string,
    address: SessionAddress,
    headers: Record<string, string>,
    body: Buffer | null,
    maxBytes = this.maxBytes,
  ): Promise<StoreReply> {
    const send = () => this.send(method, address, headers, body, maxBytes);
    try {
      // Each request may be repeated, because puts are numbered. So a pooled connection that the other side has closed is no failure.
      return await send().catch((error: unknown) => (isBroken(error) ? send() : Promise.reject(error)));
    } catch (error) {
      throw error instanceof SessionError
        ? error
        : storeFailed(`${method} at ${address.store}: ${asError(error).message}`, error);
    }
  }

  private send(
    method: string,
    { id, pool, store }: SessionAddress,
    headers: Record<string, string>,
    body: Buffer | null,
    maxBytes: number,
  ): Promise<StoreReply> {
    const { basePath, ...endpoint } = endpointOf(store);
    const { first } = this.secrets;
    const path = `${basePath}/${pool}/${id}`;
    const all: Record<string, string> = { ...headers };
    if (first !== undefined) all.authorization = `Bearer ${bearerOf(first)}`;
    if (body !== null) all['content-length'] = String(body.length);
    return new Promise((resolve, reject) => {
      const options = { ...endpoint, path, method, headers: all, agent: this.agent, timeout: this.timeoutMs };
      const sent = request(options, (response) => readReply(response, maxBytes).then(resolve, reject));
      sent.on('timeout', () => sent.destroy(new Error(`no answer within ${this.timeoutMs} ms`)));
      sent.on('error', reject);
      sent.end(body ?? undefined);
    });
  }
}

function assertKept(reply: StoreReply, action: string): void {
  if (!isReply(reply, 204, 'kept')) throw errorOf(reply, action);
}

/** The connection ended under the request. */
function isBroken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

/** Of `http://127.0.0.1:port/v1` or `unix:/path:/v1`, from a header that was signed. */
function endpointOf(store: string): { basePath: string; host?: string; port?: number; socketPath?: string } {
  const unix = /^unix:(\/[^:]+):(\/.*)$/.exec(store);
  if (unix !== null) return { socketPath: unix[1] ?? '', basePath: unix[2] ?? '' };
  const http = /^http:\/\/([\w.-]+|\[[\da-fA-F:.]+\]):(\d{1,5})(\/.*)$/.exec(store);
  const host = (http?.[1] ?? '').replace(/^\[|\]$/g, '');
  if (http === null) {
    throw new SessionError('session-store', `store: found ${store}, expected http://host:port/v1 or unix:/path:/v1`);
  }
  return { host, port: Number(http[2]), basePath: http[3] ?? '' };
}
