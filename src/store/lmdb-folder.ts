/**
 * The folder of an lmdb store, for this user alone: who can open its files reads what users have kept, and who can write to them
 * is any user. Also the key that the store makes for itself there, for whoever has no other place for one.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, UsageError } from '../errors.ts';
import { checkOwner, makePrivate, modeOf, quoted, readPrivate } from '../secrets/private-file.ts';
import { StoreError } from './store.ts';

const keyFile = 'store.key';
const dataFiles = ['data.mdb', 'lock.mdb'];
const keyBytes = 32;
const others = 0o077;

/**
 * Makes it, or closes one to others that holds nothing but a store. Throws UsageError, with the command that mends it, when it
 * belongs to somebody else, or holds other files that others may be meant to open; else the system's error.
 */
export function prepareFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const found = statSync(path);
  checkOwner(path, found);
  if ((found.mode & others) !== 0) {
    const strange = readdirSync(path).find((name) => name !== keyFile && !dataFiles.includes(name));
    if (strange !== undefined) {
      throw new UsageError(
        `others may open the folder ${path} (mode ${modeOf(found)}), which holds more than a store (${strange}): chmod 700 ${quoted(path)}, or name a folder of its own in it`,
      );
    }
    chmodSync(path, 0o700);
  }
  closeFiles(path);
}

/** LMDB makes its files as the mask has it. Throws UsageError: one is a link, or of another user. */
export function closeFiles(path: string): void {
  for (const name of dataFiles) {
    const file = join(path, name);
    const found = lstatSync(file, { throwIfNoEntry: false });
    if (found === undefined) continue;
    if (found.isSymbolicLink())
      throw new UsageError(`${file} is a symbolic link, expected the file itself: move it there`);
    checkOwner(file, found);
    if ((found.mode & others) !== 0) chmodSync(file, 0o600);
  }
}

/** The key of the folder itself, made when the store is. Throws a StoreError when it is gone, UsageError as `readPrivate` does. */
export function folderKey(path: string): Buffer {
  const file = join(path, keyFile);
  const kept = readKey(file);
  if (kept !== null) return kept;
  const data = statSync(join(path, 'data.mdb'), { throwIfNoEntry: false });
  // Looked at again: another process may have made both meanwhile.
  const existing = readKey(file);
  if (existing !== null) return existing;
  if (data !== undefined && data.size > 0) {
    throw new StoreError(
      'damaged',
      `${file} is missing: bring it back, or remove ${path} to begin with an empty store`,
    );
  }
  const made = randomBytes(keyBytes);
  try {
    makePrivate(file, `${made.toString('hex')}\n`);
    return made;
  } catch (error) {
    const winner = codeOf(error) === 'EEXIST' ? readKey(file) : null;
    if (winner !== null) return winner;
    throw error;
  }
}

function readKey(file: string): Buffer | null {
  const text = readPrivate(file)?.trim();
  if (text === undefined) return null;
  const key = Buffer.from(text, 'hex');
  if (key.length === keyBytes) return key;
  throw new StoreError('damaged', `${file} holds no key of ${keyBytes} bytes in hex: bring it back`);
}
