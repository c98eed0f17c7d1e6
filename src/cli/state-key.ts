/** Keys that the state folder keeps: made once, so that cookies and the names in the session table outlive a restart. */
import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseKey, shortestKey } from '../config/keys.ts';
import { codeOf, UsageError } from '../errors.ts';
import type { Logger } from './log.ts';

/** token: signs the tokens when the config names no keys. table: hashes the names of sessions, in memory and on disk. */
export type KeyUse = 'token' | 'table';

/**
 * Reads `token.key` or `table.key` of the folder, or makes it: 32 random bytes in hex, readable by this user only. Where
 * nothing can be written the key lives as long as the process, with a warning. Throws UsageError when the file holds no key.
 */
export function stateKey(folder: string, use: KeyUse, log: Logger): Buffer {
  const file = join(folder, fileOf(use));
  const kept = keptKey(folder, use);
  if (kept !== null) return kept;
  const made = randomBytes(shortestKey);
  try {
    keepKey(folder, file, made);
    log.info(`made a ${use} key: ${file}`);
    return made;
  } catch (error) {
    const winner = codeOf(error) === 'EEXIST' ? readKey(file) : null;
    if (winner !== null) return winner;
    const remedy = use === 'token' ? 'keys or stateDir' : 'stateDir';
    log.warn(`the ${use} key cannot be kept (${codeOf(error)}): sessions end with this process. Set ${remedy}`, {
      file,
    });
    return made;
  }
}

/** The key that the folder holds, null when there is none; makes nothing. Throws UsageError when the file holds no key. */
export function keptKey(folder: string, use: KeyUse): Buffer | null {
  return readKey(join(folder, fileOf(use)));
}

function fileOf(use: KeyUse): string {
  return `${use}.key`;
}

/** A link appears whole or not at all: of two processes that start at once, both end up with one key. */
function keepKey(folder: string, file: string, key: Buffer): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}`;
  try {
    writeFileSync(draft, `${key.toString('hex')}\n`, { mode: 0o600 });
    linkSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
}

function readKey(file: string): Buffer | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return null;
    throw new UsageError(`the key ${file} cannot be read: ${codeOf(error)}`);
  }
  const key = parseKey(text);
  if (key === null)
    throw new UsageError(`${file} holds no key of ${shortestKey} bytes: remove it, and a new one is made`);
  return key;
}
