/**
 * Copies of sessions as one worker sees them: what servers say is put into the store before the client hears of it, and the
 * store is told of each new owner before that one gets a request. Whatever the store answers, the table learns it here, even
 * when the exchange that asked is gone by then.
 */
import type { Fleet } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import type { SessionPut, SessionWord } from '../http/session-headers.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import {
  anyEpoch,
  type ClaimResult,
  type EndResult,
  type Found,
  type Put,
  type PutResult,
  type SessionId,
  type SessionKey,
  type Store,
  StoreError,
  type UserHash,
} from '../store/store.ts';
import { Entry, type Look, type SessionTable } from '../table/table.ts';
import { lateTime } from './owner-lookup.ts';
import type { RotationProofs } from './rotation-proof.ts';
import type { SentCopy, Session, SessionView } from './session.ts';
import { idOf, SessionHeader } from './session-header.ts';

export interface ReplicatorSettings {
  /** Name of the pool. */
  readonly pool: string;
  readonly replication: 'sync' | 'async' | 'none';
  /** An answer may pass although its copy cannot be kept. */
  readonly degrade: boolean;
  /** Longest wait for the store, milliseconds. */
  readonly timeout: number;
  /** Answers of `async` whose copies may be under way. */
  readonly lag: number;
  /** Shared with the servers; '' none. */
  readonly secret: string;
  /** Milliseconds for which the store remembers the owner of a session of which nothing is kept. */
  readonly claimTime: number;
}

export interface ReplicatorDependencies {
  readonly store: Store;
  readonly table: SessionTable;
  readonly fleet: Pick<Fleet, 'find' | 'slot'>;
  readonly counters: Counters;
  readonly proofs: RotationProofs;
  /** Where the server of that slot finds the store interface. */
  readonly storeOf: (slot: number) => string;
  /** Unix seconds; `wall`: as the machine has it, for what its servers are told. */
  readonly now: () => number;
  readonly wall: () => number;
}

/**
 * What became of what a server said. kept: pass the answer. refused: the server breaks the protocol. ending: the session is over, and
 * the store has yet to be told: until it is nobody may believe it, and nothing else can be done with the session.
 */
export type Verdict = 'kept' | 'fenced' | 'failed' | 'refused' | 'ending';

/** The same, told to whoever asks for one session alone: `epoch` is the one that it was fenced by, 0 else. */
export interface Told {
  readonly verdict: Verdict | 'ended';
  readonly epoch: number;
}

/**
 * What a question to the store has come to. known: the table has its answer. ended: it had ended before it was asked for, and the
 * table need not know that any more. lost: it does not have the copy that it had.
 */
export type Answered = 'known' | 'ended' | 'failed' | 'lost' | 'ending';

/** What the store keeps for a server that asks by itself. ending: as above. failed: it could not say. */
export type Recalled = Found | { readonly state: 'ending' | 'failed' };

/** A session as it was when the store was asked: exchanges and their sessions are used again. */
interface Asked {
  readonly key: SessionKey;
  readonly hi: number;
  readonly lo: number;
  readonly lifetime: number;
  /** Its name is ours, not one that a client made. */
  readonly given: boolean;
}

export class Replicator {
  readonly settings: ReplicatorSettings;
  readonly line: SessionHeader;
  /** The store did what it was last asked: as long as not, nothing leaves a server that could stay. */
  well = true;
  private readonly parts: ReplicatorDependencies;
  private readonly entry = new Entry();
  private lag = 0;

  constructor(settings: ReplicatorSettings, parts: ReplicatorDependencies) {
    this.settings = settings;
    this.parts = parts;
    this.line = new SessionHeader(settings.pool, parts.storeOf, settings.secret);
  }

  /** OwnerLookup are the store's business too. */
  get kept(): boolean {
    return this.settings.replication !== 'none';
  }

  writeLine(session: Session, server: Server): SessionHeader {
    if (session.reason === 'new' && session.recognition.recognised && !session.firstPlacement) session.reason = 'held';
    if (session.sentCopy !== null && !this.isLatest(session, session.sentCopy)) session.sentCopy = null;
    const { store, now, wall } = this.parts;
    this.line.fill(session, server.slot, store.incarnation, now(), wall());
    return this.line;
  }

  /** Others may have been faster at its new owner: a process that is started anew there must not begin with what was before. */
  private isLatest(session: SessionView, { epoch, version }: SentCopy): boolean {
    const { entry } = this;
    return this.find(session) === 'live' && entry.epoch === epoch && entry.version === version;
  }

