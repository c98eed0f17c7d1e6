/** Ids of servers: what a token names instead of an address. Equal on every node that has the same secret. */
import { createHmac } from 'node:crypto';
import { UsageError } from '../errors.ts';

/** From which the ids of a pool's servers are made: servers of the same name in two pools are two servers. */
export function idSecret(pool: string, key: Buffer): Buffer {
  return createHmac('sha256', key).update(`limpet servers ${pool}`).digest();
}

/**
 * One id for each name, same order: HMAC-SHA-256 cut to its first 48 bits, never 0 (that is "no server").
 * Throws UsageError when a name is given twice, or when two names have the same id (one pool of
 * 10,000 servers in five million).
 */
export function serverIds(names: readonly string[], secret: Buffer): number[] {
  const owners = new Map<number, string>();
  return names.map((name) => {
    const digest = createHmac('sha256', secret).update('limpet server ').update(name).digest();
    const id = digest.readUIntBE(0, 6) || 1;
    const owner = owners.get(id);
    if (owner === name) throw new UsageError(`two servers are named "${name}": give each its own name`);
    if (owner !== undefined) {
      throw new UsageError(`the servers "${owner}" and "${name}" happen to get the same id: rename one of them`);
    }
    owners.set(id, name);
    return id;
  });
}
