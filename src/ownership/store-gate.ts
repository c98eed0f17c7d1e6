/**
 * What one exchange and the store have to settle where sessions have copies: who owns the session, when the table does not know or
 * the owner is about to change (`query`), and what the server has changed, which is kept before the client hears of it
 * (`mustHold`). One question at a time; an answer counts only while nothing else has happened since it was asked for.
 */
import { balancerFaults, type Fault, serverFaults } from '../errors.ts';
import type { Server } from '../fleet/server.ts';
import type { ResponseHead } from '../http/head.ts';
import { Name } from '../http/names.ts';
import { type CookieAttributes, readSessionCookie } from '../http/session-cookie.ts';
import { isDegraded, readSessionCommand, type SessionCommand } from '../http/session-headers.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import type { PutOutcome } from './command-writer.ts';
import type { OwnerQueries, QueryOutcome } from './owner-queries.ts';
import type { ReplicatorSettings } from './replicator.ts';
import type { ResponseReplication } from './response-replication.ts';
import type { SentCopy, Session } from './session.ts';

/** The exchange. */
export interface StoreGateOwner {
  readonly session: Session;
  /** The server that has the request, or is to have it. */
  readonly server: Server | null;
  /** The client has the session's id: it came with it, or got it with the head of the response. */
  readonly isBound: boolean;
  /** The table has the store's answer: place again. */
  onStoreAnswer(): void;
  /** The response has to wait for the store, so many milliseconds at most. */
  waitForCopy(timeoutMs: number): void;
  /** It need not wait any more. */
  proceed(): void;
  /** It is dropped, and the client never hears of it. */
  onUnsafe(fault: Fault): void;
}

/** What is needed of the pool's replicator. */
export interface GateReplicator {
  readonly settings: Pick<ReplicatorSettings, 'degrade' | 'timeoutMs'>;
  readonly responses: Pick<ResponseReplication, 'keep' | 'apply' | 'adoptPut'>;
  readonly queries: Pick<OwnerQueries, 'query' | 'announce'>;
}

/** Times that an exchange may ask where to go, before that counts as the store's failure. */
const maxQuestions = 8;

/** What the client is told when what its server said of the session was not kept. */
const putFaults: Readonly<Record<Exclude<PutOutcome, 'kept'>, Fault>> = {
  fenced: balancerFaults.sessionFenced,
  failed: balancerFaults.sessionStore,
  ending: balancerFaults.sessionEnding,
  refused: serverFaults.badResponse,
};

/** The same when it could not be found out where to go. */
const queryFaults: Readonly<Record<Exclude<QueryOutcome, 'known' | 'ended'>, Fault>> = {
  failed: balancerFaults.sessionStore,
  lost: balancerFaults.sessionLost,
  ending: balancerFaults.sessionEnding,
};

export class StoreGate {
  /** What the server has said of its session with this response; it has been kept, or the response goes without. */
  command: SessionCommand | null = null;
  /** The attributes that the server wants its session's cookie to have; null as configured, undefined: it has not said. */
  cookie: CookieAttributes | null | undefined = undefined;
  /** The response has to tell that its session is not safe. */
  degraded = false;
  private readonly owner: StoreGateOwner;
  private readonly counters: Counters;
  /** Goes up with everything that makes an outstanding answer void. */
  private generation = 0;
  private questions = 0;

  constructor(owner: StoreGateOwner, counters: Counters) {
    this.owner = owner;
    this.counters = counters;
  }

  begin(): void {
    this.command = null;
    this.cookie = undefined;
    this.degraded = false;
    this.questions = 0;
  }

  /** Whatever is still to be answered comes too late. */
  end(): void {
    this.generation++;
  }

  /** The request goes out once more: what was said with the response that is dropped is not said with the next one. */
  onRetry(): void {
    this.generation++;
    this.command = null;
    this.cookie = undefined;
    this.degraded = this.owner.session.storeState === 'without-store';
  }

