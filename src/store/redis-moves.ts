/**
 * What other balancers tell of sessions: the streams that the scripts of the store append to (redis-scripts.ts), one for each pool,
 * read from where this balancer was.
 *
 *      limpet-moves:{pool}   i: id of the session, e: its epoch, o: id of the server that owns it, or x: it has ended (r: it has another id)
 *
 * A message on the channel `limpet-moves` says that a pool has something new; because a message can be lost, every stream is looked at once
 * a second as well. The stream is bounded: when the entry up to which it was read is not there any more, others may be gone unread,
 * and the listener is told (`onMissed`). A second channel carries what balancers ask each other before a move.
 */
import type { RedisConnection } from './redis-connection.ts';
import { movesName, poolOf, sessionName } from './redis-names.ts';
import { intendScript, movesChannel } from './redis-scripts.ts';
import type { SessionId, SessionKey } from './store.ts';

/** Another owner, or the end, of one session. */
export interface Move {
  readonly id: SessionId;
  /** Of its new owner; of an end: the last one, 0 when it is not known. */
  readonly epoch: number;
  /** Id of the server that owns it now; null: it has ended. */
  readonly owner: number | null;
  /** It has not ended, but goes on under another id. */
  readonly isRotated: boolean;
}

export interface MovesListener {
  onMoves(pool: string, moves: readonly Move[]): void;
  /** Moves of that pool until that time (Unix milliseconds, by the clock of the store) may be missing. */
  onMissed(pool: string, until: number): void;
  /** A message of a balancer to all, this one included. */
  onMessage(text: string): void;
}

export interface RedisMovesOptions {
  /** Entries that the stream keeps, about. */
  readonly history: number;
  readonly now: () => number;
}

/** Entries that one answer brings at most: each takes a moment in which the supervisor does nothing else. */
const pageSize = 1000;
const beginning = '0-0';
const agreementsChannel = 'limpet-agreements';

type Entry = [id: string, fields: string[]];

export class RedisMoves {
  private readonly connection: RedisConnection;
  private readonly listener: MovesListener;
  private readonly options: RedisMovesOptions;
  /** By pool, the last entry that was read. */
  private readonly positions = new Map<string, string>();
  /** Pools whose streams are being read, until they are. */
  private readonly reading = new Map<string, Promise<void>>();
  /** Those of them in which there is something new by now. */
  private readonly hasMore = new Set<string>();

  constructor(connection: RedisConnection, listener: MovesListener, options: RedisMovesOptions) {
    this.connection = connection;
    this.listener = listener;
    this.options = options;
  }

  /** Resolves when all is read that there is so far, or the store does not answer: it is read when it does. */
  async start(): Promise<void> {
    const { connection, listener } = this;
    connection.onReady(() => void this.readAll());
    await connection.subscribe(movesChannel, (text) => void this.read(poolOfMessage(text)));
    await connection.subscribe(agreementsChannel, (text) => listener.onMessage(text));
    await this.readAll();
  }

  /** These are the pools from now on. What their streams hold is read from the beginning. */
  follow(pools: readonly string[]): void {
    for (const pool of this.positions.keys()) if (!pools.includes(pool)) this.positions.delete(pool);
    for (const pool of pools) {
      if (this.positions.has(pool)) continue;
      this.positions.set(pool, beginning);
      void this.read(pool);
    }
  }

  /** Reads what is new in all streams. To be called every second or so. Resolves when it is done, also when the store does not answer. */
  async readAll(): Promise<void> {
    await Promise.all([...this.positions.keys()].map((pool) => this.read(pool)));
  }

  /** Sends a message to all balancers. */
  async publish(text: string): Promise<void> {
    await this.connection.query((redis) => redis.publish(agreementsChannel, text));
  }

  /** Notes that a session is to be moved. False: it is over, or nothing is known of it. */
  async intend(key: SessionKey, intent: string): Promise<boolean> {
    const [reply] = await this.connection.run(intendScript, [sessionName(key)], [intent]);
    return String(reply) === 'yes';
  }

  private read(pool: string): Promise<void> {
    if (!this.positions.has(pool)) return Promise.resolve();
    const running = this.reading.get(pool);
    if (running !== undefined) {
      this.hasMore.add(pool);
      return running;
    }
    // What does not answer is read when it does.
    const reading = this.readToEnd(pool)
      .catch(() => {})
      .finally(() => this.reading.delete(pool));
    this.reading.set(pool, reading);
    return reading;
  }

  private async readToEnd(pool: string): Promise<void> {
    do {
      this.hasMore.delete(pool);
      while (await this.readPage(pool));
    } while (this.hasMore.has(pool));
  }

  /** True: there may be more. */
  private async readPage(pool: string): Promise<boolean> {
    const position = this.positions.get(pool);
    if (position === undefined) return false;
    const stream = movesName(pool);
    // From the last entry on: that it is there still shows that nothing behind it is gone.
    const found: readonly Entry[] = await this.connection.query((redis) =>
      redis.xrange(stream, position, '+', 'COUNT', pageSize + 1),
    );
    if (this.positions.get(pool) !== position) return false;
    const isAnchored = position === beginning ? await this.isWhole(stream) : found[0]?.[0] === position;
    const entries = position === beginning || !isAnchored ? found : found.slice(1);
    if (!isAnchored) this.listener.onMissed(pool, timeOf(found[0]?.[0]) ?? this.options.now());
    const last = entries.at(-1)?.[0];
    if (last !== undefined) this.positions.set(pool, last);
    else if (!isAnchored) this.positions.set(pool, beginning);
    const moves = entries.flatMap(([, fields]) => moveOf(fields) ?? []);
    if (moves.length > 0) this.listener.onMoves(pool, moves);
    return found.length > pageSize;
  }

  /** Nothing was ever cut from the stream. It is cut in blocks, so that it is never shorter than what it keeps. */
  private async isWhole(stream: string): Promise<boolean> {
    return (await this.connection.query((redis) => redis.xlen(stream))) < this.options.history;
  }
}

/** null: that is none of ours. */
function moveOf(fields: readonly string[]): Move | null {
  const [, id = '', , epoch = '', what, how = ''] = fields;
  if (!/^[0-9a-f]{32}$/.test(id) || !/^\d{1,16}$/.test(epoch)) return null;
  const move = { id, epoch: Number(epoch), isRotated: what === 'x' && how === 'r' };
  if (what === 'x') return { ...move, owner: null };
  return what === 'o' && /^\d{1,16}$/.test(how) ? { ...move, owner: Number(how) } : null;
}

/** The time at which an entry was appended, Unix milliseconds. */
function timeOf(id: string | undefined): number | undefined {
  return id === undefined ? undefined : Number(id.split('-')[0]);
}

/** Of a message on the channel; '' when it is none of ours. */
function poolOfMessage(text: string): string {
  try {
    return poolOf(text.replace(/^\{|\}$/g, ''));
  } catch {
    return '';
  }
}
