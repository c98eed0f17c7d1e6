/** What `limpet explain` tells. The names of the fields are contract (docs/guide/explain.md); `--json` prints it as it is. */
import type { Position } from './capture.ts';

/** ended: the app has ended the session of that name a moment ago. */
export type AffinityResult =
  | 'recognised'
  | 'none'
  | 'invalid'
  | 'foreign'
  | 'idle'
  | 'old'
  | 'ahead'
  | 'ended'
  | 'not-asked';

/**
 * owner: the session's own server. new: the policy gives a new session its server. unbound: the policy gives a request
 * without a session a server. adopt: hashing gives a name that nobody owns a server, which is its owner from then on.
 * rebind: a new owner. temporary: another server for this time. reject: none.
 */
export type DecisionKind = 'owner' | 'new' | 'unbound' | 'adopt' | 'rebind' | 'temporary' | 'reject';

export interface Explanation {
  readonly request: {
    /** null when it could not be read. */
    readonly line: string | null;
    /** What was done to the capture before it was read. */
    readonly notes: readonly string[];
  };
  /** ISO 8601. */
  readonly now: string;
  /** Where the token keys come from. none: there are none, so no token can be verified. */
  readonly keys: 'config' | 'state' | 'none';
  /** The session table that the balancer saved: what is said of owners is as of then. */
  readonly table: {
    /** none: nothing is saved. unusable: there is something, but it cannot be used. */
    readonly source: 'saved' | 'none' | 'unusable';
    /** ISO 8601; null without a table. */
    readonly savedAt: string | null;
    /** Sessions that have come back from it. */
    readonly sessions: number;
    /** For a person. */
    readonly note: string;
  };
  readonly listener: string;
  readonly client: {
    /** After X-Forwarded-For of trusted proxies; '' on a unix-domain socket. */
    readonly address: string;
    readonly peer: string;
    readonly trusted: boolean;
  };
  readonly route: {
    /** Position in `routes`, from 0. */
    readonly index: number;
    readonly match: {
      readonly host: string;
      readonly path: string;
      readonly methods: readonly string[];
      readonly extensions: readonly string[];
      readonly listeners: readonly string[];
    };
    readonly pool: string;
    readonly affinity: boolean;
  } | null;
  /** In the order in which they are asked. */
  readonly affinities: readonly {
    readonly name: string;
    readonly result: AffinityResult;
    /** The pool to which an invalid token belongs. */
    readonly otherPool: string | null;
    readonly reason: string;
  }[];
  /** As it came with the request; null when none was recognised. */
  readonly session: {
    readonly affinity: string;
    /** As in the access log; null when the session has no id (a place by hash or by a fixed map). */
    readonly tag: string | null;
    /** 0: the request names none. The owner's may be higher. */
    readonly epoch: number;
    /** ISO 8601, as a token or, for a name, the table says it; null when neither does. */
    readonly born: string | null;
    /** The date of the token; null without one. */
    readonly dated: string | null;
    /** When the table saw the session last; null when it does not know it. */
    readonly seen: string | null;
  } | null;
  /** Where that session lives; null also for a name that nobody owns. `server` null: on one that the pool no longer has. */
  readonly owner: {
    readonly server: string | null;
    readonly state: 'up' | 'draining' | 'down' | 'gone';
    /** Who says so. fixed: a map or a signed text. */
    readonly source: 'token' | 'table' | 'hash' | 'fixed';
    /** 0: its place cannot change owners. */
    readonly epoch: number;
  } | null;
  /** The pool's servers as they are taken to be. */
  readonly servers: readonly { readonly name: string; readonly state: 'up' | 'draining' | 'down' }[];
  /** So many servers are down that none is believed to be. */
  readonly panic: boolean;
  /** Connections that would be made, in order. */
  readonly attempts: readonly { readonly server: string; readonly result: 'answered' | 'refused' }[];
  readonly decision: {
    readonly kind: DecisionKind;
    readonly server: string | null;
    /** False: another one may be chosen under load, or by chance. */
    readonly certain: boolean;
    readonly reason: string;
  };
  /** The head that the last server asked would see; null when none would. */
  readonly toServer: string | null;
  /** What the client would get for a plain 200 of the server. */
  readonly toClient: {
    readonly status: number;
    /** With `<token>` for the token. */
    readonly setCookies: readonly string[];
    /** Why there is a Set-Cookie, or none. */
    readonly reason: string;
    readonly fault: {
      readonly code: string;
      readonly text: string;
      /** Where the reader stops; null when the head as a whole, or no byte of it, is the reason. */
      readonly at: Position | null;
    } | null;
  };
}
