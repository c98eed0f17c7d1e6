/**
 * What an exchange and the store have to say to each other where sessions have copies: of the owner, when that is about to
 * change (`ask`), and of what the server has changed, which is kept before the client hears of it (`mustHold`). One question
 * at a time; an answer counts only while nothing else has happened since it was asked for.
 */
import { balancerFaults, type Fault, serverFaults } from '../errors.ts';
import type { Server } from '../fleet/server.ts';
import type { ResponseHead } from '../http/head.ts';
import { Name } from '../http/names.ts';
import { type CookieAttributes, readSessionCookie } from '../http/session-cookie.ts';
import { readSessionWord, type SessionWord, saysDegraded } from '../http/session-headers.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import type { Answered, Replicator, Verdict } from './replicator.ts';
import type { SentCopy, Session } from './session.ts';

/** The exchange. */
export interface StoreGateOwner {
  readonly session: Session;
  /** That has the request, or is to have it. */
  readonly server: Server | null;
  /** The client has the session's name: it came with it, or got it with the head of the response. */
  readonly isTold: boolean;
  /** The table has the store's answer: place again. */
  onAnswered(): void;
  /** The response has to wait for the store, so many ms at most. */
  waitForCopy(timeout: number): void;
  /** It need not wait any more. */
  proceed(): void;
  /** It is dropped, and the client never hears of it. */
  onUnsafe(fault: Fault): void;
}

/** Times that an exchange may ask where to go, before that counts as the store's failure. */
const maxQuestions = 8;

/** What the client is told when what its server said of the session was not kept. */
const faultOf = {
  fenced: balancerFaults.sessionFenced,
  failed: balancerFaults.sessionStore,
  ending: balancerFaults.sessionEnding,
  refused: serverFaults.badResponse,
} as const;

/** The same when it could not be found out where to go. */
const unanswered = {
  failed: balancerFaults.sessionStore,
  lost: balancerFaults.sessionLost,
  ending: balancerFaults.sessionEnding,
} as const;

export class StoreGate {
  /** What the server has said of its session with this response; it has been kept, or the answer goes without. */
  word: SessionWord | null = null;
  /** How the server wants its session's cookie to be; null as configured, undefined: it has not said. */
  cookie: CookieAttributes | null | undefined = undefined;
  /** The answer has to tell that its session is not safe. */
  degraded = false;
  private readonly asker: StoreGateOwner;
  private readonly counters: Counters;
  private turn = 0;
  private questions = 0;

  constructor(asker: StoreGateOwner, counters: Counters) {
    this.asker = asker;
    this.counters = counters;
  }

  begin(): void {
    this.word = null;
    this.cookie = undefined;
    this.degraded = false;
    this.questions = 0;
  }

  /** Whatever is still to be answered comes too late. */
  end(): void {
    this.turn++;
  }

  /** The request goes out once more: what was said with the answer that is dropped is not said with the next one. */
  again(): void {
    this.turn++;
    this.word = null;
    this.cookie = undefined;
    this.degraded = this.asker.session.storeState === 'without-store';
  }

  /** The store may know the session better than we do, or has to know its new owner before that one does. */
  ask(what: 'session' | 'owner', owner: Server | null, copies: Replicator): void {
    const { session } = this.asker;
    if (++this.questions > maxQuestions) {
      this.asker.onUnsafe(balancerFaults.sessionStore);
      return;
    }
    const turn = ++this.turn;
    const done = (answered: Answered, sentCopy: SentCopy | null = null): void => {
      if (this.turn !== turn) return;
      session.sentCopy = sentCopy;
      this.onAnswer(answered, copies);
    };
    if (what === 'session') copies.look(session, done);
    else copies.claim(session, owner!, done);
  }

  /** 'failed': the store has, or takes too long. */
  onAnswer(answered: Answered, copies: Replicator): void {
    const { session } = this.asker;
    this.turn++;
    if (answered === 'ended') session.onStore('answered-ended');
    else if (answered === 'known') session.onStore('answered');
    else if (answered === 'failed' && copies.settings.degrade) {
      this.counters.add(counter.copies_degraded);
      this.degraded = true;
      session.onStore('failed');
    } else {
      this.asker.onUnsafe(unanswered[answered]);
      return;
    }
    this.asker.onAnswered();
  }

  /** The server may have changed its session. True: the response has to wait for `proceed`, or has been dropped. */
  mustHold(head: ResponseHead, copies: Replicator): boolean {
    if (this.word !== null) return false;
    if (head.headers.has(Name.limpet)) {
      if (saysDegraded(head.headers)) this.degraded = true;
      const cookie = readSessionCookie(head.headers);
      if (cookie === 'bad') return !this.passes('refused', copies);
      if (cookie !== null) this.cookie = cookie === 'configured' ? null : cookie;
      const word = readSessionWord(head.headers);
      if (word !== null) return this.keep(word, copies);
    }
    const { session } = this.asker;
    if (!session.recognition.recognised && session.isOffered) copies.wasPut(session);
    return false;
  }

  /** The same in the trailers: the end of the response has to wait. */
  mustHoldEnd(word: SessionWord | 'bad', copies: Replicator): boolean {
    if (this.word === word) return false;
    // It would be kept, and its client never come back to it: the cookie went with the head, or not at all.
    const isBegun = word !== 'bad' && word.ended === 0 && !this.asker.isTold;
    return isBegun ? !this.passes('refused', copies) : this.keep(word, copies);
  }

  /** Nothing has come from the store: what becomes of the copy is not known. */
  onLate(copies: Replicator): void {
    this.counters.add(counter.copies_failed);
    this.onVerdict(this.word !== null && this.word.ended !== 0 ? 'ending' : 'failed', copies);
  }

  private keep(word: SessionWord | 'bad', copies: Replicator): boolean {
    const { session, server } = this.asker;
    const turn = ++this.turn;
    if (word === 'bad') return !this.passes('refused', copies);
    this.word = word;
    const verdict = copies.keep(session, server!, word, (late) => {
      if (this.turn === turn) this.onVerdict(late, copies);
    });
    if (verdict !== null) return !this.passes(verdict, copies);
    this.asker.waitForCopy(copies.settings.timeout);
    return true;
  }

  private onVerdict(verdict: Verdict, copies: Replicator): void {
    this.turn++;
    if (this.passes(verdict, copies)) this.asker.proceed();
  }

  /** True when the response may go on. */
  private passes(verdict: Verdict, copies: Replicator): boolean {
    // An end that the store does not know of comes undone: no success is told of it, whatever the policy.
    const mayDegrade = this.word !== null && this.word.ended === 0 && this.word.rotate === '';
    const degraded = verdict === 'failed' && mayDegrade && copies.settings.degrade;
    if (verdict === 'kept' || degraded) {
      if (degraded) this.counters.add(counter.copies_degraded);
      this.degraded ||= degraded;
      copies.apply(this.asker.session, this.word!);
      return true;
    }
    if (verdict === 'refused') this.counters.add(counter.copies_refused);
    this.asker.onUnsafe(faultOf[verdict]);
    return false;
  }
}
