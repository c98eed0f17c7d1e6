/** `limpet token force SERVER`: signs what the affinity `force` accepts, with the key of the config. */
import { forceToken } from '../affinity/force.ts';
import type { LimpetOptions } from '../config/options.ts';
import { UsageError } from '../errors.ts';
import { keptKeys } from './fleet-keys.ts';
import type { Logger } from './log.ts';
import { stateKey } from './state-key.ts';

/**
 * Valid for `lifetime` milliseconds from `now` (milliseconds) on. `wanted` is the name of a server, or `pool/name`. Throws UsageError
 * when no pool has it, or when several have it and the pool is not named.
 */
export function signForce(options: LimpetOptions, wanted: string, lifetime: number, now: number, log: Logger): string {
  const { pools, keys, stateDir } = options;
  const all = pools.flatMap(({ name: pool, servers }) => servers.map(({ name }) => ({ pool, name })));
  const [found, second] = all.filter(({ pool, name }) => wanted === name || wanted === `${pool}/${name}`);
  const names = all.map(({ pool, name }) => `${pool}/${name}`).join(', ');
  if (found === undefined) throw new UsageError(`there is no server "${wanted}", expected one of ${names}`);
  if (second !== undefined) throw new UsageError(`several pools have a server "${wanted}": name one of ${names}`);
  return forceToken(
    found.pool,
    found.name,
    Math.ceil((now + lifetime) / 1000),
    keys[0] ?? keptKeys(options)[0] ?? stateKey(stateDir, 'token', log),
  );
}
