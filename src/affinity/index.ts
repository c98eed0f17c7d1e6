/** The affinities by type: one line each. */
import type { AffinityOptions } from '../config/options.ts';
import type { Affinity, NameHash } from './affinity.ts';
import { CookieAffinity } from './cookie.ts';
import { CookiePolicy } from './cookie-policy.ts';
import { ForceAffinity } from './force.ts';
import { HeaderAffinity } from './header.ts';
import { LearnAffinity } from './learn.ts';
import type { NamedDependencies } from './named.ts';
import { PathAffinity } from './path.ts';
import { QueryAffinity } from './query.ts';
import { RewriteAffinity } from './rewrite.ts';
import { RouteAffinity } from './route.ts';
import { SocketIoAffinity } from './socket-io.ts';
import { SourceIpAffinity } from './source-ip.ts';
import { derive, type TokenRings } from './token.ts';

export interface AffinityDependencies {
  /** Name of the pool. */
  readonly pool: string;
  /** Token keys, at least one: the first signs, all verify. */
  readonly keys: readonly Buffer[];
  /** Hashes names for the table. */
  readonly names: NameHash;
  /** Hashes them once more, for the other half of a session id; left out: no one needs it. */
  readonly ids?: NameHash;
  /** What the table knows of a hash by `names`. */
  readonly statusOf: NonNullable<NamedDependencies['statusOf']>;
  /** The servers of the pool speak the session protocol. */
  readonly sessions: boolean;
  /** The table's number for how long the sessions live. */
  readonly lifetime: number;
  /** Seconds by which the clocks of other nodes may be ahead of ours. */
  readonly skew: number;
  /** Told of each token that such a clock has dated. */
  readonly onAhead: () => void;
  /** Told of tokens and cookies of others by our name (cookie.ts). */
  readonly onForeign?: (cookie: string, owner: number | null) => void;
  /** Told of each cookie for which a server has asked for more than is allowed. */
  readonly onLimited: () => void;
  /** Id of a server of the pool. */
  readonly idOf: (server: string) => number | undefined;
  readonly rings: TokenRings;
  /** Fills the words with random bits, cryptographically strong. */
  readonly randomWords: (words: Uint32Array) => void;
}

export function createAffinity(options: AffinityOptions, deps: AffinityDependencies): Affinity {
  switch (options.type) {
    case 'cookie': {
      const { longestIdle } = new CookiePolicy(options);
      const times = { idle: options.idle / 1000, absolute: options.absolute / 1000, longestIdle };
      return new CookieAffinity(options, { ...deps, ring: deps.rings.of(deps.keys, deps.pool, times, deps.skew) });
    }
    case 'rewrite':
      return new RewriteAffinity(options, deps);
    case 'route':
      // The config's check has seen that each server exists.
      return new RouteAffinity(options, (name) => deps.idOf(name)!);
    case 'force':
      return new ForceAffinity(options.key, deps);
    case 'source-ip':
      return new SourceIpAffinity(options, { ...deps, secret: derive(deps.keys[0]!, 'limpet source-ip') });
    case 'learn':
      return new LearnAffinity(options, deps);
    case 'header':
      return new HeaderAffinity(options, deps);
    case 'query':
      return new QueryAffinity(options, deps);
    case 'path':
      return new PathAffinity(options, deps);
    case 'socket.io':
      return new SocketIoAffinity(options, deps);
  }
}
