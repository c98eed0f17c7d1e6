/**
 * Files and folders that only this user may change, and files that only this user may read. Their content decides what the balancer
 * believes, so one that another user could have written is refused, with a message that names the command to fix it.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, UsageError } from '../errors.ts';

const others = 0o077;
const otherWriters = 0o022;
const stickyBit = 0o1000;

/**
 * The text of a private file, null when it does not exist. Symbolic links are refused: a user who may write to the folder could make
 * one. Throws UsageError when it is not a file, another user owns it or may read it, or it cannot be read.
 */
export function readPrivate(file: string): string | null {
  let descriptor: number;
  try {
    // Non-blocking: a pipe in its place must not block this process.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    // FreeBSD says EMLINK.
    if (code === 'ELOOP' || code === 'EMLINK') throw linked(file);
    throw new UsageError(`${file} cannot be read: ${code}`, { cause: error });
  }
  try {
    checkFile(file, fstatSync(descriptor));
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

/** Throws UsageError as `readPrivate` does, but does not read. A missing file is no error. */
export function checkPrivate(file: string): void {
  const found = statOrNull(() => lstatSync(file), file);
  if (found === null) return;
  if (found.isSymbolicLink()) throw linked(file);
  checkFile(file, found);
}

/**
 * Creates the file for this user alone, and its folder when it is missing. The file appears whole or not at all: of several processes
 * that create it at once, one succeeds and the others get EEXIST. Throws the system's error.
 */
export function makePrivate(file: string, text: string): void {
  writePrivate(file, text, linkSync);
}

/** The same, in place of a file that may be there. */
export function replacePrivate(file: string, text: string): void {
  writePrivate(file, text, renameSync);
}

function writePrivate(file: string, text: string, publish: (draft: string, file: string) => void): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  // Not named by the process id: in two containers that share the folder both may have the id 1.
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    writeFileSync(draft, text, { mode: 0o600, flag: 'wx' });
    publish(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * Checks that no other user can replace files of the folder. A missing folder is no error. `sticky`: a folder like /tmp is allowed,
 * in which all users may create files but remove only their own. Throws UsageError.
 */
export function checkFolder(folder: string, { sticky = false } = {}): void {
  const found = statOrNull(() => statSync(folder), folder);
  if (found === null) return;
  if (!found.isDirectory()) throw new UsageError(`${folder} is no folder, expected one: remove it, or name another`);
  checkOwner(folder, found);
  if ((found.mode & otherWriters) === 0 || (sticky && (found.mode & stickyBit) !== 0)) return;
  throw new UsageError(
    `others may write to the folder ${folder} (mode ${modeOf(found)}): chmod go-w ${quoted(folder)}, or name a folder of its own in it`,
  );
}

/** Quotes a path for a command that a person copies into a shell. */
export function quoted(path: string): string {
  return /^[\w./@%+=:,-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}

/** The mode as octal digits: permissions and the sticky bit. */
export function modeOf({ mode }: Pick<Stats, 'mode'>): string {
  return (mode & 0o1777).toString(8);
}

/** Throws UsageError when another user owns it. Files of root are accepted: root can read and write everything anyway. */
export function checkOwner(path: string, { uid }: Pick<Stats, 'uid'>): void {
  // Windows has no owners of this kind.
  const own = process.geteuid?.();
  if (own === undefined || uid === own || uid === 0) return;
  throw new UsageError(`${path} belongs to another user (${uid}): chown ${own} ${quoted(path)}`);
}

function checkFile(file: string, found: Stats): void {
  if (!found.isFile()) throw new UsageError(`${file} is no file, expected one: remove it`);
  checkOwner(file, found);
  if (process.geteuid === undefined || (found.mode & others) === 0) return;
  throw new UsageError(`others may open ${file} (mode ${modeOf(found)}): chmod 600 ${quoted(file)}`);
}

function linked(file: string): UsageError {
  return new UsageError(`${file} is a symbolic link, expected the file itself: move it there`);
}

function statOrNull(stat: () => Stats, path: string): Stats | null {
  try {
    return stat();
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new UsageError(`${path} cannot be looked at: ${code}`, { cause: error });
  }
}
