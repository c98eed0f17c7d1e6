/** Joins the servers of several services, so that each service keeps its share of new sessions. */

export interface FoundServer {
  /** The name of the pod, which stays the same when its address changes. */
  readonly name: string | undefined;
  readonly address: string;
  /** The address is that of a Service: the cluster picks a pod for each connection. */
  readonly shared?: true;
  /** Each address that the name resolves to is a server. */
  readonly resolve?: 'all';
}

export interface WeightedServer extends FoundServer {
  readonly weight: number;
}

/** The servers of one service, and the weight that they have together. */
export interface Share {
  readonly servers: readonly FoundServer[];
  readonly weight: number;
}

const maxWeight = 65_535;

/** Two servers with the same address become one. */
export function weigh(shares: readonly Share[]): WeightedServer[] {
  const merged = new Map<string, { server: FoundServer; weight: number }>();
  const isOnly = shares.length === 1;
  for (const { servers, weight } of shares) {
    for (const server of servers) {
      const { address } = server;
      const known = merged.get(address);
      const more = isOnly ? 1 : weight / servers.length;
      if (known === undefined) merged.set(address, { server, weight: more });
      else if (!isOnly) known.weight += more;
    }
  }
  const weights = wholeNumbers([...merged.values()].map(({ weight }) => weight));
  const names = new Set(merged.keys());
  return [...merged.values()].map(({ server }, index) => {
    const { name } = server;
    const keepsName = name !== undefined && !names.has(name);
    if (keepsName) names.add(name);
    return { ...server, name: keepsName ? name : undefined, weight: weights[index] ?? 1 };
  });
}

/** Like `weigh`, for servers that have weights within their service. */
export function mergeShares(
  shares: readonly { readonly servers: readonly WeightedServer[]; readonly weight: number }[],
): readonly WeightedServer[] {
  const [only, ...more] = shares;
  if (only !== undefined && more.length === 0) return only.servers;
  return weigh(
    shares.flatMap(({ servers, weight }) => {
      const sum = servers.reduce((total, server) => total + server.weight, 0) || 1;
      return servers.map((server) => ({ servers: [server], weight: (weight * server.weight) / sum }));
    }),
  );
}

/** The smallest whole numbers with the same ratios, or close ratios if the numbers would be too large. */
function wholeNumbers(weights: readonly number[]): number[] {
  const least = Math.min(...weights.filter((weight) => weight > 0));
  if (!Number.isFinite(least)) return weights.map(() => 0);
  for (let factor = 1; factor <= 1000; factor++) {
    const scaled = weights.map((weight) => (weight / least) * factor);
    if (scaled.every((weight) => Math.abs(weight - Math.round(weight)) < 1e-6 * factor)) return capped(scaled);
  }
  return capped(weights.map((weight) => (weight / least) * 1000));
}

function capped(weights: readonly number[]): number[] {
  const divisor = Math.max(1, Math.max(...weights) / maxWeight);
  return weights.map((weight) => (weight === 0 ? 0 : Math.max(1, Math.round(weight / divisor))));
}