  /** What the table knows of it, in `entry`. */
  private find({ recognition }: SessionView): Look {
    const { table, now } = this.parts;
    return table.find({ hi: recognition.sid0, lo: recognition.sid1 }, now(), this.entry);
  }

  /**
   * What a response of `server` says of the session. null: the store has been asked, `done` comes later. 'kept' means that
   * the answer may go; in `async` the copy is under way then.
   */
  keep(session: SessionView, server: Server, word: SessionWord, done: (verdict: Verdict) => void): Verdict | null {
    const { replication, lag } = this.settings;
    const { counters } = this.parts;
    // Nobody was told of a session, or one of another kind cannot go on under an id that the server chose.
    const { kind } = session.recognition;
    if (!session.isOffered || (word.rotate !== '' && kind !== 'token')) return 'refused';
    // A new session's cookie would take the place of the one that its client is about to get, or has just got.
    if (session.endedRecently && word.put !== null) {
      counters.add(counter.copies_fenced);
      return 'fenced';
    }
    const asked = this.ask(session);
    if (word.put === null && word.rotate !== '') return this.follows(asked, server, word, done);
    if (!this.isFresh(word.rotate)) return 'refused';
    const given = epochOf(word) <= session.epoch || this.hasGiven(asked, server, epochOf(word));
    if (given === false || (given === null && !this.kept)) return 'refused';
    if (given === null) {
      this.storeIfGiven(asked, server, word).then(({ verdict }) => done(verdict === 'ended' ? 'fenced' : verdict));
      return null;
    }
    if (replication === 'none') {
      if (word.put !== null) counters.add(counter.copies_dropped);
      this.settle(asked, server, word, null);
      return 'kept';
    }
    // An end, of a session or of its id, is not undone: who hears of it must be able to rely on it.
    if (replication === 'async' && word.ended === 0 && word.rotate === '') {
      if (this.lag < lag) {
        this.settle(asked, server, word, null);
        this.follow(asked, server, word);
        return 'kept';
      }
      counters.add(counter.copies_delayed);
    }
    this.store(asked, server, word).then(({ verdict }) => done(verdict === 'ended' ? 'fenced' : verdict));
    return null;
  }

  /** The session has gone on under another id already, through the store interface; else there is none to give to the client. */
  private follows(
    asked: Asked,
    server: Server,
    { rotate: id, proof = '' }: SessionWord,
    done: (verdict: Verdict) => void,
  ): Verdict | null {
    const { store, table, now, proofs } = this.parts;
    // It would be any session's else.
    if (!proofs.verify(proof, server.id, asked.key.id, id)) return 'refused';
    if (table.find(keyOf(id), now(), this.entry) === 'live' || !this.kept) return 'kept';
    this.try(store.read({ ...asked.key, id })).then((found) =>
      done(
        found === null ? 'failed' : found.state === 'live' ? 'kept' : found.state === 'ending' ? 'ending' : 'refused',
      ),
    );
    return null;
  }

  /** What `server` says of a session outside of any response. `lifetime`: the table's number for it, if it begins now. */
  async tell(id: string, lifetime: number, server: Server, word: SessionWord): Promise<Told> {
    const asked = { key: { pool: this.settings.pool, id }, ...keyOf(id), lifetime, given: false };
    const given = this.isFresh(word.rotate) && (this.hasGiven(asked, server, epochOf(word)) ?? (this.kept && null));
    const told = given === null ? await this.storeIfGiven(asked, server, word) : given ? null : refused;
    if (told?.verdict === 'refused') this.parts.counters.add(counter.copies_refused);
    if (told !== null) return told;
    if (this.kept) return this.store(asked, server, word);
    if (word.put !== null) this.parts.counters.add(counter.copies_dropped);
    this.settle(asked, server, word, null);
    return kept;
  }

  /**
   * The session is over, whoever owns it: what `server` says of a session that need not be its own, outside of any response. Its owner is
   * not told, so where no copies are kept it would go on there: 'no-copies'.
   */
  async end(id: string, lifetime: number, server: Server): Promise<Told['verdict'] | 'no-copies'> {
    if (!this.kept) return 'no-copies';
    const asked = { key: { pool: this.settings.pool, id }, ...keyOf(id), lifetime, given: false };
    const { verdict } = await this.store(asked, server, { put: null, ended: anyEpoch, rotate: '' });
    return verdict;
  }

  /** The live sessions of a user; else why it cannot be said. */
  async ofUser(user: UserHash): Promise<readonly SessionId[] | 'failed' | 'no-copies'> {
    if (!this.kept) return 'no-copies';
    const found = await this.try(this.parts.store.ofUser(this.settings.pool, user));
    return found === null || 'state' in found ? 'failed' : found;
  }

