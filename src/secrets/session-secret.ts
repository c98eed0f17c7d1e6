/**
 * The secret that a balancer and the servers behind it share without anybody's doing where both run on one machine and as one
 * user: a file that only this user can read. The balancer makes it, the session library reads it.
 */
import { randomBytes } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { codeOf, UsageError } from '../errors.ts';
import { makePrivate, readPrivate } from './private-file.ts';

/** Characters: what is shorter could be guessed. */
export const shortestSecret = 32;

/**
 * `LIMPET_SECRET_FILE`, or a file below the home of this user. Not of the folder or the session that one of them runs in: a
 * service and a shell of one user have to find the same.
 */
export function sessionSecretFile(env: Readonly<Record<string, string | undefined>>): string {
  return env.LIMPET_SECRET_FILE || join(homedir(), '.local', 'state', 'limpet', 'session.secret');
}

/** null: there is none. Throws UsageError: somebody else may read it, it cannot be read, or it holds no secret. */
export function readSessionSecret(file: string): string | null {
  const secret = readPrivate(file)?.trim() ?? null;
  if (secret === null || secret.length >= shortestSecret) return secret;
  throw new UsageError(`${file} holds no secret of ${shortestSecret} characters: remove it, and a new one is made`);
}

/** The same, made if there is none: all who ask at once get the same. Throws UsageError, also when it cannot be made. */
export function makeSessionSecret(file: string): string {
  const kept = readSessionSecret(file);
  if (kept !== null) return kept;
  const made = randomBytes(32).toString('hex');
  try {
    makePrivate(file, `${made}\n`);
    return made;
  } catch (error) {
    const winner = codeOf(error) === 'EEXIST' ? readSessionSecret(file) : null;
    if (winner !== null) return winner;
    throw new UsageError(`${file} cannot be made: ${codeOf(error)}`, { cause: error });
  }
}
