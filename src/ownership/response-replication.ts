/**
 * Commands that come with responses. With `replication: sync` the store has carried out the command before the response goes to the
 * client; with `async` it may still be doing so; with `none` there is no store.
 */
import type { SessionEvents } from '../events/session-events.ts';
import type { Server } from '../fleet/server.ts';
import type { SessionCommand } from '../http/session-headers.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import { type CommandWriter, epochOf, type PutOutcome, type PutReport } from './command-writer.ts';
import type { RotationProofs } from './rotation-proof.ts';
import type { SentCopy, Session, SessionView } from './session.ts';
import { idWord, tableKeyOf, tagOf } from './session-id.ts';
import { refOf, type SessionRef } from './session-ref.ts';
import type { StoreAccess } from './store-access.ts';
import type { TableUpdates } from './table-updates.ts';

export interface ResponseReplicationSettings {
  /** Name of the pool. */
  readonly pool: string;
  readonly replication: 'sync' | 'async' | 'none';
  /** Most copies of `async` that may be on their way to the store. Above it responses wait. */
  readonly maxLag: number;
}

export interface ResponseReplicationDependencies {
  readonly access: StoreAccess;
  readonly updates: TableUpdates;
  readonly writer: CommandWriter;
  readonly proofs: RotationProofs;
  readonly counters: Counters;
  readonly events: SessionEvents;
}

export class ResponseReplication {
  private readonly settings: ResponseReplicationSettings;
  private readonly deps: ResponseReplicationDependencies;
  /** Copies on their way to the store whose responses have left. */
  private lag = 0;

  constructor(settings: ResponseReplicationSettings, deps: ResponseReplicationDependencies) {
    this.settings = settings;
    this.deps = deps;
  }

  /**
   * Carries out the command of a response of `server`. null: the store has been called, and `done` is called with the result. After
   * 'kept' the response may go; with `async` the copy may still be on its way.
   */
  keep(
    session: SessionView,
    server: Server,
    command: SessionCommand,
    done: (outcome: PutOutcome) => void,
  ): PutOutcome | null {
    const { pool, replication, maxLag } = this.settings;
    const { counters, events, updates, writer } = this.deps;
    // The request named no session to the server, or its kind of session cannot get an id that the server chose.
    if (!session.isOffered || (command.rotate !== '' && session.recognition.kind !== 'token')) return 'refused';
    // The cookie of a new session would replace the one that the client is about to get, or has just got.
    if (session.endedRecently && command.put !== null) {
      counters.add(counter.copies_fenced);
      events.fenced(pool, tagOf(session.recognition), server.name, 'the session has ended');
      return 'fenced';
    }
    const ref = refOf(pool, session);
    if (command.put === null && command.rotate !== '') return this.followRotation(ref, server, command, done);
    if (!updates.isUnusedId(command.rotate)) return 'refused';
    const epoch = epochOf(command);
    const given = epoch <= session.epoch || updates.hasBeenGiven(ref, server, epoch);
    if (given === false || (given === null && replication === 'none')) return 'refused';
    if (given === null) {
      writer.writeIfGiven(ref, server, command).then((report) => done(outcomeOf(report)));
      return null;
    }
    if (replication === 'none') {
      if (command.put !== null) counters.add(counter.copies_dropped);
      updates.applyCommand(ref, server, command, null);
      return 'kept';
    }
    // The end of a session, or of its id, waits in `async` too: after a success it must not be undone.
    if (replication === 'async' && command.ended === 0 && command.rotate === '') {
      if (this.lag < maxLag) {
        updates.applyCommand(ref, server, command, null);
        this.writeInBackground(ref, server, command);
        return 'kept';
      }
      counters.add(counter.copies_delayed);
    }
    writer.write(ref, server, command).then((report) => done(outcomeOf(report)));
    return null;
  }

  /** The session already has another id, by the store interface; the response shows it, so that the client gets it. */
  private followRotation(
    ref: SessionRef,
    server: Server,
    { rotate: id, proof = '' }: SessionCommand,
    done: (outcome: PutOutcome) => void,
  ): PutOutcome | null {
    const { access, proofs, updates } = this.deps;
    // Without the proof a server could name the id of any live session.
    if (!proofs.verify(proof, server.storeId, ref.key.id, id)) return 'refused';
    if (updates.find(tableKeyOf(id)) === 'live' || this.settings.replication === 'none') return 'kept';
    access.call(access.store.read({ ...ref.key, id })).then((found) => {
      if (found === null) done('failed');
      else if (found.state === 'live') done('kept');
      else done(found.state === 'ending' ? 'ending' : 'refused');
    });
    return null;
  }

  private writeInBackground(ref: SessionRef, server: Server, command: SessionCommand): void {
    const { counters, writer } = this.deps;
    this.lag++;
    counters.add(counter.copies_lag);
    writer.write(ref, server, command).then(() => {
      this.lag--;
      counters.add(counter.copies_lag, -1);
    });
  }

  /** After 'kept': the session of this exchange takes over what the command changed. */
  apply(session: Session, { put, rotate }: SessionCommand): void {
    if (put !== null) {
      session.epoch = Math.max(session.epoch, put.epoch);
      session.version = put.version;
    } else if (rotate === '') return;
    if (rotate !== '') {
      session.rotate(idWord(rotate, 0), idWord(rotate, 1), idWord(rotate, 2), idWord(rotate, 3));
      // The table counts nothing under the old id any more.
      session.counted = false;
    }
    if (!session.recognition.recognised || rotate !== '') session.changeBinding('must-bind');
  }

  /**
   * The response gives no command for a new session, but its server may have put it through the store interface before: then the
   * client has to get its token.
   */
  adoptPut(session: Session): void {
    const { entry } = this.deps.updates;
    if (session.endedRecently || this.find(session) !== 'live' || !entry.copied) return;
    session.version = entry.version;
    session.changeBinding('must-bind');
  }

  /**
   * The session, or its id, has ended. A late response must not give this id to the client: the client may have another one by now,
   * and would be signed out.
   */
  hasEnded(session: SessionView): boolean {
    return this.find(session) === 'ended';
  }

  /** No newer version was put since the copy was read: a server that has just restarted must not begin with an older state. */
  isLatest(session: SessionView, { epoch, version }: SentCopy): boolean {
    const { entry } = this.deps.updates;
    return this.find(session) === 'live' && entry.epoch === epoch && entry.version === version;
  }

  private find({ recognition }: SessionView) {
    return this.deps.updates.find({ hi: recognition.sid0, lo: recognition.sid1 });
  }
}

/** A change to a session that has ended is refused as one by a former owner is. */
function outcomeOf({ outcome }: PutReport): PutOutcome {
  return outcome === 'ended' ? 'fenced' : outcome;
}
