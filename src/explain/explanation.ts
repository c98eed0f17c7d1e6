/** The result of `limpet explain`. `--json` prints it as it is, so its field names are documented (docs/guide/explain.md). */
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
 * owner: the session's owner. new: a new session, for which the policy chooses a server. unbound: a request without a session, for which
 * the policy chooses a server. adopt: a name without an owner, for which hashing chooses the owner. rebind: a new owner.
 * temporary: another server for this request. reject: no server.
 */
export type DecisionKind = 'owner' | 'new' | 'unbound' | 'adopt' | 'rebind' | 'temporary' | 'reject';

export interface Explanation {
  readonly request: {
    /** null when it could not be read. */
    readonly line: string | null;
    /** The changes that were made to the capture before it was read. */
    readonly notes: readonly string[];
  };
  /** ISO 8601. */
  readonly now: string;
  /** Where the token keys come from. none: there are none, so no token can be verified. */
  readonly keys: 'config' | 'state' | 'none';
  /** The session table that the balancer saved: owners are as of that time. */
  readonly table: {
    /** none: nothing is saved. unusable: there is something, but it cannot be used. */
    readonly source: 'saved' | 'none' | 'unusable';
    /** ISO 8601; null without a table. */
    readonly savedAt: string | null;
    /** Sessions that were loaded from it. */
    readonly sessions: number;
    /** A sentence for people. */
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
  /** The session as it came with the request; null: none was recognised. */
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
  /** The owner of that session; null also for a name without an owner. `server` null: the pool no longer has that server. */
  readonly owner: {
    readonly server: string | null;
    readonly state: 'up' | 'draining' | 'down' | 'gone';
    /** Where this is known from. fixed: a map or a signed text. */
    readonly source: 'token' | 'table' | 'hash' | 'fixed';
    /** 0: sessions of this affinity do not change owners. */
    readonly epoch: number;
  } | null;
  /** The pool's servers in the state that was assumed. */
  readonly servers: readonly { readonly name: string; readonly state: 'up' | 'draining' | 'down' }[];
  /** So many servers are down that all are used (panic threshold). */
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
  /** The head that the last server would get; null: no server would get one. */
  readonly toServer: string | null;
  /** The response to the client when the server responds with a plain 200. */
  readonly toClient: {
    readonly status: number;
    /** With `<token>` for the token. */
    readonly setCookies: readonly string[];
    /** Why there is a Set-Cookie, or none. */
    readonly reason: string;
    readonly fault: {
      readonly code: string;
      readonly text: string;
      /** The place where the head is refused; null when the reason is the head as a whole, or not in the head. */
      readonly at: Position | null;
    } | null;
  };
}
