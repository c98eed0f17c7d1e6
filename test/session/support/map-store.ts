/** The contract of stores on a Map, each answer a turn of the loop later, so that requests overlap as with a real one. */
import { setImmediate as turn } from 'node:timers/promises';
import type {
  ClaimResult,
  EndResult,
  Found,
  Put,
  PutResult,
  RotateResult,
  SessionKey,
  Store,
} from '../../../src/store/store.ts';

export class MapStore implements Store {
  readonly incarnation = 'map';
  /** Puts that were stored. */
  puts = 0;
  touches = 0;
  private readonly kept = new Map<string, Found>();

  async read(key: SessionKey): Promise<Found> {
    await turn();
    return this.found(key);
  }

  async put(key: SessionKey, put: Put): Promise<PutResult> {
    await turn();
    return this.refused(key, put) ?? this.keep(key, put);
  }

  async rotate(key: SessionKey, to: string, put: Put): Promise<RotateResult> {
    await turn();
    if (this.found({ ...key, id: to }).state !== 'none') return { state: 'taken' };
    const refused = this.refused(key, put);
    if (refused?.state === 'fenced') return refused;
    if (refused?.state === 'ended') return { state: 'ended' };
    this.kept.set(nameOf(key), { state: 'ended' });
    this.keep({ ...key, id: to }, put);
    return { state: 'stored' };
  }

  async destroy(key: SessionKey): Promise<EndResult> {
    await turn();
    this.kept.set(nameOf(key), { state: 'ended' });
    return { state: 'ended' };
  }

  async touch(key: SessionKey): Promise<boolean> {
    await turn();
    this.touches++;
    return this.found(key).state === 'live';
  }

  async claim(): Promise<ClaimResult> {
    throw new Error('nobody owns a shared session');
  }

  async ofUser(pool: string, user: string): Promise<readonly string[]> {
    await turn();
    const names = [...this.kept].filter(([, found]) => found.state === 'live' && found.copy.user === user);
    return names.map(([name]) => name.slice(pool.length + 1));
  }

  async expire(): Promise<number> {
    return 0;
  }

  async count(): Promise<number> {
    return [...this.kept.values()].filter(({ state }) => state === 'live').length;
  }

  async *scan(pool = ''): ReturnType<Store['scan']> {
    for (const [name, found] of this.kept) {
      if (found.state === 'live') yield { key: { pool, id: name.slice(pool.length + 1) }, copy: found.copy };
    }
  }

  async close(): Promise<void> {}

  private found(key: SessionKey): Found {
    return this.kept.get(nameOf(key)) ?? { state: 'none' };
  }

  private keep(key: SessionKey, put: Put): PutResult {
    this.puts++;
    this.kept.set(nameOf(key), { state: 'live', copy: { ...put, expires: Date.now() + put.ttl } });
    return { state: 'stored' };
  }

  private refused(key: SessionKey, { epoch, version, by }: Put): PutResult | null {
    const found = this.found(key);
    if (found.state !== 'live') return found.state === 'ended' ? { state: 'ended' } : null;
    const { copy } = found;
    if (version > copy.version) return null;
    return by === copy.by ? { state: 'superseded' } : { state: 'fenced', epoch, owner: copy.owner };
  }
}

function nameOf({ pool, id }: SessionKey): string {
  return `${pool} ${id}`;
}
