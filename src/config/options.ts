/**
 * The filled config: past the door nothing is optional and everything is frozen. Times are milliseconds,
 * sizes are bytes. `config/schema.ts` turns what a person wrote into this; `config/defaults` live there.
 */
import type { Address } from '../net/socket.ts';

export interface LimpetOptions {
  readonly listeners: readonly ListenerOptions[];
  readonly pools: readonly PoolOptions[];
  /** Asked in order; the first that matches serves the request. */
  readonly routes: readonly RouteOptions[];
  /** Worker threads, each with its own event loop and listening sockets. */
  readonly workers: number;
  /** A worker whose event loop has not turned for this long is ended and replaced; 0: never. */
  readonly workerTimeout: number;
  readonly table: TableOptions;
  /** Ring of token keys, at least 32 bytes each: the first signs, all verify. Empty: a generated key, kept in `stateDir`. */
  readonly keys: readonly Buffer[];
  readonly log: LogOptions;
  readonly shutdown: { readonly timeout: number };
  readonly limits: {
    /** Bytes that one worker keeps for slow clients and servers, and for repeats, at most. */
    readonly keptBytes: number;
    /** Connections that one worker makes to servers at one time; beyond it requests queue. */
    readonly connecting: number;
  };
  /** Tokens dated by a clock that is ahead by up to `skew` ms are dated anew; beyond it they are refused. */
  readonly clock: { readonly skew: number };
  /** Folder for what outlives the process, such as a generated key. */
  readonly stateDir: string;
  /** Responses say which server gave them: `Limpet-Server: NAME; epoch=N`. For demos and debugging. */
  readonly identify: boolean;
  readonly resolver: ResolverOptions;
  /** Copies of sessions; null: none are kept. */
  readonly sessions: SessionsOptions | null;
  readonly admin: AdminOptions;
}

/** How the names of servers are looked up. */
export interface ResolverOptions {
  /** DNS servers; empty: those of /etc/resolv.conf. */
  readonly servers: readonly Extract<Address, { readonly kind: 'tcp' }>[];
  /** For one answer of one server. */
  readonly timeout: number;
  /** Times that each of them is asked. */
  readonly attempts: number;
  /** An answer counts at least, and at most, for this long. */
  readonly minTtl: number;
  readonly maxTtl: number;
  /** A name that is not known, or cannot be looked up, is asked for again after this long. */
  readonly retry: number;
  /** Of a name with several addresses one that has not accepted after this long gives way to the next. */
  readonly addressTimeout: number;
  /** Addresses of one name that count. */
  readonly maxAddresses: number;
}

/** Where copies of sessions are kept, and how servers and store talk (docs/reference/session-protocol.md). */
export interface SessionsOptions {
  /** `memory`, `lmdb:` and a folder, or a `redis://` URL. */
  readonly store: string;
  /** sync: the client hears of a change when its copy is safe. async: at once. none: no copies. */
  readonly replication: 'sync' | 'async' | 'none';
  readonly whenStoreFails: 'fail' | 'degrade';
  /** Longest wait for the store. */
  readonly timeout: number;
  /** Copies of one worker that may be under way in `async`. */
  readonly lag: number;
  /** Shared with the servers; '' none was named: cli/share-secret.ts finds one. */
  readonly secret: string;
  /** Of the store interface; 'state': a unix-domain socket in `stateDir`. */
  readonly listen: Address | 'state';
  readonly stateBytes: number;
  /** Ended sessions that may wait until the store can be told. */
  readonly endings: number;
  /** An ended session stays dead for this long. */
  readonly tombstone: number;
  /** Encrypts copies at rest; null: lmdb finds a key by itself, the others keep them as they are. */
  readonly encrypt: Buffer | null;
}

export interface AdminOptions {
  /** 'state': a unix-domain socket in `stateDir`. null: nowhere. */
  readonly listen: Address | 'state' | null;
  /** '' none: then it listens on a unix-domain socket. */
  readonly token: string;
  /** Names of this machine, lower case, beside localhost and the address itself, that a request on TCP may be for. */
  readonly hosts: readonly string[];
}

/** The table of sessions that all workers share. */
export interface TableOptions {
  /** Sessions that fit, 46.5 bytes each; beyond it those longest unseen are forgotten. */
  readonly capacity: number;
  /** Time between two savings to `stateDir`; 0: it is not saved. */
  readonly save: number;
}

export interface LogOptions {
  readonly access: 'off' | 'text' | 'json';
  readonly level: 'debug' | 'info' | 'warn' | 'error';
}

export interface ListenerOptions {
  readonly address: Address;
  readonly reusePort: boolean;
  readonly backlog: number;
  /** Addresses and CIDR blocks of proxies whose X-Forwarded-* and Forwarded are believed. */
  readonly trustedProxies: readonly string[];
  /** Upgrade protocols passed on (lower case). Default websocket. */
  readonly upgrades: readonly string[];
  /** A client that sends FIN after its request still gets its response. Default false: it counts as gone. */
  readonly halfClose: boolean;
  readonly limits: {
    readonly connections: number;
    readonly headBytes: number;
    readonly headers: number;
    readonly uriBytes: number;
    /** 0: no limit. */
    readonly bodyBytes: number;
    /** Read and dropped of a request that was answered before its end. */
    readonly lingerBytes: number;
  };
  readonly timeouts: {
    /** From the first byte of a head to its last. */
    readonly requestHead: number;
    /** Between two pieces of a request body. */
    readonly requestBody: number;
    /** Between the end of a response and the next request. */
    readonly keepAlive: number;
    /** A client that takes no byte of its response for this long. */
    readonly write: number;
    /** A client that goes on sending a request that has been answered. */
    readonly linger: number;
  };
}

