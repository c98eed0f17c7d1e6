/** The secret between balancer and servers when the config has none: created here, and read by servers of the same user. */
import { randomBytes } from 'node:crypto';
import type { LimpetOptions } from '../config/options.ts';
import { UsageError } from '../errors.ts';
import { makeSessionSecret, sessionSecretFile } from '../secrets/session-secret.ts';
import type { Logger } from './log.ts';

/**
 * The options with a secret, so that session headers are always signed, and the store interface always checks. When the file cannot
 * be created, the secret is valid for this process only, with a warning. Throws UsageError when other users may read the file.
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
    // Without a cause, the file exists but its owner or mode is wrong: the user has to correct that.
    if (!(error instanceof UsageError) || error.cause === undefined) throw error;
    secret = randomBytes(32).toString('hex');
    log.warn(`sessions: ${error.message}: no server can share it. Set sessions.secret, or LIMPET_SECRET_FILE`);
  }
  return { ...options, sessions: { ...sessions, secret } };
}
