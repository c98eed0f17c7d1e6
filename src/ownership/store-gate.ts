/**
 * Makes one exchange wait for the store where sessions have copies: on the way in for the owner of the session, when the table does not
 * have it or a new one has to be announced (`query`), and on the way back for the command of the response (`mustHold`). There is one
 * call at a time. Its result counts only if nothing has happened since: a retry, a timeout or the end of the exchange make it void.
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
  /** The client has the session's id: the request brought it, or the head of the response gave it. */
  readonly isBound: boolean;
  /** The table has what the store answered: find the server again. */
  onStoreAnswer(): void;
  /** The response waits for the store, for at most `timeoutMs`. */
  waitForCopy(timeoutMs: number): void;
  /** The response may go on. */
  proceed(): void;
  /** Neither the request nor the response may go on: the client gets this fault instead. */
  onUnsafe(fault: Fault): void;
}

/** What knows the owners of the pool's sessions in the store. */
export interface GateOwners {
  readonly settings: Pick<ReplicatorSettings, 'degrade' | 'timeoutMs'>;
  readonly queries: Pick<OwnerQueries, 'query' | 'announce' | 'giveBack'>;
  /** Sessions have copies there; false: only their owners. */
  readonly keepsCopies: boolean;
}

/** What is needed of the pool's replicator. */
export interface GateReplicator extends GateOwners {
  readonly settings: Pick<ReplicatorSettings, 'degrade' | 'timeoutMs' | 'replication'>;
  readonly queries: Pick<OwnerQueries, 'query' | 'announce' | 'giveBack' | 'isOver'>;
  readonly responses: Pick<ResponseReplication, 'keep' | 'apply' | 'adoptPut'>;
}

/** An exchange that has asked so often and still has no server fails, as if the store had. */
const maxQuestions = 8;

/** What the client gets when the command of its response was not carried out. */
const putFaults: Readonly<Record<Exclude<PutOutcome, 'kept'>, Fault>> = {
  fenced: balancerFaults.sessionFenced,
  failed: balancerFaults.sessionStore,
  ending: balancerFaults.sessionEnding,
  refused: serverFaults.badResponse,
};

/** What the client gets when the store does not say where the request may go. */
const queryFaults: Readonly<
  Record<Exclude<QueryOutcome, 'known' | 'ended' | 'rotated' | 'postponed' | 'held'>, Fault>
> = {
  failed: balancerFaults.sessionStore,
  lost: balancerFaults.sessionLost,
  ending: balancerFaults.sessionEnding,
};

export class StoreGate {
  /** The command of this response; null: it has none. */
  command: SessionCommand | null = null;
  /** The attributes that the response asks for the session's cookie; null: those of the config; undefined: it asks for nothing. */
  cookie: CookieAttributes | null | undefined = undefined;
  /** The response gets a header that says that its session was not copied. */
  degraded = false;
  private readonly owner: StoreGateOwner;
  private readonly counters: Counters;
  /** The store is recording names that the response gives to sessions; null: it is not. */
  private recording: GateOwners | null = null;
  private isOwnerUncertain = false;
  /** The store is asked whether the client may get the session's id with a new token, or was. */
  private idCheck: 'none' | 'running' | 'done' = 'none';
  /** Goes up with everything that makes the result of an earlier call void. */
  private generation = 0;
  private questions = 0;

  constructor(owner: StoreGateOwner, counters: Counters) {
    this.owner = owner;
    this.counters = counters;
  }

  begin(): void {
    this.command = null;
    this.cookie = undefined;
    this.degraded = this.isOwnerUncertain = false;
    this.recording = null;
    this.idCheck = 'none';
    this.questions = 0;
  }

  /** The exchange is over. */
  end(): void {
    this.generation++;
    this.recording = null;
  }

  /** The request is sent once more: nothing of the dropped response counts for the next one. */
  onRetry(): void {
    this.generation++;
    this.command = null;
    this.cookie = undefined;
    this.recording = null;
    this.idCheck = 'none';
    this.degraded = this.isOwnerUncertain;
  }