  /** What shows, with a response, that the session has gone on under another id by what `server` told here. */
  proofOf(server: Server, from: string, to: string): string {
    return this.parts.proofs.prove(server.id, from, to);
  }

  /** Nobody has that id, as far as the table knows; the store is asked when it is told. '' is no id. */
  private isFresh(id: string): boolean {
    return id === '' || this.parts.table.find(keyOf(id), this.parts.now(), this.entry) === 'none';
  }

  /**
   * Whether this server was given the session with that epoch, or it is one that the session is beyond (the store says by whom it
   * is fenced). null: not known here; a session that nobody knows begins with 1.
   */
  private hasGiven(asked: Asked, server: Server, epoch: number): boolean | null {
    const { table, fleet, now } = this.parts;
    const { entry } = this;
    const known = table.find(asked, now(), entry) === 'live' && entry.epoch >= epoch && entry.server !== fleet.slot;
    return known ? entry.epoch > epoch || entry.server === server.slot : null;
  }

  /** As `store`, of an epoch that only the store may know: another node may have given it. */
  private async storeIfGiven(asked: Asked, server: Server, word: SessionWord): Promise<Told> {
    const { store, counters } = this.parts;
    const epoch = epochOf(word);
    const found = await this.try(store.read(asked.key));
    if (found === null) {
      counters.add(counter.copies_failed);
      return { verdict: 'failed', epoch: 0 };
    }
    if (found.state === 'ending') return { verdict: 'ending', epoch: 0 };
    // Of what nobody knows there is nothing to take over, and an end must not be lost.
    const begins = found.state === 'none' && (epoch === 1 || word.put === null);
    const given =
      found.state === 'live' &&
      (found.copy.epoch > epoch || (found.copy.epoch === epoch && server.hasId(found.copy.owner)));
    return found.state === 'ended' || begins || given ? this.store(asked, server, word) : refused;
  }

  /** What the store keeps of a session, for `server`, which asks outside of any response; the table learns it. */
  async recall(id: string, server: Server): Promise<Recalled> {
    const { store, table, now } = this.parts;
    const asked = { key: { pool: this.settings.pool, id }, ...keyOf(id), lifetime: 0, given: false };
    const found = await this.try(store.read(asked.key));
    if (found === null) return { state: 'failed' };
    if (found.state === 'ending') return found;
    // When it ended is not said, as in `look`.
    if (found.state === 'ended') table.bury(asked, now() - lateTime);
    if (found.state === 'ended' || (found.state === 'live' && found.copy.version > 0)) return found;
    const { entry } = this;
    const known = table.find(asked, now(), entry) === 'live' && entry.copied && entry.server === server.slot;
    // The server refuses this request; the next one asks again, and begins anew when there is nothing.
    if (known) this.lose(asked);
    return none;
  }

  /** After 'kept': the session is what the server has made of it. */
  apply(session: Session, word: SessionWord): void {
    if (word.put !== null) {
      session.epoch = Math.max(session.epoch, word.put.epoch);
      session.version = word.put.version;
    } else if (word.rotate === '') return;
    if (word.rotate !== '') {
      const { hi, lo } = keyOf(word.rotate);
      session.rotate(
        hi,
        lo,
        Number.parseInt(word.rotate.slice(16, 24), 16),
        Number.parseInt(word.rotate.slice(24), 16),
      );
      // What ran under the old id has ended with it.
      session.counted = false;
    }
    if (!session.recognition.recognised || word.rotate !== '') session.changeBinding('must-bind');
  }

  /**
   * Its id is dead. A response that comes late must not tell the client of it: the client may have the new id by now, and
   * would be signed out.
   */
  isOver(session: SessionView): boolean {
    return this.find(session) === 'ended';
  }

  /** The session is new to us, but its server may have put it through the store interface before it answered. */
  wasPut(session: Session): boolean {
    const { entry } = this;
    if (session.endedRecently || this.find(session) !== 'live' || !entry.copied) return false;
    session.version = entry.version;
    session.changeBinding('must-bind');
    return true;
  }

  /**
   * The store is told that `server` owns the session from its epoch on. `done`: the table knows what came of it, look again;
   * else why it does not. With its copy, when that is small enough to go along with the request.
   */
  claim(session: SessionView, server: Server, done: (answered: Answered, sentCopy: SentCopy | null) => void): void {
    const { store, counters } = this.parts;
    const asked = this.ask(session);
    const { epoch, version } = session;
    this.try(store.claim(asked.key, epoch - 1, server.id, this.settings.claimTime)).then((result) => {
      if (result === null) counters.add(counter.claims_failed);
      else if (result.state === 'claimed' && result.copy.version === 0 && version > 0) {
        // Its new owner would begin with nothing, and nobody would be told.
        this.learnClaim(asked, server, epoch, result);
        this.lose(asked);
        done('lost', null);
        return;
      } else if (result.state === 'ending') {
        done('ending', null);
        return;
      } else this.learnClaim(asked, server, epoch, result);
      const copy = result?.state === 'claimed' ? result.copy : null;
      done(
        result === null ? 'failed' : 'known',
        copy !== null && copy.version > 0 && copy.data.length <= maxSentBytes ? copy : null,
      );
    });
  }