  /**
   * Asks what `session.storeState` says has to be asked: the store may know the session better than this worker, or has to
   * hear of its new owner before that one gets a request.
   */
  query(server: Server | null, replicator: GateReplicator): void {
    const { session } = this.owner;
    if (++this.questions > maxQuestions) {
      this.owner.onUnsafe(balancerFaults.sessionStore);
      return;
    }
    const generation = ++this.generation;
    const done = (outcome: QueryOutcome, copy: SentCopy | null = null): void => {
      if (this.generation !== generation) return;
      session.sentCopy = copy;
      this.onQueryOutcome(outcome, replicator);
    };
    const { queries } = replicator;
    if (session.storeState === 'must-announce' && server !== null) queries.announce(session, server, done);
    else queries.query(session, done);
  }

  /** The store takes too long to answer a query. */
  onQueryTimeout(replicator: GateReplicator): void {
    this.onQueryOutcome('failed', replicator);
  }

  private onQueryOutcome(outcome: QueryOutcome, replicator: GateReplicator): void {
    const { owner } = this;
    this.generation++;
    if (outcome === 'known') owner.session.onStore('answered');
    else if (outcome === 'ended') owner.session.onStore('answered-ended');
    else if (outcome === 'failed' && replicator.settings.degrade) {
      this.counters.add(counter.copies_degraded);
      this.degraded = true;
      owner.session.onStore('failed');
    } else {
      owner.onUnsafe(queryFaults[outcome]);
      return;
    }
    owner.onStoreAnswer();
  }

  /** The server may have changed its session. True: the response has to wait for `proceed`, or has been dropped. */
  mustHold(head: ResponseHead, replicator: GateReplicator): boolean {
    if (this.command !== null) return false;
    if (head.headers.has(Name.limpet)) {
      if (isDegraded(head.headers)) this.degraded = true;
      const cookie = readSessionCookie(head.headers);
      if (cookie === 'bad') return this.refuse('refused');
      if (cookie !== null) this.cookie = cookie === 'configured' ? null : cookie;
      const command = readSessionCommand(head.headers);
      if (command !== null) return this.keep(command, replicator);
    }
    const { session } = this.owner;
    if (!session.recognition.recognised && session.isOffered) replicator.responses.adoptPut(session);
    return false;
  }

  /** The same for what the trailers say: the end of the response has to wait. */
  mustHoldEnd(command: SessionCommand | 'bad', replicator: GateReplicator): boolean {
    if (this.command === command) return false;
    // It would be kept, and its client never come back to it: the cookie went with the head, or not at all.
    const begins = command !== 'bad' && command.ended === 0 && !this.owner.isBound;
    return begins ? this.refuse('refused') : this.keep(command, replicator);
  }

  /** Nothing has come from the store: what becomes of the copy is not known. */
  onPutTimeout(replicator: GateReplicator): void {
    this.counters.add(counter.copies_failed);
    this.onPutOutcome(this.command !== null && this.command.ended !== 0 ? 'ending' : 'failed', replicator);
  }

  private keep(command: SessionCommand | 'bad', replicator: GateReplicator): boolean {
    const { session, server } = this.owner;
    const generation = ++this.generation;
    if (command === 'bad' || server === null) return this.refuse('refused');
    this.command = command;
    const outcome = replicator.responses.keep(session, server, command, (late) => {
      if (this.generation === generation) this.onPutOutcome(late, replicator);
    });
    if (outcome !== null) return !this.passes(command, outcome, replicator);
    this.owner.waitForCopy(replicator.settings.timeoutMs);
    return true;
  }

  private onPutOutcome(outcome: PutOutcome, replicator: GateReplicator): void {
    this.generation++;
    if (this.command !== null && this.passes(this.command, outcome, replicator)) this.owner.proceed();
  }

  /** True when the response may go on. */
  private passes(command: SessionCommand, outcome: PutOutcome, replicator: GateReplicator): boolean {
    // An end that the store does not know of comes undone: no success is told of it, whatever the policy.
    const mayDegrade = command.ended === 0 && command.rotate === '';
    if (outcome === 'failed' && mayDegrade && replicator.settings.degrade) {
      this.counters.add(counter.copies_degraded);
      this.degraded = true;
    } else if (outcome !== 'kept') return !this.refuse(outcome);
    replicator.responses.apply(this.owner.session, command);
    return true;
  }

  /** Drops the response; always true: there is nothing to pass on. */
  private refuse(outcome: Exclude<PutOutcome, 'kept'>): true {
    if (outcome === 'refused') this.counters.add(counter.copies_refused);
    this.owner.onUnsafe(putFaults[outcome]);
    return true;
  }
}
