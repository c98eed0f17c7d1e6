/** Routes and pools of rules of Kubernetes, before their names and cookies are settled. */
import type { WeightedServer } from '../weights.ts';
import type { Part } from '../yaml/part.ts';

export interface Route {
  /** '' for any host. */
  readonly host: string;
  readonly path: string;
  /** The rule means this path only: it goes before a prefix of the same length. */
  readonly exact: boolean;
  readonly methods: readonly string[];
  /** The ports of its listeners; empty for all of them. */
  readonly ports: readonly number[];
  /** The rule, or the match, from which it is. */
  readonly part: Part;
}

export interface Pool {
  /** The preferred names, the best first. */
  readonly names: readonly string[];
  readonly servers: readonly WeightedServer[];
  /** Entries of `affinity`; not used if there is a cookie. */
  readonly affinity: readonly unknown[];
  readonly cookie: PoolCookie | null;
  /** All other fields: balance, whenOwnerFails, retry, timeouts. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface PoolCookie {
  /** Name and path may change when all pools are known. */
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
  /** It has no path of its own, and gets that of its rule. */
  readonly followsPath: boolean;
  readonly part: Part;
}
