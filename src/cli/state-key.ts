/**
 * The keys in the state folder. They are created once, so that cookies, the session table and encrypted copies stay valid through a
 * restart. A folder or file that another user could have written is refused (secrets/private-file.ts).
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { parseKey, shortestKey } from '../config/keys.ts';
import { codeOf, UsageError } from '../errors.ts';
import { checkFolder, checkPrivate, makePrivate, readPrivate } from '../secrets/private-file.ts';
import type { Logger } from './log.ts';

/**
 * token: signs the tokens when the config has no keys. table: hashes the names of sessions, in memory and in the file. store:
 * encrypts the copies in an lmdb store when the config has no key for it.
 */
export type KeyUse = 'token' | 'table' | 'store';

/** Files of the state folder that the balancer uses when it starts. */
export const stateFiles = [
  'token.key',
  'table.key',
  'store.key',
  'fleet.key',
  'node.id',
  'orders.json',
  'sessions.table',
  'servers.json',
  'endings',
];

/** Throws UsageError, with the command to fix it, when another user may write to the folder or open one of its files. */
export function checkState(folder: string): void {
  checkFolder(folder);
  for (const file of stateFiles) checkPrivate(join(folder, file));
}

/**
 * Reads `token.key` or `table.key` of the folder, or creates it: 32 random bytes in hex, readable by this user only. When it cannot be
 * written, the key is valid for this process only, with a warning. Throws UsageError when the file holds no key, or another
 * user may read it.
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

/** `store.key`, in the same way. Throws UsageError also when it cannot be kept: no copy could be read after a restart. */
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

/** The key in the folder, null when there is none. Creates nothing. Throws UsageError as `stateKey` does. */
export function keptKey(folder: string, use: KeyUse): Buffer | null {
  const file = join(folder, fileOf(use));
  const text = readPrivate(file);
  if (text === null) return null;
  const key = parseKey(text.trim());
  if (key === null)
    throw new UsageError(`${file} holds no key of ${shortestKey} bytes: remove it, and a new one is made`);
  return key;
}

/** Two processes that start at once get the same key. Throws the system's error when it cannot be kept. */
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