export interface PoolOptions {
  readonly name: string;
  readonly servers: readonly PoolServer[];
  /** Name of a policy (balance/index.ts). */
  readonly balance: string;
  /** Bounded load: no server above this multiple of the mean (1.25); 0 no bound. */
  readonly maxLoad: number;
  /** Asked in order; the first that recognises wins, the first that can binds new sessions. */
  readonly affinity: readonly PoolAffinity[];
  readonly whenOwnerFails: WhenOwnerFails;
  /** The owner is at its `maxRequests`: wait for it, make another one the owner, or refuse with 503. */
  readonly whenOwnerFull: 'queue' | 'rebind' | 'reject';
  readonly health: HealthOptions;
  readonly queue: { readonly max: number; readonly timeout: number };
  readonly retry: {
    /** Servers tried in all, the first one included. */
    readonly attempts: number;
    /** Request body kept for a repeat; a longer one cannot be repeated. */
    readonly bufferBody: number;
    /** Time for all attempts until a response begins; 0 no limit. */
    readonly deadline: number;
  };
  readonly timeouts: {
    readonly connect: number;
    /** From the last byte of the request to the first of the response. */
    readonly response: number;
    /** Between two pieces of a response body. */
    readonly responseBody: number;
    /** A pooled connection is closed after this long unused: keep it below the server's own. */
    readonly keepAlive: number;
    readonly tunnel: number;
  };
  /** Idle connections kept to one server. */
  readonly maxIdle: number;
  /** Most requests at a time on one connection to a server; 1: off. */
  readonly pipelining: number;
  /** Of a response's head; a larger one is refused with 502. */
  readonly limits: {
    readonly headBytes: number;
    readonly headers: number;
    /** Interim responses (1xx) to one request in a second; more are refused with 502. */
    readonly interim: number;
    /** Connections that one worker makes to one server at one time; beyond it requests queue. */
    readonly connecting: number;
  };
  /** Its servers speak the session protocol. */
  readonly sessions: boolean;
  readonly rebalance: {
    /** Idle sessions with a copy leave servers that have more than this multiple of the mean; 0: none do. */
    readonly skew: number;
    /** Most of them in a second, of each worker. */
    readonly rate: number;
  };
}

export interface PoolServer {
  readonly name: string;
  readonly address: Address;
  readonly weight: number;
  readonly maxRequests: number;
  /** Of a name with several addresses: any of them is this server, or each is a server of its own. */
  readonly resolve: 'any' | 'all';
}

/** One way to recognise a session, and what holds for the sessions that it recognises. */
export type PoolAffinity = AffinityOptions & {
  /** null: as the pool says. */
  readonly whenOwnerFails: WhenOwnerFails | null;
};

/** `type` names the descriptor (affinity/index.ts), which alone knows the other options. */
export interface AffinityOptions {
  readonly type: string;
}

export type WhenOwnerFails =
  | { readonly action: 'rebind' }
  | { readonly action: 'temporary' }
  | { readonly action: 'reject'; readonly status: number };

export interface HealthOptions {
  readonly active: ActiveOptions | null;
  readonly passive: PassiveOptions | null;
  readonly panicThreshold: number;
  readonly slowStart: number;
}

export interface ActiveOptions {
  /** null: a TCP connect is enough. */
  readonly http: {
    readonly path: string;
    readonly host: string;
    /** Inclusive ranges of good statuses. Default 200-399. */
    readonly status: readonly (readonly [number, number])[];
    /** Text that the first 64 KiB of the body must hold; '' any. */
    readonly body: string;
  } | null;
  readonly interval: number;
  readonly timeout: number;
  /** Good checks in a row that bring a server up. */
  readonly rise: number;
  /** Bad checks in a row that take it down. */
  readonly fall: number;
  /** Share of the interval by which checks are spread, 0 to 1. Default 0.1. */
  readonly jitter: number;
}

export interface PassiveOptions {
  /** Connection errors in a row that eject. */
  readonly connectErrors: number;
  /** 5xx responses in a row that eject; 0: never. */
  readonly serverErrors: number;
  /** First ejection; each further one doubles it up to `maxEjection`. */
  readonly ejection: number;
  readonly maxEjection: number;
}

export interface RouteOptions {
  readonly match: {
    /** Host without port, lower case; `*.example.org` for subdomains; '' any. */
    readonly host: string;
    /** Path prefix on whole segments: /a matches /a and /a/b, not /ab. */
    readonly path: string;
    /** Any of these; empty: every method. */
    readonly methods: readonly string[];
    /** What the path ends in: one of these, lower case without the dot; empty: anything. */
    readonly extensions: readonly string[];
    /** Addresses as `formatAddress` writes them: connections to one of these; empty: every listener. */
    readonly listeners: readonly string[];
  };
  /** Name of the pool. */
  readonly pool: string;
  /** False: this route neither recognises nor binds a session (`affinity: none`). */
  readonly affinity: boolean;
}
