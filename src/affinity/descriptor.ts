/**
 * The description of one way to recognise sessions: its options in a config, its checks, its flag on the command line, how long its
 * sessions live, the texts of its explanations, and how it is made. Config, command line, session table and explanations use the
 * descriptors in the list of `index.ts`; none of them knows an affinity by name.
 */
import type { z } from 'zod';
import type { FieldKinds } from '../config/field-kinds.ts';
import type { AffinityOptions, LimpetOptions, PoolOptions } from '../config/options.ts';
import type { RequestHead } from '../http/head.ts';
import type { Affinity, NameHash, RecognitionView } from './affinity.ts';
import type { SessionStatus } from './session-status.ts';
import type { TokenRings } from './token.ts';

/** The methods get options that its own schema has filled. */
export interface AffinityDescriptor<Options extends AffinityOptions> {
  /** The name of the affinity in a config, in `Affinity.name`, and of its sessions in the session table. */
  readonly type: Options['type'];
  /** One sentence for the reference of the config. */
  readonly meaning: string;
  /**
   * What a config may have as the value of `type`, and how it becomes the options. Write `FieldKinds` at the parameter: without it the
   * package's declarations cannot name the types of zod.
   */
  schema(kinds: FieldKinds): z.ZodType<Options>;
  /**
   * Every option has a default, so the type alone is enough in a config and on the command line. Messages name these types in the
   * order of these numbers.
   */
  readonly wordRank?: number;
  /** `--affinity TYPE:VALUE` of the command line. */
  readonly flag?: AffinityFlag;

  /** It begins new sessions (`Affinity.begin`). */
  readonly binds?: true;
  /** It recognises every request, so an affinity after it in the list is never used. */
  readonly recognisesAll?: true;
  /** Each session has an id of its own, under which a store can keep its copy. */
  readonly hasIds?: true;
  /** Its clients get a signed token with the owner and the epoch (token.ts). */
  readonly issuesTokens?: true;
  /** What the client sends names the owner but no epoch: only the session table knows whether the session has moved. */
  readonly withoutEpoch?: true;
  /** A response may name a session that the request did not name (`Affinity.learn`). */
  readonly learns?: true;

  /** Reports what is wrong with the options, by themselves or together with the rest of the config. */
  check?(options: Options, report: AffinityReport): void;
  /** The parts of a request that name a session. Of two affinities with the same source the second never recognises anything. */
  sourcesOf?(options: Options): IdSource[];
  /** The cookies that it sets at the client. */
  cookiesOf?(options: Options): OwnCookies;
  /** How long the session table keeps its sessions. null: it keeps nothing of them. */
  timesOf(options: Options): SessionTimes | null;
  /** Tells the sessions of two affinities of the same type apart: the second part of their name in the session table. */
  tableNameOf(options: Options): string;

  /** For `limpet explain`: why the request was recognised. Left out: it has a name in one of `sourcesOf`. */
  whyRecognised?(options: Options, request: RequestHead): string;
  /** For `limpet explain`: why it was not. Left out: there is no name in `sourcesOf`. */
  whyNotRecognised?(options: Options, request: RequestHead, peerTrusted: boolean): string;
  /** For `limpet explain`: why a plain 200 gets no Set-Cookie. Left out: it never gets one. `isDue`: the client needs a new token. */
  whyNoCookie?(options: Options, pool: string, isDue: boolean): string;

  create(options: Options, dependencies: AffinityDependencies): Affinity;
}

export interface AffinityFlag {
  /** The value in the help: `COOKIE`. */
  readonly value: string;
  /** Checks a value. */
  schema(kinds: FieldKinds): z.ZodType;
  /** The same as a config has it, as the value of the type. */
  written(value: string): unknown;
}

/** Milliseconds; 0: no limit. */
export interface SessionTimes {
  /** Since the last request. A full table forgets the sessions that were unused for longest, whatever this says. */
  readonly idle: number;
  /** Since the session began. */
  readonly absolute: number;
}

/** A part of a request that may name a session. */
export interface IdSource {
  /** As explanations write it: `cookie SID`. */
  readonly text: string;
  /** As checks of a config write it: `the cookie "SID"`. */
  readonly quoted: string;
}

export interface OwnCookies {
  readonly names: readonly string[];
  readonly path: string;
  /** '': only the host. */
  readonly domain: string;
}

/** For `check`: the config around an affinity, and where to report. */
export interface AffinityReport {
  readonly config: LimpetOptions;
  readonly pool: PoolOptions;
  /** Its index in the pool's list. */
  readonly index: number;
  /** Index of the affinity that binds the new sessions of the pool; -1: none does. */
  readonly binder: number;
  /** Names of the cookies that the affinities of the pool set. */
  readonly ownCookies: readonly string[];
  /** What is wrong with a name that has to stand for exactly one server of the pool; null: nothing. */
  serverFlaw(name: string): string | null;
  /** `field`: path of an option; `[]`: the options as a whole; `'entry'`: the affinity's entry in the pool's list. */
  error(field: readonly string[] | 'entry', text: string): void;
  warning(field: readonly string[] | 'entry', text: string): void;
}

export interface AffinityDependencies {
  /** Name of the pool. */
  readonly pool: string;
  /** Token keys, at least one: the first signs, all verify. */
  readonly keys: readonly Buffer[];
  /** Of hashes by which clients are placed: all balancers that a client may come to have the same. */
  readonly hashKey: Buffer;
  /** Hashes names for the table. */
  readonly names: NameHash;
  /** Another hash of names, for the other half of a session id; left out: the pool has no copies of sessions. */
  readonly ids?: NameHash;
  /** What the session table knows of a session, by the hash of `names`. */
  readonly statusOf: (hi: number, lo: number, now: number) => SessionStatus;
  /** The servers of the pool speak the session protocol. */
  readonly sessions: boolean;
  /** Number under which the session table knows the lifetimes. */
  readonly lifetime: number;
  /** Seconds by which the clocks of other nodes may be ahead of ours. */
  readonly skew: number;
  /** Called for each token that such a clock has dated. */
  readonly onAhead: () => void;
  /** Called for each valid token of a cookie. */
  readonly onValid?: (token: RecognitionView) => void;
  /** Called for tokens and cookies of another Limpet with our cookie name (cookie.ts). */
  readonly onForeign?: (cookie: string, owner: number | null) => void;
  /** Called for each cookie for which a server has chosen attributes beyond what is allowed. */
  readonly onLimited: () => void;
  /** Id of a server of the pool. */
  readonly idOf: (server: string) => number | undefined;
  readonly rings: TokenRings;
  /** Fills the words with random bits, cryptographically strong. */
  readonly randomWords: (words: Uint32Array) => void;
}
