/**
 * Recognises the request's session, and binds it in the response. On the way in the pool's affinities are asked in order, and the first
 * that recognises the session wins; on the way back each may read a session id from the response, and the session's own affinity tells
 * the client what is new. Reused; `begin` sets it anew.
 */
import { type Affinity, Recognition } from '../affinity/affinity.ts';
import type { OwnerChangeName } from '../events/session-events.ts';
import type { Server } from '../fleet/server.ts';
import type { RequestHead, ResponseHead } from '../http/head.ts';
import { cutFromResponse, cutTrailerNames } from '../http/hop-headers.ts';
import { Name } from '../http/names.ts';
import type { Splice } from '../http/splice.ts';
import { Session } from '../ownership/session.ts';
import { tagOf } from '../ownership/session-id.ts';
import type { StoreGate } from '../ownership/store-gate.ts';
import type { AccessRecord } from './access-record.ts';
import type { ListenerContext } from './client/listener-context.ts';
import { type Learned, learnFromHead, SessionIdSniffer } from './learning.ts';
import type { ClientRequest } from './request.ts';
import { editRequest } from './request-head.ts';
import type { WorkerContext } from './worker-context.ts';

export class SessionBinding {
  /** What the affinities fill. */
  private readonly recognition = new Recognition();
  readonly session = new Session(this.recognition);
  private readonly context: ListenerContext;
  private readonly worker: WorkerContext;
  private readonly request: ClientRequest;
  private readonly record: AccessRecord;
  private readonly sniffer = new SessionIdSniffer();
  /** False: the route says `affinity: none`. */
  private enabled = false;
  /** The app may name the session in the response's body. */
  private readsBody = false;
  /** What the head of this response says of names of sessions, by affinity; null: it has not been read for that. */
  private learned: Learned[] | null = null;

  constructor(context: ListenerContext, request: ClientRequest, record: AccessRecord) {
    this.context = context;
    this.worker = context.worker;
    this.request = request;
    this.record = record;
  }

  /** For a new request, or one that is routed once more. */
  begin(): void {
    this.session.clear();
    this.recognition.reader = null;
    this.readsBody = false;
    this.learned = null;
  }

  /** The response is dropped, and another one comes. */
  onRetry(): void {
    this.learned = null;
  }

  /** Finds out who sends the request, and notes what the server must not see. `enabled` false: the route says `affinity: none`. */
  recognise(head: RequestHead, enabled: boolean): void {
    this.enabled = enabled;
    this.record.optedOut = !enabled;
    this.read(head, this.recognition);
    this.session.begin();
  }

  /** The head with its edits, to be sent: read once more when another request has been read since `recognise`. */
  editedHead(): RequestHead {
    const head = this.request.head();
    if (!this.context.scratch.isHeldBy(this.request)) {
      scratchRecognition.clear();
      this.read(head, scratchRecognition);
    }
    return head;
  }

  private read(head: RequestHead, recognition: Recognition): void {
    const { request, record, worker } = this;
    const { scratch } = this.context;
    const { edit } = scratch;
    const { pool } = request;
    const { affinities } = pool.parts;
    const now = worker.seconds();
    scratch.assign(request);
    edit.clear();
    editRequest(head, edit, request.peerTrusted);
    this.context.reserved?.cut(head.headers, edit);
    // Once one has recognised the session, the others only take out what the server must not see.
    for (let i = 0; i < affinities.length; i++)
      affinities[i]!.recognise(head, request, now, recognition.recognised ? ignoredRecognition : recognition, edit);
    record.requestProof = recognition.proof;
    record.beyondLimit ||= recognition.beyondLimit;
    if (!this.enabled) recognition.clear();
    else if (!recognition.recognised) pool.binder?.begin(now, recognition);
    // Nothing is known of the client but its address: hashing policies go by that.
    if (recognition.affinity === null) recognition.key = hashText(request.clientAddress);
  }

  /**
   * The response of `server` has come: reads which names it gives to sessions, or ends. It is to go on when the store has recorded that;
   * null: it need not wait.
   */
  learn(head: ResponseHead, server: Server): Promise<boolean> | null {
    const { request, session } = this;
    const { affinities } = request.pool.parts;
    // Nothing is made for the responses of a pool that learns no names.
    if (this.learned !== null || !this.enabled || !affinities.some(learns)) return null;
    const now = this.worker.seconds();
    this.learned = affinities.map((affinity) =>
      learnFromHead(affinity, request.pool, session, server, head, request, now),
    );
    const running = this.learned.flatMap((one) => one?.recorded ?? []);
    return running.length === 0 ? null : Promise.all(running).then((all) => all.every((isDone) => isDone));
  }

  /** `bind` of this response would give the client another token of the session that its request named. */
  givesNextToken(head: ResponseHead): boolean {
    const { request, session, recognition } = this;
    if (!session.isBindingDue || session.mustBind || !this.enabled) return false;
    return recognition.affinity?.givesToken?.(session, head, request) === true;
  }

