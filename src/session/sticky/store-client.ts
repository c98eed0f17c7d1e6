/** The store interface from the server's side: a session read after it moved, and put where headers are too small or gone. */
import { Agent, type IncomingMessage, request } from 'node:http';
import type { UserHash } from '../../store/store.ts';
import { asError, SessionError } from '../error.ts';
import type { Secrets } from './balancer-secrets.ts';
import {
  bearerOf,
  deleteHeader,
  type PutWord,
  putHeader,
  readFields,
  readNumber,
  requestHeader,
  rotateHeader,
  type Word,
  writePut,
} from './protocol.ts';

/** Where a session's copy is. */
export type Place = Pick<Word, 'id' | 'pool' | 'store'>;

export type Restored =
  | {
      readonly state: 'live';
      readonly text: string;
      readonly epoch: number;
      readonly version: number;
      readonly ttl: number;
    }
  | { readonly state: 'none' | 'ended' };

interface Answer {
  readonly status: number;
  /** What the store interface itself says that its status means; '' when somebody else has answered. */
  readonly meaning: string;
  readonly word: ReadonlyMap<string, string>;
  readonly rotated: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** Bytes that a list of ids may have. */
const listBytes = 1 << 16;

/** The same of all ids of a pool: two millions. */
const allBytes = 1 << 26;

export class StoreClient {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 64 });
  private readonly secrets: Pick<Secrets, 'first'>;
  private readonly timeout: number;
  private readonly largest: number;

  /** `timeout`: milliseconds for one answer. `largest`: bytes of a state. */
  constructor({
    secrets,
    timeout,
    largest,
  }: {
    secrets: Pick<Secrets, 'first'>;
    timeout: number;
    largest: number;
  }) {
    this.secrets = secrets;
    this.timeout = timeout;
    this.largest = Math.max(largest, listBytes);
  }

  async read(place: Place): Promise<Restored> {
    const answer = await this.ask('GET', place, {}, null);
    if (isOf(answer, 404, 'none')) return { state: 'none' };
    if (isOf(answer, 410, 'ended')) return { state: 'ended' };
    const { word, body } = answer;
    const epoch = readNumber(word.get('epoch'));
    const version = readNumber(word.get('version'));
    if (!isOf(answer, 200, 'live') || epoch < 1 || version < 1) throw refusal(answer, 'reading a session');
    return { state: 'live', text: body.toString(), epoch, version, ttl: readNumber(word.get('ttl')) * 1000 };
  }

  /**
   * Resolves when it is kept; `rotate` is the id under which it goes on, '' the same. Answers the proof of that, which the response
   * has to show; '' none.
   */
  async put(place: Place, word: PutWord, text: string, rotate: string): Promise<string> {
    const headers: Record<string, string> = { [putHeader]: writePut(word, null) };
    if (rotate !== '') headers[rotateHeader] = `epoch=${word.epoch}; id=${rotate}`;
    const answer = await this.ask('PUT', place, headers, Buffer.from(text));
    this.judge(answer, 'keeping a session');
    return answer.rotated.get('proof') ?? '';
  }

  async end(place: Place, epoch: number): Promise<void> {
    this.judge(await this.ask('DELETE', place, { [deleteHeader]: `epoch=${epoch}` }, null), 'ending a session');
  }

  /** It is over, whoever owns it. */
  async endAnyway(place: Place): Promise<void> {
    this.judge(await this.ask('DELETE', place, { [deleteHeader]: 'epoch=*' }, null), 'ending a session');
  }

  /** Ids of the live sessions of a user. */
  async ofUser({ pool, store }: Omit<Place, 'id'>, user: UserHash): Promise<readonly string[]> {
    const answer = await this.ask('GET', { id: `users/${user}`, pool, store }, {}, null);
    if (!isOf(answer, 200, 'users')) throw refusal(answer, 'listing the sessions of a user');
    const text = answer.body.toString();
    return text === '' ? [] : text.split('\n');
  }

  /** Ids of all live sessions of the pool, in no order. */
  async all({ pool, store }: Omit<Place, 'id'>): Promise<readonly string[]> {
    const answer = await this.ask('GET', { id: 'sessions', pool, store }, {}, null, allBytes);
    if (!isOf(answer, 200, 'sessions')) throw refusal(answer, 'listing all sessions');
    const lines = answer.body.toString().split('\n');
    if (lines.pop() !== '' || lines.pop() !== '') throw failed('listing all sessions was broken off');
    return lines;
  }

  close(): void {
    this.agent.destroy();
  }

  private judge(answer: Answer, what: string): void {
    if (!isOf(answer, 204, 'kept')) throw refusal(answer, what);
  }

  private async ask(
    method: string,
    place: Place,
    headers: Record<string, string>,
    body: Buffer | null,
    largest = this.largest,
  ): Promise<Answer> {
    const ask = () => this.once(method, place, headers, body, largest);
    try {
      // Each of these may be repeated: puts are numbered. So a pooled connection that was closed under us is no failure.
      return await ask().catch((error: unknown) => (isBroken(error) ? ask() : Promise.reject(error)));
    } catch (error) {
      throw error instanceof SessionError
        ? error
        : failed(`${method} at ${place.store}: ${asError(error).message}`, error);
    }
  }

  private once(
    method: string,
    place: Place,
    headers: Record<string, string>,
    body: Buffer | null,
    largest: number,
  ): Promise<Answer> {
    const { base, ...address } = addressOf(place.store);
    const { first } = this.secrets;
    const path = `${base}/${place.pool}/${place.id}`;
    const all: Record<string, string> = { ...headers };
    if (first !== undefined) all.authorization = `Bearer ${bearerOf(first)}`;
    if (body !== null) all['content-length'] = String(body.length);
    return new Promise((done, fail) => {
      const options = { ...address, path, method, headers: all, agent: this.agent, timeout: this.timeout };
      const asked = request(options, (response) => readAnswer(response, largest).then(done, fail));
      asked.on('timeout', () => asked.destroy(new Error(`no answer within ${this.timeout} ms`)));
      asked.on('error', fail);
      asked.end(body ?? undefined);
    });
  }
}

