/**
 * The servers that an operator has drained. They are kept in a file of the state folder, so that they stay drained through a
 * restart, as they do through a reload.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, UsageError } from '../errors.ts';

export type DrainedServer = readonly [pool: string, server: string];

/** Who drains servers: the health monitor. */
interface ServerDrainer {
  /** False: there is no such server. */
  drain(pool: string, server: string, drained: boolean, reason?: string): boolean;
  readonly drained: readonly DrainedServer[];
}

export class DrainedServers {
  private readonly file: string;
  private readonly monitor: ServerDrainer;
  private readonly log: { warn(message: string): void };

  constructor(file: string, monitor: ServerDrainer, log: { warn(message: string): void }) {
    this.file = file;
    this.monitor = monitor;
    this.log = log;
  }

  /** At the start: what an operator did before the restart. A file that cannot be used is logged, and all servers are ready. */
  restore(): void {
    this.orWarn(() => {
      for (const [pool, server] of readDrained(this.file)) {
        this.monitor.drain(pool, server, true, 'as before the restart');
      }
    });
  }

  /** False: there is no such server. A file that cannot be written is logged, and the server is drained until the restart. */
  set(pool: string, server: string, drained: boolean): boolean {
    if (!this.monitor.drain(pool, server, drained)) return false;
    this.orWarn(() => writeDrained(this.file, this.monitor.drained));
    return true;
  }

  private orWarn(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      this.log.warn(error.message);
    }
  }
}

/** Empty when there is no file. Throws UsageError when it cannot be read, or holds something else. */
export function readDrained(file: string): readonly DrainedServer[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw new UsageError(`the drained servers in ${file} cannot be read: ${codeOf(error)}`, { cause: error });
  }
  const found = parse(text);
  if (Array.isArray(found) && found.every(isServer)) return found;
  throw new UsageError(
    `${file} holds no list of drained servers, such as [["shop","s1"]]: all servers are ready. Remove it`,
  );
}

/** Writes the whole file or nothing. Throws UsageError when it cannot be written. */
export function writeDrained(file: string, servers: readonly DrainedServer[]): void {
  const draft = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(draft, `${JSON.stringify(servers)}\n`, { mode: 0o600 });
    renameSync(draft, file);
  } catch (error) {
    throw new UsageError(`the drained servers cannot be written to ${file}: ${codeOf(error)}`, { cause: error });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isServer(found: unknown): found is DrainedServer {
  return Array.isArray(found) && found.length === 2 && found.every((name) => typeof name === 'string');
}
