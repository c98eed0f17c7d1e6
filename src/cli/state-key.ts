/**
 * What the state folder keeps: keys, made once, so that cookies, the names in the session table and copies at rest outlive a
 * restart. A folder or a file of it that somebody else could have written is refused (secrets/private-file.ts).
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { parseKey, shortestKey } from '../config/keys.ts';
import { codeOf, UsageError } from '../errors.ts';
import { checkFolder, checkPrivate, makePrivate, readPrivate } from '../secrets/private-file.ts';
import type { Logger } from './log.ts';

/**
 * token: signs the tokens when the config names no keys. table: hashes the names of sessions, in memory and on disk. store:
 * encrypts the copies in an lmdb store when the config names no key for that.
 */
export type KeyUse = 'token' | 'table' | 'store';

/** Files of the state folder that are believed when the balancer starts. */
export const stateFiles = ['token.key', 'table.key', 'store.key', 'sessions.table', 'drained.json', 'endings'];

/** Throws UsageError, with the command that mends it: somebody else may write to the folder, or open one of its files. */
export function checkState(folder: string): void {
  checkFolder(folder);
  for (const file of stateFiles) checkPrivate(join(folder, file));
}

/**
 * Reads `token.key` or `table.key` of the folder, or makes it: 32 random bytes in hex, readable by this user only. Where
 * nothing can be written the key lives as long as the process, with a warning. Throws UsageError when the file holds no key,
 * or somebody else may read it.
 */
export function stateKey(folder: string, use: 'token' | 'table', log: Logger): Buffer {
  const made = randomBytes(shortestKey);
  try {
    return makeKey(folder, use, made, log);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const remedy = use === 'token' ? 'keys or stateDir' : 'stateDir';
    log.warn(`the ${use} key cannot be kept (${codeOf(error)}): sessions end with this process. Set ${remedy}`, {
      file: join(folder, fileOf(use)),
    });
    return made;
  }
}

/** `store.key`, in the same way; where it cannot be kept nothing could ever be read with it again: throws UsageError. */
export function storeKey(folder: string, log: Logger): Buffer {
  try {
    return makeKey(folder, 'store', randomBytes(shortestKey), log);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const file = join(folder, fileOf('store'));
    throw new UsageError(`${file} cannot be made: ${codeOf(error)}. Set stateDir, or sessions.encrypt`, {
      cause: error,
    });
  }
}

/** The key that the folder holds, null when there is none; makes nothing. Throws UsageError as `stateKey` does. */
export function keptKey(folder: string, use: KeyUse): Buffer | null {
  const file = join(folder, fileOf(use));
  const text = readPrivate(file);
  if (text === null) return null;
  const key = parseKey(text.trim());
  if (key === null)
    throw new UsageError(`${file} holds no key of ${shortestKey} bytes: remove it, and a new one is made`);
  return key;
}

/** Of two processes that start at once, both end up with one key. Throws the system's error when it cannot be kept. */
function makeKey(folder: string, use: KeyUse, made: Buffer, log: Logger): Buffer {
  const kept = keptKey(folder, use);
  if (kept !== null) return kept;
  const file = join(folder, fileOf(use));
  try {
    makePrivate(file, `${made.toString('hex')}\n`);
  } catch (error) {
    const winner = codeOf(error) === 'EEXIST' ? keptKey(folder, use) : null;
    if (winner !== null) return winner;
    throw error;
  }
  log.info(`made a ${use} key: ${file}`);
  return made;
}

function fileOf(use: KeyUse): string {
  return `${use}.key`;
}