  /**
   * The session is `former`'s again, whose table says so from its epoch on: the store, which was told of a server that never
   * took a request, hears of it now. When it cannot, the session's next request tells it.
   */
  giveBack(session: SessionView, former: Server): void {
    this.claim(session, former, () => {});
  }

  /** What the store knows of a session that the table does not know. `done` as for `claim`. */
  look(session: SessionView, done: (answered: Answered) => void): void {
    const { store, fleet, table, counters, now } = this.parts;
    const asked = this.ask(session);
    const { epoch, owner } = session;
    counters.add(counter.sessions_asked);
    this.try(store.read(asked.key)).then((found) => {
      // When it ended is not said: long ago, as a client has it that keeps a dead cookie, and may begin anew.
      if (found?.state === 'ended') table.bury(asked, now(), now() - lateTime);
      else if (found?.state === 'live' && found.copy.epoch >= epoch) {
        const { copy } = found;
        // The owner of an epoch that the client has not heard of is the store's; of its own epoch it is the token's.
        const server = fleet.find(copy.epoch === epoch && owner !== 0 ? owner : copy.owner);
        table.vouch(asked, copy.epoch, server?.slot ?? fleet.slot, copy.version, now(), this.entry);
        this.record(asked, server?.slot ?? fleet.slot, copy.epoch, copy.version);
      } else if (found !== null && found.state !== 'ending') {
        // Of a token that has seen more than the store: nothing there counts.
        table.vouch(asked, epoch, 0, 0, now(), this.entry);
        const server = fleet.find(owner);
        if (server !== undefined) this.record(asked, server.slot, epoch, 0);
      }
      if (found === null) done('failed');
      else done(found.state === 'ending' || found.state === 'ended' ? found.state : 'known');
    });
  }

  /** The store does not have what the table says that it keeps: what the table says is in doubt. */
  private lose(asked: Asked): void {
    const { table, counters, now } = this.parts;
    counters.add(counter.copies_lost);
    table.doubt(asked, now());
  }

  private learnClaim(asked: Asked, server: Server, epoch: number, result: ClaimResult): void {
    const { table, counters, now } = this.parts;
    if (result.state === 'ended') table.bury(asked, now());
    else if (result.state === 'claimed') {
      counters.add(counter.claims);
      table.confirm(asked, epoch, server.slot, result.copy.version, now());
    } else if (result.epoch === epoch && server.hasId(result.owner)) {
      // Another worker has told it of the same owner.
      table.confirm(asked, epoch, server.slot, -1, now());
    } else {
      counters.add(counter.claims_lost);
      this.learnOwner(asked, result.epoch, result.owner);
    }
  }

  /** The store knows of a later owner than the table. One that this config does not have is replaced by the next request. */
  private learnOwner(asked: Asked, epoch: number, owner: number): void {
    const { fleet, table, now } = this.parts;
    const slot = fleet.find(owner)?.slot ?? fleet.slot;
    if (table.adopt(asked, epoch, slot, now(), this.entry)) return;
    table.bind(asked, slot, now(), this.entry, asked.lifetime, epoch, asked.given);
  }

  private async store(asked: Asked, server: Server, word: SessionWord): Promise<Told> {
    const { counters } = this.parts;
    const result = await this.try<PutResult | EndResult | { readonly state: 'taken' }>(this.send(asked, server, word));
    if (result === null) {
      counters.add(counter.copies_failed);
      // What is there is older than what the client may come to see; or it has gone on under another id, as the store alone knows.
      if (word.rotate !== '') this.parts.table.doubt(asked, this.parts.now());
      else if (word.put !== null) this.parts.table.uncopy(asked, this.parts.now());
      return { verdict: 'failed', epoch: 0 };
    }
    switch (result.state) {
      case 'fenced':
        counters.add(counter.copies_fenced);
        this.learnOwner(asked, result.epoch, result.owner);
        return { verdict: 'fenced', epoch: result.epoch };
      case 'taken':
        return { verdict: 'refused', epoch: 0 };
      case 'ending':
        if (word.put !== null) counters.add(counter.copies_fenced);
        return { verdict: 'ending', epoch: 0 };
      case 'ended':
        if (word.put !== null) {
          counters.add(counter.copies_fenced);
          this.parts.table.bury(asked, this.parts.now());
          return { verdict: 'ended', epoch: 0 };
        }
        break;
      case 'superseded':
        counters.add(counter.copies_superseded);
        this.renew(asked, word.put);
        break;
      default:
        counters.add(counter.copies_stored);
    }
    this.settle(asked, server, word, word.put?.version ?? null);
    return kept;
  }

