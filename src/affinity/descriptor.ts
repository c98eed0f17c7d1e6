/**
 * All that the balancer has to know of one way to recognise sessions: its options in a config, its checks, its flag, how long its
 * sessions live, how explanations speak of it, and how it is made. Config, command line, session table and explanations ask the
 * descriptors that `index.ts` lists; none of them knows an affinity by name.
 */
import type { z } from 'zod';
import type { FieldKinds } from '../config/field-kinds.ts';
import type { AffinityOptions, LimpetOptions, PoolOptions } from '../config/options.ts';
import type { RequestHead } from '../http/head.ts';
import type { Affinity, NameHash } from './affinity.ts';
import type { SessionStatus } from './session-status.ts';
import type { TokenRings } from './token.ts';

/** Optional members are what only some affinities have. Methods get options that the schema has filled. */
export interface AffinityDescriptor<Options extends AffinityOptions> {
  /** Its name in a config, `Affinity.name` and the first word in the session table. */
  readonly type: Options['type'];
  /** One sentence for the reference of the config. */
  readonly meaning: string;
  /** What a person may write behind the type, and how it becomes the options. */
  schema(kinds: FieldKinds): z.ZodType<Options>;
  /**
   * The type alone is enough, in a config and on the command line, because every option has a default. Messages name such types in
   * the order of these numbers.
   */
  readonly wordRank?: number;
  /** `--affinity TYPE:VALUE` of the command line. */
  readonly flag?: AffinityFlag;

  /** It gives new sessions their id (`Affinity.begin`). */
  readonly binds?: true;
  /** It recognises every request, so that no affinity behind it is ever asked. */
  readonly recognisesAll?: true;
  /** Its sessions have an id of their own, by which a store can keep a copy. */
  readonly hasIds?: true;
  /** Its clients carry a signed token of ours (token.ts), with the owner and the epoch in it. */
  readonly issuesTokens?: true;
  /** What the client carries names the owner, but no epoch: only the session table knows whether the session has moved. */
  readonly withoutEpoch?: true;
  /** A response may name a session that the request did not have. */
  readonly learns?: true;

  /** Reports what is wrong with the options, alone or beside the rest of the config. */
  check?(options: Options, report: AffinityReport): void;
  /** Where a request carries the id of a session. Of two affinities with the same source the first recognises all. */
  sourcesOf?(options: Options): IdSource[];
  /** The cookies that it sets at the client. */
  cookiesOf?(options: Options): OwnCookies;
  /** How long the session table keeps its sessions. null: it keeps nothing of them. */
  timesOf(options: Options): SessionTimes | null;
  /** What tells apart the sessions of two affinities of the same type: the other part of their name in the session table. */
  tableNameOf(options: Options): string;

  /** Why the request was recognised, for `limpet explain`. Left out: it brings a name in one of `sourcesOf`. */
  recognised?(options: Options, request: RequestHead): string;
  /** Why it was not. Left out: there is no name in `sourcesOf`. */
  missing?(options: Options, request: RequestHead, peerTrusted: boolean): string;
  /** Why a response of 200 sets no cookie of ours. Left out: it tells the client nothing. `changed`: as `Session.changed`. */
  untold?(options: Options, pool: string, changed: boolean): string;

  create(options: Options, dependencies: AffinityDependencies): Affinity;
}

export interface AffinityFlag {
  /** What stands behind the colon, in the help: `COOKIE`. */
  readonly value: string;
  /** How that is checked. */
  schema(kinds: FieldKinds): z.ZodType;
  /** What it is in a config, behind the type. */
  written(value: string): unknown;
}

/** Milliseconds; 0: no limit. */
export interface SessionTimes {
  /** Without a request. A full table forgets those longest unseen, whatever this says. */
  readonly idle: number;
  /** Since the session began. */
  readonly absolute: number;
}

/** A place in a request where the id of a session may stand. */
export interface IdSource {
  /** As explanations say it: `cookie SID`. */
  readonly text: string;
  /** As checks of a config say it: `the cookie "SID"`. */
  readonly quoted: string;
}

export interface OwnCookies {
  readonly names: readonly string[];
  readonly path: string;
  /** '': only the host. */
  readonly domain: string;
}

/** The config around an affinity, and where to report what is wrong with it. */
export interface AffinityReport {
  readonly config: LimpetOptions;
  readonly pool: PoolOptions;
  /** Its index in the pool's list. */
  readonly index: number;
  /** Index of the affinity that binds the new sessions of the pool; -1: none does. */
  readonly binder: number;
  /** Names of the cookies that the affinities of the pool set. */
  readonly ownCookies: readonly string[];
  /** What is wrong with the name of a server of the pool, if it is to stand for one server; null: nothing. */
  serverFlaw(name: string): string | null;
  /** At the field of its options; `[]`: the options as a whole. `'entry'`: its place in the pool's list. */
  error(field: readonly string[] | 'entry', text: string): void;
  warning(field: readonly string[] | 'entry', text: string): void;
}

export interface AffinityDependencies {
  /** Name of the pool. */
  readonly pool: string;
  /** Token keys, at least one: the first signs, all verify. */
  readonly keys: readonly Buffer[];
  /** Hashes names for the table. */
  readonly names: NameHash;
  /** Another hash of names, for the other half of a session id; left out: no one needs it. */
  readonly ids?: NameHash;
  /** What the table knows of a hash by `names`. */
  readonly statusOf: (hi: number, lo: number, now: number) => SessionStatus;
  /** The servers of the pool speak the session protocol. */
  readonly sessions: boolean;
  /** The table's number for how long the sessions live. */
  readonly lifetime: number;
  /** Seconds by which the clocks of other nodes may be ahead of ours. */
  readonly skew: number;
  /** Called for each token that such a clock has dated. */
  readonly onAhead: () => void;
  /** Called for tokens and cookies of others by our name (cookie.ts). */
  readonly onForeign?: (cookie: string, owner: number | null) => void;
  /** Called for each cookie for which a server has asked for more than is allowed. */
  readonly onLimited: () => void;
  /** Id of a server of the pool. */
  readonly idOf: (server: string) => number | undefined;
  readonly rings: TokenRings;
  /** Fills the words with random bits, cryptographically strong. */
  readonly randomWords: (words: Uint32Array) => void;
}
