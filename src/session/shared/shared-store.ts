/** The store of strategy shared, as sessions see it: opened by its address, or one of the app's own. */
import { type PutResult, type Store, StoreError, silentEviction, type UserHash } from '../../store/store.ts';
import { keptFor } from '../cookie.ts';
import { userOf } from '../data/user.ts';
import { SessionError } from '../error.ts';
import { ForeignClient, ForeignStoreAdapter, isForeignStore } from '../foreign/foreign-store.ts';
import { Live } from '../live-session.ts';
import { assertStore, type FilledOptions } from '../options.ts';

/** An ended session stays dead for a day (ms), whatever still arrives of it. */
const tombstoneTime = 24 * 3600 * 1000;
/** Digits of a time, and a space. */
const bornBytes = 20;

export async function openShared(options: FilledOptions): Promise<SharedStore> {
  const { store } = options;
  if (store === null) throw new TypeError('store: found none, expected one for strategy shared');
  if (typeof store === 'string') return new SharedStore(await openAt(store, options), options);
  const given: unknown = typeof store === 'function' ? await store() : store;
  assertStore(given);
  if (!isForeignStore(given)) return new SharedStore(given, options);
  const { timers, limits, clock, onWarning } = options;
  const client = new ForeignClient(given, { timers, timeout: limits.storeTimeout });
  const name = given.constructor.name;
  // express-session's own, and `memorystore`.
  const isInMemory = name === 'MemoryStore';
  onWarning({
    code: 'store-without-fencing',
    message:
      `store: ${name} is a store of express-session, and those cannot compare and set. Of two servers that change a session in the same ` +
      `moment the later one wins, and a session that ends just then may come back; redis://... and lmdb:... keep both promises` +
      (isInMemory ? '. Its sessions end with this process' : ''),
  });
  return new SharedStore(new ForeignStoreAdapter(client, () => clock.wall()), options, !isInMemory);
}

/** What it needs (lmdb, a client of Redis) is loaded only now. */
async function openAt(url: string, { limits, clock, timers }: FilledOptions): Promise<Store> {
  const { openStore } = await import('../../store/open.ts');
  // Beside the data stands the time of the session's birth.
  const stateBytes = limits.bytes + bornBytes;
  const timeout = limits.storeTimeout;
  return openStore(url, {
    secret: null,
    tombstoneTime,
    stateBytes,
    timeout,
    sync: true,
    eviction: silentEviction,
    clock,
    timers,
  });
}

/** A store as sessions see it: their data with the time of their birth, and errors of the session library. */
export class SharedStore {
  private readonly store: Store;
  private readonly options: FilledOptions;
  /** False: it is in this process's memory. */
  readonly survivesCrash: boolean;

  constructor(store: Store, options: FilledOptions, survivesCrash = true) {
    this.store = store;
    this.options = options;
    this.survivesCrash = survivesCrash;
  }

  begin(): Live {
    return this.made(Buffer.from(this.options.random(16)).toString('hex'), this.options.clock.now());
  }

  /** null: there is none (any more). */
  async read(id: string): Promise<Live | null> {
    const { clock, codec, absolute, pool } = this.options;
    const found = await this.ask(this.store.read({ pool, id }));
    if (found.state !== 'live' || found.copy.version === 0) return null;
    const { copy } = found;
    const text = Buffer.from(copy.data).toString();
    const space = text.indexOf(' ');
    const born = Number(text.slice(0, space));
    const now = clock.now();
    const live = this.made(id, born, copy.epoch);
    live.written = text.slice(space + 1);
    live.data = codec.decode(live.written);
    live.version = live.kept = copy.version;
    live.putAt = copy.expires - keptFor(this.options, live);
    live.user = userOf(live.data);
    if (absolute === 0 || now - born <= absolute) return live;
    this.options.events.emit('expired', { id, data: live.data, reason: 'absolute' });
    return null;
  }

  /** False: somebody else has changed it since `version - 1` was read. Throws when it has ended. */
  async put(live: Live, version: number, text: string, user: UserHash | undefined): Promise<boolean> {
    const { pool } = this.options;
    const result = await this.ask(this.store.put({ pool, id: live.id }, this.putOf(live, version, text, user)));
    return this.judge(result.state);
  }

  async rotate(live: Live, to: string, version: number, text: string): Promise<boolean> {
    const { pool } = this.options;
    const result = await this.ask(
      this.store.rotate({ pool, id: live.id }, to, this.putOf(live, version, text, live.user)),
    );
    if (result.state === 'taken')
      throw new SessionError('session-store', 'the fresh id of a session was taken already');
    return this.judge(result.state);
  }

  async touch(live: Live): Promise<void> {
    const { pool } = this.options;
    await this.ask(this.store.touch({ pool, id: live.id }, live.epoch, keptFor(this.options, live)));
  }

  async ofUser(user: UserHash): Promise<readonly string[]> {
    const { store } = this;
    // A store of the app's own may have been written before there was an index.
    if (typeof store.ofUser !== 'function') {
      throw new SessionError('session-store', 'the store has no ofUser(); expected it, to find the sessions of a user');
    }
    return this.tried(store.ofUser(this.options.pool, user));
  }

  async *all(): AsyncGenerator<string> {
    try {
      for await (const { key } of this.store.scan(this.options.pool)) yield key.id;
    } catch (error) {
      throw errorOf(error);
    }
  }

  async end(id: string, epoch: number): Promise<void> {
    const { pool } = this.options;
    const { state } = await this.ask(this.store.destroy({ pool, id }, epoch));
    if (state !== 'ended')
      throw new SessionError('session-fenced', 'ending a session was refused: another epoch has it');
  }

  close(): Promise<void> {
    return this.store.close();
  }

  private made(id: string, born: number, epoch = 1): Live {
    const data = {};
    return new Live({ id, epoch, copy: '', data, written: this.options.codec.encode(data), now: born });
  }

  /** Each put names itself as another process: so one that does not follow what was read is refused, not passed over. */
  private putOf(live: Live, version: number, text: string, user: UserHash | undefined) {
    const { epoch, born } = live;
    const by = Buffer.from(this.options.random(9)).toString('base64url');
    const data = Buffer.from(`${born} ${text}`);
    const put = { owner: 0, epoch, version, by, data, ttl: keptFor(this.options, live) };
    return user === undefined ? put : { ...put, user };
  }

  private judge(state: PutResult['state']): boolean {
    if (state === 'ended')
      throw new SessionError('session-ended', 'the session was destroyed while this request worked');
    return state === 'stored';
  }

  private async ask<T extends { readonly state: string } | boolean>(answer: Promise<T>): Promise<T> {
    const found = await this.tried(answer);
    // A store of the app's own is not checked by a compiler everywhere.
    if (typeof found === 'boolean' || typeof found?.state === 'string') return found;
    throw new SessionError(
      'session-store',
      `the store answered ${JSON.stringify(found)}; expected an object with a state`,
    );
  }

  private async tried<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw errorOf(error);
    }
  }
}

function errorOf(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  const code = error.code === 'state-too-large' ? 'state-too-large' : 'session-store';
  return new SessionError(code, `the store failed: ${error.message}`, { cause: error });
}
