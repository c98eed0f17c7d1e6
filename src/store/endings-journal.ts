/**
 * The ends that a store has yet to be told of, in a file of the state folder, so that they outlive the process: one JSON array a
 * line, `[1, pool, id, epoch]` when one begins to wait and `[0, pool, id]` when the store knows. What was appended has been
 * synced to the disk when `add` resolves.
 */
import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf, UsageError } from '../errors.ts';
import type { SessionKey } from './store.ts';

export interface Ending {
  readonly key: SessionKey;
  /** Highest epoch at which it was said. */
  readonly epoch: number;
}

/** Lines that may stand in the file beside those of ends that wait, before it is written anew. */
const mostSpare = 1000;

export class EndingsJournal {
  private readonly file: string;
  private handle: FileHandle | null = null;
  private lines = 0;
  private tail: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(file: string) {
    this.file = file;
  }

  /** What waited when the process ended. Throws UsageError when the file is there and cannot be read. */
  async read(): Promise<readonly Ending[]> {
    let text: string;
    try {
      text = await readFile(this.file, 'utf8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw new UsageError(
        `the ended sessions in ${this.file} cannot be read (${codeOf(error)}), and without them they would be signed in again: mend it, or remove it`,
        { cause: error },
      );
    }
    const waiting = new Map<string, Ending>();
    for (const line of text.split('\n')) {
      const found = parse(line);
      if (found === null) continue;
      const [begins, pool, id, epoch] = found;
      if (begins === 1) waiting.set(`${pool}/${id}`, { key: { pool, id }, epoch });
      else waiting.delete(`${pool}/${id}`);
      this.lines++;
    }
    return [...waiting.values()];
  }

  /** Rejects with the system's error, or after `close`: it is not kept. */
  add({ key, epoch }: Ending): Promise<void> {
    return this.inTurn(() => this.append([1, key.pool, key.id, epoch], true));
  }

  /** The store knows of it. `left`: those that wait, when its turn comes. A line that is lost costs one question more after a restart. */
  remove({ key }: Ending, left: Pick<ReadonlyMap<string, Ending>, 'size' | 'values'>): Promise<void> {
    return this.inTurn(async () => {
      if (left.size === 0 || this.lines > left.size + mostSpare) await this.rewrite([...left.values()]);
      else await this.append([0, key.pool, key.id, 0], false);
    });
  }

  /** After what was asked for; what is asked for later rejects. */
  async close(): Promise<void> {
    this.closed = true;
    await this.tail;
    await this.handle?.close();
    this.handle = null;
  }

  private inTurn(act: () => Promise<void>): Promise<void> {
    const done = this.closed ? Promise.reject(new Error(`${this.file} is closed`)) : this.tail.then(act);
    this.tail = done.catch(() => undefined);
    return done;
  }

  private async append(line: readonly unknown[], sync: boolean): Promise<void> {
    if (this.handle === null) {
      await mkdir(dirname(this.file), { recursive: true, mode: 0o700 });
      this.handle = await open(this.file, 'a', 0o600);
    }
    // With a line's end before it, too: the last one may have been cut by a disk that was full.
    await this.handle.appendFile(`\n${JSON.stringify(line)}\n`);
    if (sync) await this.handle.datasync();
    this.lines++;
  }

  /** Whole or not at all. */
  private async rewrite(left: readonly Ending[]): Promise<void> {
    await this.handle?.close();
    this.handle = null;
    this.lines = left.length;
    if (left.length === 0) {
      await rm(this.file, { force: true });
      return;
    }
    const draft = `${this.file}.${process.pid}`;
    const handle = await open(draft, 'w', 0o600);
    try {
      await handle.writeFile(
        left.map(({ key, epoch }) => `${JSON.stringify([1, key.pool, key.id, epoch])}\n`).join(''),
      );
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, this.file);
  }
}

/** null: not a line of ours, or one that was cut short. */
function parse(line: string): [begins: number, pool: string, id: string, epoch: number] | null {
  let found: unknown;
  try {
    found = JSON.parse(line);
  } catch {
    return null;
  }
  if (!Array.isArray(found)) return null;
  const [begins, pool, id, epoch = 0] = found as unknown[];
  const right =
    (begins === 0 || begins === 1) && typeof pool === 'string' && typeof id === 'string' && typeof epoch === 'number';
  return right ? [begins, pool, id, epoch] : null;
}
