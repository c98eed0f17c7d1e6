/**
 * Carries out the command that a server gives for its session: first in the store, then in the session table. A command comes with a
 * response (response-replication.ts) or through the store interface (interface-replication.ts).
 */
import type { SessionEvents } from '../events/session-events.ts';
import type { Server } from '../fleet/server.ts';
import type { SessionCommand, SessionPut } from '../http/session-headers.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import type { EndResult, Put, PutResult } from '../store/store.ts';
import type { SessionRef } from './session-ref.ts';
import type { StoreAccess } from './store-access.ts';
import type { TableUpdates } from './table-updates.ts';

/**
 * The result of a command. kept: it is done, and the response may pass. fenced: the server is a former owner, or the session has
 * ended. failed: the store did not answer, or not with success. refused: the server breaks the protocol. ending: the session is over,
 * but the store has not recorded its end yet; until then no success may be reported, and the session takes no other command.
 */
export type PutOutcome = 'kept' | 'fenced' | 'failed' | 'refused' | 'ending';

/** The result for the store interface. `epoch`: of the later owner that fenced the command; 0: it was not fenced. */
export interface PutReport {
  readonly outcome: PutOutcome | 'ended';
  readonly epoch: number;
}

export const keptReport: PutReport = { outcome: 'kept', epoch: 0 };
export const refusedReport: PutReport = { outcome: 'refused', epoch: 0 };

/** taken: the new id for the session belongs to another session. */
type WriteResult = PutResult | EndResult | { readonly state: 'taken' };

export class CommandWriter {
  private readonly access: StoreAccess;
  private readonly updates: TableUpdates;
  private readonly counters: Counters;
  private readonly events: SessionEvents;

  constructor(access: StoreAccess, updates: TableUpdates, counters: Counters, events: SessionEvents) {
    this.access = access;
    this.updates = updates;
    this.counters = counters;
    this.events = events;
  }

  async write(ref: SessionRef, server: Server, command: SessionCommand): Promise<PutReport> {
    const { counters, updates } = this;
    const result = await this.access.call<WriteResult>(this.send(ref, server, command));
    if (result === null) {
      counters.add(counter.copies_failed);
      updates.noteFailure(ref, command);
      return { outcome: 'failed', epoch: 0 };
    }
    switch (result.state) {
      case 'fenced':
        this.fenced(ref, server, 'another server has the session');
        updates.applyOwner(ref, result.epoch, result.owner);
        return { outcome: 'fenced', epoch: result.epoch };
      case 'taken':
        return refusedReport;
      case 'ending':
        if (command.put !== null) this.fenced(ref, server, 'the session is being ended');
        return { outcome: 'ending', epoch: 0 };
      case 'ended':
        // To end a session that has ended already is a success.
        if (command.put === null) break;
        this.fenced(ref, server, 'the session has ended');
        updates.noteEndedNow(ref);
        return { outcome: 'ended', epoch: 0 };
      case 'superseded':
        counters.add(counter.copies_superseded);
        this.renew(ref, command.put);
        break;
      default:
        counters.add(counter.copies_stored);
    }
    updates.applyCommand(ref, server, command, command.put?.version ?? null);
    return keptReport;
  }

  /** As `write`, with an epoch that this node's table does not have: the store decides whether the server was given it. */
  async writeIfGiven(ref: SessionRef, server: Server, command: SessionCommand): Promise<PutReport> {
    const epoch = epochOf(command);
    const found = await this.access.call(this.access.store.read(ref.key));
    if (found === null) {
      this.counters.add(counter.copies_failed);
      return { outcome: 'failed', epoch: 0 };
    }
    if (found.state === 'ending') return { outcome: 'ending', epoch: 0 };
    // A session that the store does not have can only begin, with epoch 1. To end it is always allowed: an end must not be lost.
    const begins = found.state === 'none' && (epoch === 1 || command.put === null);
    const given =
      found.state === 'live' &&
      (found.copy.epoch > epoch || (found.copy.epoch === epoch && server.hasId(found.copy.owner)));
    return found.state === 'ended' || begins || given ? this.write(ref, server, command) : refusedReport;
  }

  private fenced(ref: SessionRef, server: Server, reason: string): void {
    this.counters.add(counter.copies_fenced);
    this.events.fenced(ref.key.pool, this.updates.tagOf(ref), server.name, reason);
  }

  private send({ key }: SessionRef, { storeId }: Server, { put, ended, rotate }: SessionCommand): Promise<WriteResult> {
    const { store } = this.access;
    if (put === null) return store.destroy(key, ended);
    return rotate === '' ? store.put(key, putOf(put, storeId)) : store.rotate(key, rotate, putOf(put, storeId));
  }

  /** The store has this version already: only its expiry time is renewed. */
  private renew({ key }: SessionRef, put: SessionPut | null): void {
    if (put !== null) this.access.call(this.access.store.touch(key, put.epoch, put.ttl * 1000));
  }
}

/** The epoch for which the server gives the command. */
export function epochOf({ put, ended }: SessionCommand): number {
  return put?.epoch ?? ended;
}

function putOf({ epoch, version, ttl, by, user, data }: SessionPut, owner: number): Put {
  const put = { owner, epoch, version, by, data: data ?? noData, ttl: ttl * 1000 };
  return user === undefined ? put : { ...put, user };
}

const noData = Buffer.alloc(0);