  /**
   * Calls the store as `session.storeState` requires: it asks for the owner, or announces `server` as the new one before that server
   * gets the request.
   */
  query(server: Server | null, owners: GateOwners): void {
    const { session } = this.owner;
    if (++this.questions > maxQuestions) {
      this.owner.onUnsafe(balancerFaults.sessionStore);
      return;
    }
    const generation = ++this.generation;
    const done = (outcome: QueryOutcome, copy: SentCopy | null = null): void => {
      if (this.generation !== generation) return;
      session.sentCopy = copy;
      this.onQueryOutcome(outcome, owners);
    };
    const { queries } = owners;
    if (session.storeState === 'must-announce' && server !== null) queries.announce(session, server, done);
    else queries.query(session, done);
  }

  /** The store has not answered the query in time. */
  onQueryTimeout(owners: GateOwners): void {
    this.onQueryOutcome('failed', owners);
  }

  private onQueryOutcome(outcome: QueryOutcome, owners: GateOwners): void {
    const { owner } = this;
    this.generation++;
    if (outcome === 'known') owner.session.onStore('answered');
    else if (outcome === 'ended' || outcome === 'rotated') {
      owner.session.endedRecently = outcome === 'rotated';
      owner.session.onStore('answered-ended');
    } else if (outcome === 'held' && owner.session.isMoving) this.stay();
    else if (outcome === 'postponed' || outcome === 'held') this.goOnWithoutClaim();
    else if (outcome === 'failed' && !owners.keepsCopies && !this.isRefusedClaim(owners)) {
      // Only an owner that fails needs the store, and then `whenStoreLost` holds.
      this.noteWithoutStore(owners);
      this.goOnWithoutClaim();
    } else if (outcome === 'failed' && owners.settings.degrade) {
      this.noteWithoutStore(owners);
      owner.session.onStore('failed');
    } else {
      owner.onUnsafe(queryFaults[outcome]);
      return;
    }
    owner.onStoreAnswer();
  }

  /** A new owner in place of one that has failed, and none may stand in: not even if the store has answered others meanwhile. */
  private isRefusedClaim({ settings }: GateOwners): boolean {
    const { storeState, firstPlacement } = this.owner.session;
    return storeState === 'must-announce' && !firstPlacement && !settings.degrade;
  }

  /** The session does not leave its owner, which is up. Another claim that is under way still has to be recorded before a server gets the request. */
  private stay(): void {
    const { session } = this.owner;
    this.forgetClaim();
    session.mustStay = true;
    session.onStore('answered');
  }

  /** The store does not take this claim now, or does not answer. */
  private goOnWithoutClaim(): void {
    this.forgetClaim();
    this.owner.session.onStore('failed');
  }

  /** The claim is void: owner and epoch are those of the token, or the table's. */
  private forgetClaim(): void {
    const { session } = this.owner;
    session.begin();
    session.reason = 'new';
  }

  /** Goes on without the store. Only a session with a copy loses something by that. */
  private noteWithoutStore(owners: GateOwners): void {
    this.counters.add(owners.keepsCopies ? counter.copies_degraded : counter.owners_unrecorded);
    if (owners.keepsCopies) this.degraded = this.isOwnerUncertain = true;
  }

  /** The response has to wait until the store has recorded which names it gives to sessions. */
  record(recorded: Promise<boolean>, owners: GateOwners): void {
    const generation = ++this.generation;
    this.recording = owners;
    void recorded.then((isDone) => {
      if (this.generation === generation) this.onRecorded(isDone);
    });
    this.owner.waitForCopy(owners.settings.timeoutMs);
  }

  private onRecorded(isDone: boolean): void {
    const owners = this.recording;
    this.generation++;
    this.recording = null;
    if (isDone) this.owner.proceed();
    else if (owners?.settings.degrade === true) {
      this.noteWithoutStore(owners);
      this.owner.proceed();
    } else this.owner.onUnsafe(balancerFaults.sessionStore);
  }

