/**
 * The secret that a balancer and its servers share automatically when both run on one machine as the same user: a file that only this
 * user can read. The balancer creates it, the session library reads it.
 */
import { randomBytes } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { codeOf, UsageError } from '../errors.ts';
import { makePrivate, readPrivate } from './private-file.ts';

/** Characters; a shorter secret could be guessed. */
export const shortestSecret = 32;

/**
 * `LIMPET_SECRET_FILE`, or a file below the home folder of this user. It does not depend on the current folder or the login session: a
 * service and a shell of the same user must find the same file.
 */
export function sessionSecretFile(env: Readonly<Record<string, string | undefined>>): string {
  return env.LIMPET_SECRET_FILE || join(homedir(), '.local', 'state', 'limpet', 'session.secret');
}

/** null: it does not exist. Throws UsageError when another user may read it, it cannot be read, or it holds no secret. */
export function readSessionSecret(file: string): string | null {
  const secret = readPrivate(file)?.trim() ?? null;
  if (secret === null || secret.length >= shortestSecret) return secret;
  throw new UsageError(`${file} holds no secret of ${shortestSecret} characters: remove it, and a new one is made`);
}

/** The same, but creates it when it does not exist; several callers at once get the same secret. Throws UsageError as well when it
 * cannot be created. */
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
