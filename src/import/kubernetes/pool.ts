/** What a rule leads to: its pool as it will be written, and the servers of several Services by the weights of a split. */
import type { Part } from '../yaml/part.ts';

export interface RouteDraft {
  /** '' any. */
  readonly host: string;
  readonly path: string;
  /** The rule wanted this path alone: it goes before a prefix of the same length. */
  readonly exact: boolean;
  readonly methods: readonly string[];
  /** Of the listeners on which it counts; none: of all. */
  readonly ports: readonly number[];
  /** Where it stands. */
  readonly part: Part;
}

export interface PoolDraft {
  /** The names it would like, best first. */
  readonly names: readonly string[];
  readonly servers: readonly WeighedServer[];
  /** As written; empty for none. Not asked when there is a cookie. */
  readonly affinity: readonly unknown[];
  readonly cookie: CookieDraft | null;
  /** All else: balance, whenOwnerFails, retry, timeouts. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface CookieDraft {
  /** As written. Name and path are settled when all pools are known. */
  readonly fields: {
    name?: string;
    path?: string;
    domain?: string;
    sameSite?: string;
    secure?: string;
    lifetime?: string;
    idle?: string;
    absolute?: string;
  };
  /** It goes where its rule goes, for want of a path of its own. */
  readonly followsPath: boolean;
  readonly part: Part;
}

export interface FoundServer {
  /** Of the pod: it stays when the address changes. */
  readonly name: string | undefined;
  readonly address: string;
  /** The name of a Service, behind which the cluster picks a pod. */
  readonly shared?: true;
  /** Each address of the name is a server. */
  readonly resolve?: 'all';
}

export interface WeighedServer extends FoundServer {
  readonly weight: number;
}

/** Servers of one Service, and the share of new sessions that they have together. */
export interface Share {
  readonly servers: readonly FoundServer[];
  readonly weight: number;
}

const heaviest = 65_535;

/** One list in which each share weighs what it weighed among the Services; an address that comes twice is one server. */
export function weigh(shares: readonly Share[]): WeighedServer[] {
  const merged = new Map<string, { server: FoundServer; weight: number }>();
  const alone = shares.length === 1;
  for (const { servers, weight } of shares) {
    for (const server of servers) {
      const { address } = server;
      const known = merged.get(address);
      const more = alone ? 1 : weight / servers.length;
      if (known === undefined) merged.set(address, { server, weight: more });
      else if (!alone) known.weight += more;
    }
  }
  const weights = wholeNumbers([...merged.values()].map(({ weight }) => weight));
  const names = new Set(merged.keys());
  return [...merged.values()].map(({ server }, index) => {
    const { name } = server;
    const own = name !== undefined && !names.has(name);
    if (own) names.add(name);
    return { ...server, name: own ? name : undefined, weight: weights[index] ?? 1 };
  });
}

/** The smallest whole numbers of the same proportions, or nearly the same where those would be too large. */
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
  const shrink = Math.max(1, Math.max(...weights) / heaviest);
  return weights.map((weight) => (weight === 0 ? 0 : Math.max(1, Math.round(weight / shrink))));
}
