/** The secret between balancer and servers where the config names none: made by itself, and read by servers of the same user. */
import { randomBytes } from 'node:crypto';
import type { LimpetOptions } from '../config/options.ts';
import { UsageError } from '../errors.ts';
import { makeSessionSecret, sessionSecretFile } from '../secrets/session-secret.ts';
import type { Logger } from './log.ts';

/**
 * The options with a secret: what a server is told of sessions is always signed, and the store interface always asks. Where the
 * file cannot be made the secret is of this process alone, with a warning. Throws UsageError: somebody else may read the file.
 */
export function shareSecret(
  options: LimpetOptions,
  env: Readonly<Record<string, string | undefined>>,
  log: Logger,
): LimpetOptions {
  const { sessions } = options;
  if (sessions === null || sessions.secret !== '') return options;
  const file = sessionSecretFile(env);
  let secret: string;
  try {
    secret = makeSessionSecret(file);
    log.info(`sessions: servers of this user find the secret in ${file}; others need sessions.secret`);
  } catch (error) {
    // Without a cause it is there, and not as it has to be: that is to be mended.
    if (!(error instanceof UsageError) || error.cause === undefined) throw error;
    secret = randomBytes(32).toString('hex');
    log.warn(`sessions: ${error.message}: no server can share it. Set sessions.secret, or LIMPET_SECRET_FILE`);
  }
  return { ...options, sessions: { ...sessions, secret } };
}
