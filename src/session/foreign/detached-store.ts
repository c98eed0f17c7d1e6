/**
 * What the stores for express-session and @fastify/session do apart from any request of the session: for a job, a socket, an admin page.
 * The ids that Limpet makes begin with the id of the Limpet session that has the data, so that it can be found by them alone.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../time/clock.ts';
import { SessionError } from '../error.ts';
import type { NodeSessions } from '../node.ts';
import type { Session } from '../session.ts';
import {
  changedNames,
  endedMeanwhile,
  idsIn,
  isReadable,
  ownValue,
  type Plain,
  toPlain,
  withNames,
} from './foreign-ids.ts';

/** `limpetId`: undefined when it is not known; then only requests of its session find the id. */
export function newStoreId(limpetId: string | undefined): string {
  const secret = randomBytes(24).toString('base64url');
  return limpetId === undefined ? secret : `${limpetId}-${secret}`;
}

/** The id of the Limpet session; undefined: the app has made the id itself, or another store has. */
export function limpetIdOf(id: string): string | undefined {
  return /^([0-9a-f]{32})-/.exec(id)?.[1];
}

/** All methods throw SessionError. */
export class DetachedStore {
  private readonly sessions: NodeSessions;
  private readonly clock: Clock;
  /** The name of the ids in the Limpet session's data. */
  private readonly dataName: string;
  /** What an object was when it was read: only what has changed since is written, over what others did. */
  private readonly readAs = new WeakMap<object, Plain>();

  constructor(sessions: NodeSessions, dataName: string) {
    this.sessions = sessions;
    this.clock = sessions.options.clock;
    this.dataName = dataName;
  }

  async read(id: string): Promise<Plain | null> {
    const session = await this.open(id);
    const found = session === null ? undefined : ownValue(idsIn(session.get(this.dataName)), id);
    return found !== undefined && isReadable(found, this.clock.wall()) ? this.copyOf(found) : null;
  }

  /** Throws SessionError: `session-ended` when there is no session of that id, `session-fenced` when another server owns it. */
  async write(id: string, value: object): Promise<void> {
    const mine = toPlain(value);
    const before = this.readAs.get(value);
    await this.change(id, (stored) =>
      before === undefined ? mine : withNames(stored, mine, changedNames(before, mine)),
    );
    this.readAs.set(value, mine);
  }

  /** Writes the expiry alone. */
  async touch(id: string, cookie: unknown): Promise<void> {
    await this.change(id, (stored) => ({ ...stored, cookie }));
  }

  async destroy(id: string): Promise<void> {
    const session = await this.open(id);
    if (session === null) return;
    const { [id]: removed, ...rest } = idsIn(session.get(this.dataName));
    if (removed === undefined) return;
    // Every server may end the whole session, but only its owner a part of it.
    if (Object.keys(rest).length === 0) {
      await this.sessions.destroy(session.id);
      return;
    }
    await session.update((data) => {
      const { [id]: _, ...others } = idsIn(data[this.dataName]);
      data[this.dataName] = others;
    });
    await session.save();
  }

  /** With their ids. */
  async all(): Promise<readonly Plain[]> {
    const found: Plain[] = [];
    for await (const session of this.sessions.all()) {
      for (const [id, value] of Object.entries(idsIn(session.get(this.dataName)))) {
        if (isReadable(value, this.clock.wall())) found.push({ ...this.copyOf(value), id });
      }
    }
    return found;
  }

  async length(): Promise<number> {
    const all = await this.all();
    return all.length;
  }

  async clear(): Promise<void> {
    for await (const session of this.sessions.all()) {
      if (Object.keys(idsIn(session.get(this.dataName))).length > 0) await this.sessions.destroy(session.id);
    }
  }

  private async open(id: string): Promise<Session | null> {
    const limpetId = limpetIdOf(id);
    if (limpetId !== undefined) return this.sessions.open(limpetId);
    throw new SessionError(
      'session-store',
      'session store: found no request that asks, and an id that was not made by limpet; expected one of ours, from which its session follows (leave out genid)',
    );
  }

  private async change(id: string, change: (stored: Plain) => Plain): Promise<void> {
    const session = await this.open(id);
    if (session === null) throw endedMeanwhile();
    await session.update((data) => {
      const ids = idsIn(data[this.dataName]);
      const stored = ownValue(ids, id);
      if (stored === undefined) throw endedMeanwhile();
      data[this.dataName] = { ...ids, [id]: change(stored) };
    });
    await session.save();
  }

  private copyOf(stored: Plain): Plain {
    const copy = structuredClone(stored);
    this.readAs.set(copy, structuredClone(stored));
    return copy;
  }
}
