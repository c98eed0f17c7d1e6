/**
 * Holds a response until the store has what it changes: the state of its session (ownership/store-gate.ts), or a name that the app gives to
 * a session, which other balancers have to know before the client does. Reused; `begin` sets it anew.
 */
import type { Fault } from '../errors.ts';
import type { Server } from '../fleet/server.ts';
import type { ResponseHead } from '../http/head.ts';
import type { SessionCommand } from '../http/session-headers.ts';
import type { Counters } from '../metrics/counters.ts';
import type { Session } from '../ownership/session.ts';
import { StoreGate, type StoreGateOwner } from '../ownership/store-gate.ts';
import type { AccessRecord } from './access-record.ts';
import type { Attempt } from './attempt.ts';
import type { SessionBinding } from './binding.ts';
import type { PhaseTimer } from './phase.ts';
import type { ClientRequest } from './request.ts';

/** The relay. */
export interface HoldListener {
  /** The response goes on: what is awaited now. `piece`: bytes of its body that were held, null: none. */
  onReleased(piece: Buffer | null): void;
  /** Neither the response nor what the store answered may be passed on. */
  onUnsafe(fault: Fault): void;
  /** The store has said where the session lives, or accepted its new owner. */
  onStoreAnswer(): void;
}

export class ResponseHold implements StoreGateOwner {
  readonly gate: StoreGate;
  private readonly listener: HoldListener;
  private readonly request: ClientRequest;
  private readonly binding: SessionBinding;
  private readonly attempt: Attempt;
  private readonly timer: PhaseTimer;
  private readonly record: AccessRecord;
  private piece: Buffer | null = null;

  constructor(
    listener: HoldListener,
    request: ClientRequest,
    binding: SessionBinding,
    attempt: Attempt,
    timer: PhaseTimer,
    record: AccessRecord,
    counters: Counters,
  ) {
    this.listener = listener;
    this.request = request;
    this.binding = binding;
    this.attempt = attempt;
    this.timer = timer;
    this.record = record;
    this.gate = new StoreGate(this, counters);
  }

  begin(): void {
    this.piece = null;
    this.gate.begin();
  }

  /** The response is dropped, and the request is sent once more. */
  onRetry(): void {
    this.piece = null;
    this.binding.onRetry();
    this.gate.onRetry();
  }

  /** The exchange is over: what the store still answers comes too late. */
  end(): void {
    this.piece = null;
    this.gate.end();
  }

  mustHold(head: ResponseHead): boolean {
    const { replicator, recorder } = this.request.pool;
    if (recorder !== null && this.holdUntil(this.binding.learn(head, this.attempt.server))) return true;
    if (replicator === null) return false;
    if (this.gate.mustHold(head, replicator)) return true;
    return recorder !== null && this.binding.givesNextToken(head) && this.gate.mustHoldToken(replicator);
  }

  mustHoldEnd(command: SessionCommand | 'bad'): boolean {
    const { replicator } = this.request.pool;
    return replicator !== null && this.gate.mustHoldEnd(command, replicator);
  }

  /** True: these bytes of the body name a session, and go on later. */
  mustHoldPiece(bytes: Buffer, start: number, end: number): boolean {
    if (!this.holdUntil(this.binding.readBody(bytes, start, end, this.attempt.server))) return false;
    this.piece = Buffer.from(bytes.subarray(start, end));
    return true;
  }

  private holdUntil(recorded: Promise<boolean> | null): boolean {
    const { ownersInStore } = this.request.pool;
    if (recorded === null || ownersInStore === null) return false;
    this.gate.record(recorded, ownersInStore);
    return true;
  }

  onQueryTimeout(): void {
    const { ownersInStore } = this.request.pool;
    if (ownersInStore !== null) this.gate.onQueryTimeout(ownersInStore);
  }

  onPutTimeout(): void {
    this.gate.onPutTimeout(this.request.pool.replicator);
  }

  // What the gate asks and tells.

  get session(): Session {
    return this.binding.session;
  }

  get server(): Server | null {
    return this.attempt.hasPlace ? this.attempt.server : null;
  }

  get isBound(): boolean {
    return this.session.recognition.recognised || this.record.bound;
  }

  waitForCopy(timeoutMs: number): void {
    this.timer.enter('store-put', timeoutMs);
  }

  proceed(): void {
    const { piece } = this;
    this.piece = null;
    this.listener.onReleased(piece);
    this.attempt.connection?.resumeHeld();
  }

  onUnsafe(fault: Fault): void {
    this.piece = null;
    this.listener.onUnsafe(fault);
  }

  onStoreAnswer(): void {
    this.listener.onStoreAnswer();
  }
}
