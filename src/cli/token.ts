/** `limpet token force SERVER`: signs what the affinity `force` accepts, with the key of the config. */
import { forceToken } from '../affinity/force.ts';
import type { LimpetOptions } from '../config/options.ts';
import { UsageError } from '../errors.ts';
import type { Logger } from './log.ts';
import { stateKey } from './state-key.ts';

/** Valid for `lifetime` milliseconds from `now` (the same) on. Throws UsageError when no pool has the server. */
export function signForce(
  { pools, keys, stateDir }: LimpetOptions,
  server: string,
  lifetime: number,
  now: number,
  log: Logger,
): string {
  const names = pools.flatMap((pool) => pool.servers.map(({ name }) => name));
  if (!names.includes(server))
    throw new UsageError(`there is no server "${server}", expected one of ${names.join(', ')}`);
  return forceToken(server, Math.ceil((now + lifetime) / 1000), keys[0] ?? stateKey(stateDir, 'token', log));
}