  /** The response of `server` has come: reads what it says of the session, and writes into the edit what the client is told of it. */
  bind(head: ResponseHead, server: Server, gate: StoreGate): void {
    const { session, recognition, record, worker } = this;
    const { pool, trace } = this.request;
    const edit = this.context.buffers.responseEdit;
    // Not before: a session belongs to nobody who has not taken a request of it (I10).
    if (session.former !== 0) this.accept(server, gate);
    else if (session.binding === 'changed' && this.givesNextToken(head)) this.reportAccepted(server, gate);
    pool.parts.health?.answered(server, head.status);
    record.serverResponded(head.status, worker);
    edit.clear();
    cutFromResponse(head.headers, edit);
    if (head.headers.has(Name.trailer)) cutTrailerNames(head.headers, edit);
    if (trace.isOn) trace.respond(head.headers, edit);
    const { affinities } = pool.parts;
    if (!this.enabled) {
      for (const affinity of affinities) affinity.hide?.(session.owner, head, edit);
      return;
    }
    if (gate.cookie !== undefined) recognition.affinity?.shape?.(recognition, gate.cookie);
    if (session.isBindingDue && pool.replicator?.responses.hasEnded(session) === true)
      session.changeBinding('withheld');
    // In the pool's order: a new session that the app has named needs no cookie of ours on top.
    for (let i = 0; i < affinities.length; i++) this.bindOne(affinities[i]!, i, head, server, gate, edit);
    this.readsBody = recognition.reader !== null && this.sniffer.begin(recognition.reader, head);
  }

  private bindOne(
    affinity: Affinity,
    index: number,
    head: ResponseHead,
    server: Server,
    gate: StoreGate,
    edit: Splice,
  ): void {
    const { learned: before, session, recognition, request } = this;
    const now = this.worker.seconds();
    const learned =
      before === null ? learnFromHead(affinity, request.pool, session, server, head, request, now) : before[index];
    if (learned?.state === 'named' && !recognition.recognised && !session.mustBind) session.changeBinding('withheld');
    if (affinity !== recognition.affinity) affinity.hide?.(session.owner, head, edit);
    else if ((gate.command?.ended ?? 0) > 0) affinity.unbind?.(recognition, session, head, request, edit);
    else if (affinity.bind?.(recognition, session, head, request, now, edit)) this.record.bound = true;
  }

  /** `server` has taken a request of the session: it is its owner from now on. */
  private accept(server: Server, gate: StoreGate): void {
    const { session, worker, record } = this;
    const { claims, parts, settings, replicator } = this.request.pool;
    const former = parts.fleet.at(session.former);
    const { epoch } = session;
    // There is no former owner of the first epoch.
    if (epoch > 1) worker.debug?.moved(settings.name, former, server, record.ownerFailed, epoch);
    const name = claims.accept(session, server, worker.seconds());
    if (name === null || epoch <= 1) return;
    this.reportAccepted(server, gate);
    worker.events.ownerChanged({
      name,
      pool: settings.name,
      tag: tagOf(session.recognition),
      from: former?.name ?? null,
      to: server.name,
      reason: reasonOf(name, former),
      copied: replicator !== null && session.version > 0,
    });
  }

  /** Other balancers are told by the store: one of them may have made `server` the owner, and take it for one that has not answered. */
  private reportAccepted(server: Server, { command }: StoreGate): void {
    const { session } = this;
    const { recorder } = this.request.pool;
    // A change that the store has kept says the same.
    if (recorder === null || command?.put != null || session.owner !== server.tokenId) return;
    recorder.accept(session, server);
  }

  /**
   * A piece of the response's body: the app may name the session there. It is to go on when the store has recorded that; null: it need not
   * wait.
   */
  readBody(bytes: Buffer, start: number, end: number, server: Server): Promise<boolean> | null {
    if (!this.readsBody) return null;
    const now = this.worker.seconds();
    const piece = bytes.subarray(start, end);
    this.readsBody = this.sniffer.read(piece, this.request.pool, this.session, server, now);
    return this.readsBody ? null : (this.sniffer.found?.recorded ?? null);
  }
}

const learns = ({ learn }: Affinity): boolean => learn !== undefined;

/** Why the session has left its former owner; undefined: that is not in the pool any more. */
function reasonOf(name: OwnerChangeName, former: Server | undefined): string {
  if (former === undefined) return 'its server has left the pool';
  if (former.state === 'draining') return 'its server is drained';
  if (name === 'session.moved') return 'its server has no room, or too many sessions';
  return former.state === 'down' ? 'its server is down' : 'its server has failed a request';
}

/** FNV-1a: only spreads clients over servers. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

const ignoredRecognition = new Recognition();
/** Where a second reading of a head leaves what the first has already found. */
const scratchRecognition = new Recognition();