  private send(
    { key }: Asked,
    { id }: Server,
    { put, ended, rotate }: SessionWord,
  ): Promise<PutResult | EndResult | { readonly state: 'taken' }> {
    const { store } = this.parts;
    if (put === null) return store.destroy(key, ended);
    return rotate === '' ? store.put(key, putOf(put, id)) : store.rotate(key, rotate, putOf(put, id));
  }

  /** In `async`: nobody waits for it. */
  private follow(asked: Asked, server: Server, word: SessionWord): void {
    const { counters } = this.parts;
    this.lag++;
    counters.add(counter.copies_lag);
    this.store(asked, server, word).then(() => {
      this.lag--;
      counters.add(counter.copies_lag, -1);
    });
  }

  /** The same state again only renews its time. */
  private renew({ key }: Asked, put: SessionPut | null): void {
    if (put !== null) this.try(this.parts.store.touch(key, put.epoch, put.ttl * 1000));
  }

  /** The table's part. `version` null: there is no copy, or not yet. */
  private settle(asked: Asked, server: Server, { put, ended, rotate }: SessionWord, version: number | null): void {
    const { table, counters, now } = this.parts;
    if (ended !== 0) {
      // Of an end by somebody else its client gets no word: whoever comes with the dead cookie may begin anew at once.
      const since = ended === anyEpoch ? now() - lateTime : now();
      if (table.end(asked, now(), since)) counters.add(counter.sessions_ended);
      else table.bury(asked, now(), since);
    }
    if (put === null) return;
    if (rotate === '') this.record(asked, server.slot, put.epoch, version ?? 0);
    else {
      counters.add(counter.sessions_rotated);
      table.bury(asked, now());
      this.record({ ...asked, ...keyOf(rotate) }, server.slot, put.epoch, version ?? 0);
    }
  }

  /** The session is live, of that server, and copied unless `version` is 0; if the table has heard of a later owner it stays so. */
  private record(asked: Asked, slot: number, epoch: number, version: number): void {
    const { table, now } = this.parts;
    if (version > 0 && table.copy(asked, epoch, version, now())) return;
    if (table.bind(asked, slot, now(), this.entry, asked.lifetime, epoch, asked.given) === 'ended') return;
    if (this.entry.epoch < epoch) table.adopt(asked, epoch, slot, now(), this.entry);
    if (version > 0) table.copy(asked, epoch, version, now());
  }

  private ask({ recognition }: SessionView): Asked {
    return {
      key: { pool: this.settings.pool, id: idOf(recognition) },
      hi: recognition.sid0,
      lo: recognition.sid1,
      lifetime: recognition.affinity?.lifetime ?? 0,
      given: recognition.kind === 'token',
    };
  }

  /** null: the store has failed. */
  private async try<T>(answer: Promise<T>): Promise<T | typeof ending | null> {
    try {
      const result = await answer;
      this.well = true;
      return result;
    } catch (error) {
      if (error instanceof StoreError && error.code === 'ending') return ending;
      this.well = error instanceof StoreError && error.code === 'state-too-large';
      return null;
    }
  }
}

/** The epoch that a server says the session has. */
function epochOf({ put, ended }: SessionWord): number {
  return put?.epoch ?? ended;
}

function putOf({ epoch, version, ttl, by, user, data }: SessionPut, owner: number): Put {
  const put = { owner, epoch, version, by, data: data ?? noData, ttl: ttl * 1000 };
  return user === undefined ? put : { ...put, user };
}

/** Bytes of a state that may go along with a request: some servers take no header above 8 KiB. */
const maxSentBytes = 3072;
const noData = Buffer.alloc(0);
const kept: Told = { verdict: 'kept', epoch: 0 };
const refused: Told = { verdict: 'refused', epoch: 0 };
const ending = { state: 'ending' } as const;
const none = { state: 'none' } as const;

/** By what the table knows an id: its first half. */
export function keyOf(id: string): { hi: number; lo: number } {
  return { hi: Number.parseInt(id.slice(0, 8), 16), lo: Number.parseInt(id.slice(8, 16), 16) };
}
