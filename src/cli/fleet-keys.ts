/** The keys of a balancer as its start needs them: those of its fleet, or its own. */
import type { LimpetOptions } from '../config/options.ts';
import { FleetKeyHolder, type FleetKeys, findFleetKeys, readFleetKeys } from '../nodes/fleet-keys.ts';
import { connectFleet, FleetStore } from '../nodes/fleet-store.ts';
import type { RedisConnection } from '../store/redis-connection.ts';
import { systemClock, systemTimers } from '../time/clock.ts';
import type { Logger } from './log.ts';
import { keptKey, stateKey } from './state-key.ts';

export interface StartKeys {
  /** Key of the hashes under which the session table and its file know sessions. */
  readonly tableSecret: Buffer;
  /** Sign and verify the tokens when the config names no keys. */
  readonly tokenKeys: () => readonly Buffer[];
  /** null: there is no fleet. */
  readonly fleetKeys: FleetKeyHolder | null;
}

/** Throws UsageError when there are none. */
export async function findKeys(options: LimpetOptions, log: Logger): Promise<StartKeys> {
  const { stateDir, fleet, keys } = options;
  // Not a token key: those rotate, and the sessions of a saved table must still be found.
  const ownSecret = () => stateKey(stateDir, 'table', log);
  const ownKey = () => stateKey(stateDir, 'token', log);
  if (fleet === null) return { tableSecret: ownSecret(), tokenKeys: () => [ownKey()], fleetKeys: null };
  let connection: RedisConnection | null = null;
  const open = async (): Promise<FleetStore> => {
    connection = await connectFleet(fleet, () => systemClock.now(), systemTimers);
    await connection.ready();
    return new FleetStore(connection);
  };
  const now = () => Math.round(systemClock.now());
  try {
    const found = await findFleetKeys({ stateDir, hasKeys: keys.length > 0, open, ownSecret, ownKey, now, log });
    const fleetKeys = new FleetKeyHolder(found, stateDir, log);
    return { tableSecret: found.secret, tokenKeys: () => keysOf(fleetKeys), fleetKeys };
  } finally {
    (connection as RedisConnection | null)?.close();
  }
}

/** What a command on the machine of a balancer finds in its state folder; creates nothing. */
export function keptKeys({ stateDir, fleet }: LimpetOptions): readonly Buffer[] {
  const copy = fleet === null ? null : readFleetKeys(stateDir);
  if (copy !== null) return keysOf(copy);
  const own = keptKey(stateDir, 'token');
  return own === null ? [] : [own];
}

/** The secret under which the saved table knows sessions; null: there is none. */
export function keptSecret({ stateDir, fleet }: LimpetOptions): Buffer | null {
  return (fleet === null ? null : readFleetKeys(stateDir)?.secret) ?? keptKey(stateDir, 'table');
}

function keysOf({ ring }: Pick<FleetKeys, 'ring'>): readonly Buffer[] {
  return ring?.map(({ key }) => key) ?? [];
}
