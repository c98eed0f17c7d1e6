/** Which servers a person has drained, in a file of the state folder: that word holds through a restart, as through a reload. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, UsageError } from '../errors.ts';

export type DrainedServer = readonly [pool: string, server: string];

/** None when there is no file. Throws UsageError when it cannot be read, or holds something else. */
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

/** Whole or not at all. Throws UsageError when it cannot be written. */
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
