/**
 * What the stores for express-session and @fastify/session do when no request of the session asks: a job, a socket, an admin page. The
 * ids that we give out begin with the id of the Limpet session that has the data, so that it can be found by them alone.
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
  ownOf,
  type Plain,
  plainOf,
  withNames,
} from './foreign-ids.ts';

/** `limpetId`: undefined when it is not known; then the id is one that only requests of its session find. */
export function newStoreId(limpetId: string | undefined): string {
  const secret = randomBytes(24).toString('base64url');
  return limpetId === undefined ? secret : `${limpetId}-${secret}`;
}

/** Of an id of a store, the Limpet session's; undefined: the app has made it by itself, or another store has. */
export function limpetIdOf(id: string): string | undefined {
  return /^([0-9a-f]{32})-/.exec(id)?.[1];
}

export class DetachedStore {
  private readonly sessions: NodeSessions;
  private readonly clock: Clock;
  /** Name in the Limpet session's data. */
  private readonly place: string;
  /** What an object was when it was read: what has not changed is not written over what others did. */
  private readonly readAs = new WeakMap<object, Plain>();

  constructor(sessions: NodeSessions, place: string) {
    this.sessions = sessions;
    this.clock = sessions.options.clock;
    this.place = place;
  }

  async read(id: string): Promise<Plain | null> {
    const session = await this.open(id);
    const found = session === null ? undefined : ownOf(idsIn(session.get(this.place)), id);
    return found !== undefined && isReadable(found, this.clock.wall()) ? this.given(found) : null;
  }

  /** Throws SessionError: `session-ended` when there is no session of that id, `session-fenced` when another server owns it. */
  async write(id: string, value: object): Promise<void> {
    const mine = plainOf(value);
    const before = this.readAs.get(value);
    await this.change(id, (stored) =>
      before === undefined ? mine : withNames(stored, mine, changedNames(before, mine)),
    );
    this.readAs.set(value, mine);
  }

  /** Expiry alone. */
  async touch(id: string, cookie: unknown): Promise<void> {
    await this.change(id, (stored) => ({ ...stored, cookie }));
  }

  async destroy(id: string): Promise<void> {
    const session = await this.open(id);
    if (session === null) return;
    const { [id]: gone, ...rest } = idsIn(session.get(this.place));
    if (gone === undefined) return;
    // The whole of it anybody may end, a part of it only its owner.
    if (Object.keys(rest).length === 0) {
      await this.sessions.destroy(session.id);
      return;
    }
    await session.update((data) => {
      const { [id]: _, ...others } = idsIn(data[this.place]);
      data[this.place] = others;
    });
    await session.save();
  }

  /** With their ids. */
  async all(): Promise<readonly Plain[]> {
    const found: Plain[] = [];
    for await (const session of this.sessions.all()) {
      for (const [id, value] of Object.entries(idsIn(session.get(this.place)))) {
        if (isReadable(value, this.clock.wall())) found.push({ ...this.given(value), id });
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
      if (Object.keys(idsIn(session.get(this.place))).length > 0) await this.sessions.destroy(session.id);
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

  private async change(id: string, work: (stored: Plain) => Plain): Promise<void> {
    const session = await this.open(id);
    if (session === null) throw endedMeanwhile();
    await session.update((data) => {
      const ids = idsIn(data[this.place]);
      const stored = ownOf(ids, id);
      if (stored === undefined) throw endedMeanwhile();
      data[this.place] = { ...ids, [id]: work(stored) };
    });
    await session.save();
  }

  private given(stored: Plain): Plain {
    const copy = structuredClone(stored);
    this.readAs.set(copy, structuredClone(stored));
    return copy;
  }
}