/**
 * A status counts only with the word that the store interface gives it: 404 of a proxy in between, or of another program on that port,
 * does not say that nothing is kept.
 */
function isOf({ status, meaning }: Answer, wanted: number, word: string): boolean {
  return status === wanted && meaning === word;
}

function refusal(answer: Answer, what: string): SessionError {
  const { status, meaning, word } = answer;
  if (isOf(answer, 409, 'fenced')) {
    const epoch = word.get('epoch');
    const by = epoch === undefined ? 'somebody else' : `epoch ${epoch}`;
    return new SessionError('session-fenced', `${what} was refused: ${by} owns it now`);
  }
  if (isOf(answer, 410, 'ended')) return new SessionError('session-ended', `${what} was refused: it has ended`);
  if (isOf(answer, 413, 'too-large'))
    return new SessionError('state-too-large', `${what} was refused: its state is too large for the store`);
  if (isOf(answer, 503, 'ending'))
    return new SessionError('session-ending', `${what} was refused: it is over, and the store has yet to be told`);
  if (isOf(answer, 501, 'no-copies'))
    return failed(
      `${what}: the balancer keeps no copies of sessions (sessions.replication: none); expected sync or async`,
    );
  if (isOf(answer, 421, 'unknown-server')) return failed(`${what}: this server has left the balancer's config`);
  if (status === 401) return failed(`${what} answered 401: it has another secret`);
  if (meaning === '')
    return failed(`${what} answered ${status} without Limpet-Store: found something else than the store interface`);
  return failed(`${what} answered ${status} (${meaning})`);
}

/** The connection ended under the request. */
function isBroken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

async function readAnswer(response: IncomingMessage, largest: number): Promise<Answer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of response) {
    const bytes = Buffer.from(piece);
    size += bytes.length;
    if (size > largest) throw new Error(`an answer of more than ${largest} bytes`);
    pieces.push(bytes);
  }
  const text = (name: string) => {
    const value = response.headers[name];
    return typeof value === 'string' ? value : '';
  };
  return {
    status: response.statusCode ?? 0,
    meaning: text('limpet-store'),
    word: readFields(text(requestHeader)),
    rotated: readFields(text(rotateHeader.toLowerCase())),
    body: Buffer.concat(pieces),
  };
}

/** `http://127.0.0.1:port/v1` or `unix:/path:/v1`: of a header that was signed. */
function addressOf(store: string): { base: string; host?: string; port?: number; socketPath?: string } {
  const unix = /^unix:(\/[^:]+):(\/.*)$/.exec(store);
  if (unix !== null) return { socketPath: unix[1] ?? '', base: unix[2] ?? '' };
  const http = /^http:\/\/([\w.-]+|\[[\da-fA-F:.]+\]):(\d{1,5})(\/.*)$/.exec(store);
  const host = (http?.[1] ?? '').replace(/^\[|\]$/g, '');
  if (http === null) {
    throw new SessionError('session-store', `store: found ${store}, expected http://host:port/v1 or unix:/path:/v1`);
  }
  return { host, port: Number(http[2]), base: http[3] ?? '' };
}

function failed(message: string, cause?: unknown): SessionError {
  return new SessionError('session-store', `the store interface failed: ${message}`, { cause });
}
