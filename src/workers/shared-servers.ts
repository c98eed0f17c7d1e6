/** Which servers all nodes of a fleet have: a session that begins at another one would bounce between nodes. */
import type { ConfigDigest } from '../nodes/node-report.ts';

export interface OtherNode {
  readonly name: string;
  /** null: not known yet. */
  readonly digest: ConfigDigest | null;
}

export interface SharedServers {
  /** By pool and server, the name of a node that does not have it at that address. */
  readonly missing: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Pools of which no server is on all nodes: the rule is not applied to them. */
  readonly ruledOut: readonly string[];
}

/** `own`: servers by pool, with their addresses. */
export function findShared(own: ConfigDigest['servers'], others: readonly OtherNode[]): SharedServers {
  const missing = new Map<string, Map<string, string>>();
  const ruledOut: string[] = [];
  for (const [pool, servers] of Object.entries(own)) {
    const found = new Map<string, string>();
    for (const [server, address] of Object.entries(servers)) {
      const lacking = others.find(({ digest }) => digest !== null && digest.servers[pool]?.[server] !== address);
      if (lacking !== undefined) found.set(server, lacking.name);
    }
    if (found.size === 0) continue;
    if (found.size === Object.keys(servers).length) ruledOut.push(pool);
    else missing.set(pool, found);
  }
  return { missing, ruledOut };
}