  /** The head of the response has come. True: the response has to wait for `proceed`, or has been dropped. */
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

  /**
   * The response gives the client another token of its session: the owner has changed, or the date is due. At another balancer the session may
   * just have ended, or got another id, whose token the client already has: this one would replace it. So the store is asked first, unless
   * it has just kept a change of the session. Without an answer the token is given: nothing ends without the store, and other balancers must
   * not take the session to a former owner. True: the response has to wait for `proceed`.
   */
  mustHoldToken(replicator: GateReplicator): boolean {
    const isKept = this.command !== null && replicator.settings.replication !== 'async';
    if (this.idCheck !== 'none' || isKept) return false;
    this.idCheck = 'running';
    const generation = ++this.generation;
    void replicator.queries.isOver(this.owner.session).then((isOver) => {
      if (this.generation === generation) this.onIdChecked(isOver);
    });
    this.owner.waitForCopy(replicator.settings.timeoutMs);
    return true;
  }

  private onIdChecked(isOver: boolean): void {
    this.generation++;
    this.idCheck = 'done';
    if (isOver) this.owner.session.changeBinding('withheld');
    this.owner.proceed();
  }

  /** Its trailers have a command: the end of the response has to wait. */
  mustHoldEnd(command: SessionCommand | 'bad', replicator: GateReplicator): boolean {
    if (this.command === command) return false;
    // A session that begins here could not be given to the client: the cookie would have had to go with the head.
    const begins = command !== 'bad' && command.ended === 0 && !this.owner.isBound;
    return begins ? this.refuse('refused') : this.keep(command, replicator);
  }

  /** The store has not answered in time: it may still do what it was asked for, or not. */
  onPutTimeout(replicator: GateReplicator | null): void {
    if (this.recording !== null) {
      this.onRecorded(false);
      return;
    }
    if (this.idCheck === 'running') {
      this.onIdChecked(false);
      return;
    }
    if (replicator === null) return;
    this.counters.add(counter.copies_failed);
    this.onPutOutcome(this.command !== null && this.command.ended !== 0 ? 'ending' : 'failed', replicator);
  }

  private keep(command: SessionCommand | 'bad', replicator: GateReplicator): boolean {
    const { session, server } = this.owner;
    const generation = ++this.generation;
    if (command === 'bad' || server === null) return this.refuse('refused');
    this.command = command;
    const outcome = replicator.responses.keep(session, server, command, (delayed) => {
      if (this.generation === generation) this.onPutOutcome(delayed, replicator);
    });
    if (outcome !== null) return !this.passes(command, outcome, replicator);
    this.owner.waitForCopy(replicator.settings.timeoutMs);
    return true;
  }

  private onPutOutcome(outcome: PutOutcome, replicator: GateReplicator): void {
    this.generation++;
    if (this.command !== null && this.passes(this.command, outcome, replicator)) this.owner.proceed();
  }

  /** True: the response may go on. */
  private passes(command: SessionCommand, outcome: PutOutcome, replicator: GateReplicator): boolean {
    // An end that the store does not record is undone: it is never reported as a success, whatever the policy.
    const mayDegrade = command.ended === 0 && command.rotate === '';
    if (outcome === 'failed' && mayDegrade && replicator.settings.degrade) {
      this.counters.add(counter.copies_degraded);
      this.degraded = true;
    } else if (outcome !== 'kept') return !this.refuse(outcome);
    replicator.responses.apply(this.owner.session, command);
    return true;
  }

  /** Drops the response. Returns true, as `mustHold` then does. */
  private refuse(outcome: Exclude<PutOutcome, 'kept'>): true {
    if (outcome === 'refused') this.counters.add(counter.copies_refused);
    this.owner.onUnsafe(putFaults[outcome]);
    return true;
  }
}
