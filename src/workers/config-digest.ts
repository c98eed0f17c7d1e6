/** What of a config has to be the same on all nodes of a fleet, as short hashes of its fields: no value leaves this node. */
import { createHash, createHmac } from 'node:crypto';
import { effectiveConfig, type Json } from '../config/effective.ts';
import type { LimpetOptions } from '../config/options.ts';
import { formatAddress } from '../net/socket.ts';
import { nameOfKey } from '../nodes/key-ring.ts';
import type { ConfigDigest } from '../nodes/node-report.ts';

/** Settings of `sessions` by which servers and sessions notice on which node they are. */
const sessionFields = ['replication', 'whenStoreFails', 'stateBytes', 'tombstone', 'endings'];

/** `secret`: that of the fleet. `options`: with the servers in force. */
export function digestConfig(options: LimpetOptions, secret: Buffer): ConfigDigest {
  const { routes, clock, pools, sessions, fleet } = effectiveConfig(options);
  const parts: Record<string, string> = { routes: hashOf(routes), clock: hashOf(clock) };
  for (const pool of mapsIn(pools)) {
    for (const [field, value] of Object.entries(pool)) {
      if (field !== 'servers' && field !== 'name') parts[`pools.${String(pool.name)}.${field}`] = hashOf(value);
    }
  }
  parts.keys = options.keys.map(nameOfKey).join(' ');
  parts.sessions = hashOf(sessions !== null);
  for (const field of sessionFields) parts[`sessions.${field}`] = hashOf(mapOf(sessions)[field]);
  parts['fleet.limits'] = hashOf(mapOf(fleet).limits);
  // So few digits that a weak secret cannot be tried out with them.
  const shared = options.sessions?.secret ?? '';
  parts['sessions.secret'] = createHmac('sha256', secret).update(`sessions.secret ${shared}`).digest('hex').slice(0, 3);
  const servers = options.pools.map(
    (pool) =>
      [pool.name, Object.fromEntries(pool.servers.map((one) => [one.name, formatAddress(one.address)]))] as const,
  );
  return { parts, servers: Object.fromEntries(servers) };
}

function hashOf(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(value) ?? '')
    .digest('hex')
    .slice(0, 8);
}

function mapOf(value: Json | undefined): Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, Json>>)
    : {};
}

function mapsIn(value: Json | undefined): Readonly<Record<string, Json>>[] {
  return Array.isArray(value) ? value.map(mapOf) : [];
}
