/** Routes and pools of rules of Kubernetes, before their names and cookies are settled. */
import type { WeightedServer } from '../weights.ts';
import type { Part } from '../yaml/part.ts';

export interface Route {
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

export interface Pool {
  /** The names it would like, best first. */
  readonly names: readonly string[];
  readonly servers: readonly WeightedServer[];
  /** As written; empty for none. Not asked when there is a cookie. */
  readonly affinity: readonly unknown[];
  readonly cookie: PoolCookie | null;
  /** All else: balance, whenOwnerFails, retry, timeouts. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface PoolCookie {
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
