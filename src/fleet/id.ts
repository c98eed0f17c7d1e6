/** Ids of servers: what tokens and stores name instead of an address. Equal on every node that has the same secret. */
import { createHmac } from 'node:crypto';

/** From which the ids of a pool's servers are made: servers of the same name in two pools are two servers. */
export function idSecret(pool: string, key: Buffer): Buffer {
  return createHmac('sha256', key).update(`limpet servers ${pool}`).digest();
}

/**
 * HMAC-SHA-256 of the name, cut to its first 48 bits, never 0 (that is "no server"). It depends on no other server: two
 * names of a pool may happen to have the same id (fleet/membership.ts refuses them).
 */
export function serverId(name: string, secret: Buffer): number {
  const digest = createHmac('sha256', secret).update('limpet server ').update(name).digest();
  return digest.readUIntBE(0, 6) || 1;
}
