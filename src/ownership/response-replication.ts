/** What responses say of their sessions: it is put into the store before the client hears of it, unless the pool replicates otherwise. */
import type { Server } from '../fleet/server.ts';
import type { SessionCommand } from '../http/session-headers.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import { type CommandWriter, epochOf, type PutOutcome, type PutReport } from './command-writer.ts';
import type { RotationProofs } from './rotation-proof.ts';
import type { SentCopy, Session, SessionView } from './session.ts';
import { idWord, tableKeyOf } from './session-id.ts';
import { refOf, type SessionRef } from './session-ref.ts';
import type { StoreAccess } from './store-access.ts';
import type { TableUpdates } from './table-updates.ts';

export interface ResponseReplicationSettings {
  /** Name of the pool. */
  readonly pool: string;
  readonly replication: 'sync' | 'async' | 'none';
  /** Most copies of `async` that may be under way; beyond it responses wait. */
  readonly maxLag: number;
}

export interface ResponseReplicationDependencies {
  readonly access: StoreAccess;
  readonly updates: TableUpdates;
  readonly writer: CommandWriter;
  readonly proofs: RotationProofs;
  readonly counters: Counters;
}

export class ResponseReplication {
  private readonly settings: ResponseReplicationSettings;
  private readonly deps: ResponseReplicationDependencies;
  /** Copies that are under way with nobody waiting for them. */
  private lag = 0;

  constructor(settings: ResponseReplicationSettings, deps: ResponseReplicationDependencies) {
    this.settings = settings;
    this.deps = deps;
  }

  /**
   * What a response of `server` says of the session. null: the store has been called, `done` comes later. 'kept' means that
   * the response may go; in `async` the copy is under way then.
   */
  keep(
    session: SessionView,
    server: Server,
    command: SessionCommand,
    done: (outcome: PutOutcome) => void,
  ): PutOutcome | null {
    const { pool, replication, maxLag } = this.settings;
    const { counters, updates, writer } = this.deps;
    // The server was told of no session, or it is of a kind that cannot go on under an id that the server chose.
    if (!session.isOffered || (command.rotate !== '' && session.recognition.kind !== 'token')) return 'refused';
    // A new session's cookie would take the place of the one that its client is about to get, or has just got.
    if (session.endedRecently && command.put !== null) {
      counters.add(counter.copies_fenced);
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
    // An end, of a session or of its id, is not undone: who hears of it must be able to rely on it.
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

  /** The session has gone on under another id already, through the store interface; else there is none to give to the client. */
  private followRotation(
    ref: SessionRef,
    server: Server,
    { rotate: id, proof = '' }: SessionCommand,
    done: (outcome: PutOutcome) => void,
  ): PutOutcome | null {
    const { access, proofs, updates } = this.deps;
    // Without a proof it could be any session's id.
    if (!proofs.verify(proof, server.id, ref.key.id, id)) return 'refused';
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

  /** After 'kept': the session is what the server has made of it. */
  apply(session: Session, { put, rotate }: SessionCommand): void {
    if (put !== null) {
      session.epoch = Math.max(session.epoch, put.epoch);
      session.version = put.version;
    } else if (rotate === '') return;
    if (rotate !== '') {
      session.rotate(idWord(rotate, 0), idWord(rotate, 1), idWord(rotate, 2), idWord(rotate, 3));
      // What ran under the old id has ended with it.
      session.counted = false;
    }
    if (!session.recognition.recognised || rotate !== '') session.changeBinding('must-bind');
  }

  /**
   * A response of a new session says nothing of it, but its server may have put it through the store interface before it answered:
   * then the client has to be told.
   */
  adoptPut(session: Session): void {
    const { entry } = this.deps.updates;
    if (session.endedRecently || this.find(session) !== 'live' || !entry.copied) return;
    session.version = entry.version;
    session.changeBinding('must-bind');
  }

  /**
   * Its id is dead. A response that comes late must not tell the client of it: the client may have the new id by now, and
   * would be signed out.
   */
  hasEnded(session: SessionView): boolean {
    return this.find(session) === 'ended';
  }

  /** Nothing newer was put: a process that is started anew must not begin with what was before. */
  isLatest(session: SessionView, { epoch, version }: SentCopy): boolean {
    const { entry } = this.deps.updates;
    return this.find(session) === 'live' && entry.epoch === epoch && entry.version === version;
  }

  private find({ recognition }: SessionView) {
    return this.deps.updates.find({ hi: recognition.sid0, lo: recognition.sid1 });
  }
}

/** A client that changes a session which has ended is as late as one whose server is its owner no more. */
function outcomeOf({ outcome }: PutReport): PutOutcome {
  return outcome === 'ended' ? 'fenced' : outcome;
}
