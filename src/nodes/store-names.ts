/** Names of what the balancers of a fleet keep in their store. One hash tag: a beat is one step in a cluster, too. */
const tag = '{limpet-fleet}';

export const storeNames = {
  secret: `${tag}:secret`,
  keys: `${tag}:keys`,
  nodes: `${tag}:nodes`,
  servers: `${tag}:servers`,
  revision: `${tag}:revision`,
} as const;

/** Where the digest of a config stands, by its hash: most nodes have the same one. */
export function digestName(hash: string): string {
  return `${tag}:config:${hash}`;
}

/** Channel on which a node says that there is something new. */
export const wakeChannel = 'limpet-fleet';
