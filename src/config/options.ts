/**
 * The options of the balancer: a checked config in which every default is filled in. Nothing is optional, and everything is frozen.
 * Times are milliseconds, sizes are bytes. `config/read.ts` makes it from what a person wrote.
 */
import type { AbuseLimits } from '../http/h2/abuse.ts';
import type { Address } from '../net/socket.ts';

export interface LimpetOptions {
  readonly listeners: readonly ListenerOptions[];
  readonly pools: readonly PoolOptions[];
  /** Tried in order; the first one that matches the request is used. */
  readonly routes: readonly RouteOptions[];
  /** Worker threads, each with its own event loop and listening sockets. */
  readonly workers: number;
  /** A worker whose event loop is blocked for this long is ended and replaced; 0: never. */
  readonly workerTimeout: number;
  readonly table: TableOptions;
  /** Token keys, at least 32 bytes each: the first signs, all verify. Empty: a generated key in `stateDir`. */
  readonly keys: readonly Buffer[];
  readonly log: LogOptions;
  /** null: requests have no id. */
  readonly requestId: RequestIdOptions | null;
  /** null: the headers of trace context pass like any other. */
  readonly tracing: TracingOptions | null;
  readonly shutdown: { readonly timeout: number };
  readonly limits: {
    /** The most bytes that one worker buffers for slow clients and servers, and for retries. */
    readonly keptBytes: number;
    /** The most connections to servers that one worker opens at one time; further requests wait. */
    readonly connecting: number;
  };
  /** A token that was dated by a clock up to `skew` ahead of ours gets the present date; beyond that it is refused. */
  readonly clock: { readonly skew: number };
  /** Folder for files that are kept after the process ends, such as a generated key. */
  readonly stateDir: string;
  /** Adds `Limpet-Server: NAME; epoch=N` to responses, for demos and debugging. */
  readonly identify: boolean;
  readonly resolver: ResolverOptions;
  /** Copies of sessions; null: there are none. */
  readonly sessions: SessionsOptions | null;
  /** null: this is the only balancer of its pools. */
  readonly fleet: FleetOptions | null;
  readonly admin: AdminOptions;
}

/** Several balancers that serve the same pools. */
export interface FleetOptions {
  /** Address of the store that they share, and of the copies of sessions. */
  readonly store: string;
  /** Name of this balancer, for people; '': the host name and the first digits of its id. */
  readonly name: string;
  /** What happens to a session whose owner fails while the store does not answer. */
  readonly whenStoreLost: 'keep' | 'reject';
  /** Time after which an operation of the store has failed. */
  readonly timeout: number;
  /** A balancer that has not renewed its lease for this long is gone. */
  readonly lease: number;
  /** The most owners of names that clients chose that one worker records in a second. */
  readonly newKeys: number;
  /** The most moves and ends of each pool that the store keeps for balancers that were away. */
  readonly history: number;
  /** Whether `maxRequests` of a server holds for each balancer or for all together. */
  readonly limits: 'node' | 'fleet';
}

/** How the host names of servers are resolved. */
export interface ResolverOptions {
  /** DNS servers; empty: those of /etc/resolv.conf. */
  readonly servers: readonly Extract<Address, { readonly kind: 'tcp' }>[];
  /** For one response of one DNS server. */
  readonly timeout: number;
  /** Number of queries to each DNS server. */
  readonly attempts: number;
  /** Bounds of the time for which a response is used. */
  readonly minTtl: number;
  readonly maxTtl: number;
  /** Until the next query for a name that does not exist or could not be resolved. */
  readonly retry: number;
  /** When a name has several addresses: time to connect to one of them before the next one is tried. */
  readonly addressTimeout: number;
  /** The most addresses of one name that are used. */
  readonly maxAddresses: number;
}

/** Where copies of sessions are kept, and how servers reach the store (docs/reference/session-protocol.md). */
export interface SessionsOptions {
  /** Address of a store (store/addresses.ts). */
  readonly store: string;
  /** sync: the response to a change waits until its copy is stored. async: it does not wait. none: no copies. */
  readonly replication: 'sync' | 'async' | 'none';
  readonly whenStoreFails: 'fail' | 'degrade';
  /** Time after which an operation of the store has failed. */
  readonly timeout: number;
  /** With `async`: the most copies of one worker that are not stored yet. */
  readonly lag: number;
  /** Shared with the servers; '': the config has none, and cli/share-secret.ts provides one. */
  readonly secret: string;
  /** Address of the store interface; 'state': a unix-domain socket in `stateDir`. */
  readonly listen: Address | 'state';
  readonly stateBytes: number;
  /** The most ended sessions of which the store does not know yet. */
  readonly endings: number;
  /** For this long no late write can revive a session that has ended. */
  readonly tombstone: number;
  /** Key that encrypts copies at rest; null: a store on a disk makes its own key, other stores do not encrypt. */
  readonly encrypt: Buffer | null;
}

export interface AdminOptions {
  /** 'state': a unix-domain socket in `stateDir`. null: nowhere. */
  readonly listen: Address | 'state' | null;
  /** '': no token, which is possible on a unix-domain socket only. */
  readonly token: string;
  /** A second token, which may only read; '': there is none. */
  readonly readToken: string;
  /** Host names, in lower case, that a request on TCP may have, beside localhost and the address itself. */
  readonly hosts: readonly string[];
  /** null: plain HTTP. On TCP only. */
  readonly tls: AdminTlsOptions | null;
}

/** Paths of PEM files. */
export interface AdminTlsOptions {
  readonly cert: string;
  readonly key: string;
  /** The authorities that commands of this config trust; null: those of the runtime, and what is in `cert`. */
  readonly ca: string | null;
}

/** The session table, which all workers share. */
export interface TableOptions {
  /** The most sessions, 46.5 bytes each; beyond that those unused for longest are forgotten. */
  readonly capacity: number;
  /** Time between two writes to `stateDir`; 0: it is not written. */
  readonly save: number;
}

/** From whom something is accepted: from every client, from trusted proxies, or from nobody. */
export type Acceptance = 'always' | 'trusted' | 'never';

export interface RequestIdOptions {
  readonly header: string;
  readonly accept: Acceptance;
  /** The client is told. */
  readonly respond: boolean;
}

export interface TracingOptions {
  readonly accept: Acceptance;
  /** The share of sampled traces among those that begin here, 0 to 1. */
  readonly sample: number;
  /** null: nothing is exported. */
  readonly export: TraceExportOptions | null;
}

/** Export of spans by OTLP over HTTP. */
export interface TraceExportOptions {
  /** URL of the receiver of traces. */
  readonly endpoint: string;
  /** They may hold secrets. */
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  readonly interval: number;
  readonly timeout: number;
  /** The most spans that wait. */
  readonly queue: number;
}

export interface LogOptions {
  /** null: no access log. */
  readonly access: AccessLogOptions | null;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
}

export interface AccessLogOptions {
  /** Name of a format or a template (metrics/access-formats.ts). */
  readonly format: string;
  /** The share of requests that have a line, beside all that failed. */
  readonly sample: number;
  /** Where lines go; both null: to stdout. */
  readonly file: LogFileOptions | null;
  readonly syslog: SyslogOptions | null;
}

export interface LogFileOptions {
  readonly path: string;
  /** A file that would become larger is renamed; 0: never. */
  readonly size: number;
  /** So many renamed files are kept. */
  readonly keep: number;
}

export interface SyslogOptions {
  /** unix: a stream socket. */
  readonly protocol: 'udp' | 'tcp' | 'unix';
  readonly address: Address;
  /** RFC 5424 section 6.2.1. */
  readonly facility: number;
  readonly tag: string;
}

/** Versions of HTTP on a connection. */
export type HttpVersion = 'h1' | 'h2';

export type MinTlsVersion = 'TLSv1.2' | 'TLSv1.3';

export interface ListenerOptions {
  readonly address: Address;
  /** In order of preference. `h2` without TLS: by prior knowledge (h2c). */
  readonly protocols: readonly HttpVersion[];
  /** null: plain HTTP. */
  readonly tls: ListenerTlsOptions | null;
  /** Requests over plain HTTP are redirected to the same URL with https. `port` 0: that of the listener with TLS. */
  readonly redirect: { readonly port: number } | null;
  /** Strict-Transport-Security of responses over TLS; null: none is added. */
  readonly hsts: HstsOptions | null;
  /** Paths on which liveness and readiness are told; null: on none. */
  readonly probes: { readonly live: string | null; readonly ready: string | null } | null;
  readonly reusePort: boolean;
  readonly backlog: number;
  /** Addresses and CIDR blocks of proxies whose X-Forwarded-* and Forwarded are accepted. */
  readonly trustedProxies: readonly string[];
  /** Upgrade protocols that are passed on, in lower case. */
  readonly upgrades: readonly string[];
  /** A client that sends FIN after its request still gets its response. False: its request is aborted. */
  readonly halfClose: boolean;
  readonly limits: {
    readonly connections: number;
    readonly headBytes: number;
    readonly headers: number;
    readonly uriBytes: number;
    /** 0: no limit. */
    readonly bodyBytes: number;
    /** The most bytes that are read and discarded of a request whose response was complete before its end. */
    readonly lingerBytes: number;
    readonly h2: H2LimitOptions;
  };
  readonly timeouts: {
    /** From the TCP connection to the end of the TLS handshake. */
    readonly handshake: number;
    /** From the first byte of a head to its last. */
    readonly requestHead: number;
    /** Between two pieces of a request body. */
    readonly requestBody: number;
    /** Between the end of a response and the next request. */
    readonly keepAlive: number;
    /** Without a byte of the response that the client has taken. */
    readonly write: number;
    /** While a client continues to send a request whose response is complete. */
    readonly linger: number;
  };
}

/** Files are read and checked by certificates/. */
export interface ListenerTlsOptions {
  /** The first is the default. 'auto': a local certificate authority in `stateDir` makes one. */
  readonly certificates: readonly CertificateOptions[] | 'auto';
  readonly minVersion: MinTlsVersion;
  /** OpenSSL names of TLS 1.2 ciphers; '': the default list. */
  readonly ciphers: string;
  /** null: none are asked for. */
  readonly clientCertificates: ClientCertificateOptions | null;
}

/** Paths of files. */
export interface CertificateOptions {
  readonly cert: string;
  readonly key: string;
  /** null: no OCSP response is stapled. */
  readonly ocsp: string | null;
}

export interface ClientCertificateOptions {
  /** Path of a file. */
  readonly ca: string;
  readonly require: boolean;
  /** Names of request headers as the config has them; '': not sent. */
  readonly headers: { readonly subject: string; readonly fingerprint: string; readonly altNames: string };
}

/** Strict-Transport-Security. */
export interface HstsOptions {
  /** Milliseconds; 0: browsers forget it. */
  readonly maxAge: number;
  readonly includeSubdomains: boolean;
  readonly preload: boolean;
}

export interface H2LimitOptions {
  /** The most requests at one time on one connection. */
  readonly streams: number;
  readonly headerTableBytes: number;
  /** Bytes of a request body, and of all of a connection, that may be on the way to this side. */
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
  readonly perMinute: AbuseLimits;
}

export interface PoolOptions {
  readonly name: string;
  readonly servers: readonly PoolServer[];
  /** Version of HTTP that the servers get. `h2` without TLS: by prior knowledge. */
  readonly protocol: HttpVersion;
  /** null: plain connections. */
  readonly tls: PoolTlsOptions | null;
  /** Name of a policy (balance/index.ts). */
  readonly balance: string;
  /** Bounded load: no server gets a new session above this multiple of the mean load, such as 1.25; 0: no bound. */
  readonly maxLoad: number;
  /** Tried in order: the first one that recognises the session is used; else the first one that can begins a new session. */
  readonly affinity: readonly PoolAffinity[];
  readonly whenOwnerFails: WhenOwnerFails;
  /** When the owner is at its `maxRequests`: wait for it, make another server the owner, or refuse with 503. */
  readonly whenOwnerFull: 'queue' | 'rebind' | 'reject';
  readonly health: HealthOptions;
  readonly queue: { readonly max: number; readonly timeout: number };
  readonly retry: {
    /** The most servers that are tried, including the first one. */
    readonly attempts: number;
    /** The most bytes of a request body that are kept for a retry; a longer body cannot be sent again. */
    readonly bufferBody: number;
    /** Time for all attempts until a response begins; 0: no limit. */
    readonly deadline: number;
  };
  readonly timeouts: {
    readonly connect: number;
    /** From the last byte of the request to the first of the response. */
    readonly response: number;
    /** Between two pieces of a response body. */
    readonly responseBody: number;
    /** An idle connection is closed after this time, which should be shorter than the server's own. */
    readonly keepAlive: number;
    readonly tunnel: number;
  };
  /** The most idle connections to one server. */
  readonly maxIdle: number;
  /** The most requests at one time on one connection to a server; 1: no pipelining. */
  readonly pipelining: number;
  /** Limits of a response's head; beyond them the response is refused with 502. */
  readonly limits: {
    readonly headBytes: number;
    readonly headers: number;
    /** The most interim responses (1xx) to one request in a second; beyond that it is refused with 502. */
    readonly interim: number;
    /** The most connections to one server that one worker opens at one time; further requests wait. */
    readonly connecting: number;
    /** With `protocol` h2: the most connections of one worker to one server, and the most requests at one time on each. */
    readonly h2Connections: number;
    readonly h2Streams: number;
  };
  /** The servers speak the session protocol. */
  readonly sessions: boolean;
  readonly rebalance: {
    /** Idle sessions with a copy leave a server that has more than this multiple of the mean; 0: never. */
    readonly skew: number;
    /** The most such moves of one worker in a second. */
    readonly rate: number;
  };
  /** When streams and tunnels of a drained server are asked to leave, and when they are closed; `deadline` 0: never. */
  readonly drain: { readonly grace: number; readonly deadline: number };
  /** Servers are told of sessions that come from another server (`Limpet-Affinity`). */
  readonly notifyMoves: boolean;
  /** The balancer is ready only while this pool has a server that takes new sessions. */
  readonly countsForReadiness: boolean;
}

/** A program beside each server that says what it wants (health/agent.ts). */
export interface AgentOptions {
  /** At the host of the server, unless `address` is set: then one agent is asked about all servers, by name. */
  readonly port: number;
  readonly address: Address | null;
  readonly interval: number;
}

export interface PoolTlsOptions {
  /** '': the host name in the address of the server, and none where that is an IP address. */
  readonly sni: string;
  /** Path of a file; null: the authorities of the runtime. */
  readonly ca: string | null;
  /** Paths of files; both or neither. */
  readonly cert: string | null;
  readonly key: string | null;
  readonly verify: boolean;
  readonly minVersion: MinTlsVersion;
}

export interface PoolServer {
  readonly name: string;
  readonly address: Address;
  readonly weight: number;
  readonly maxRequests: number;
  /** When its host name has several addresses: any of them is this server, or each one is a server of its own. */
  readonly resolve: 'any' | 'all';
}

/** One way to recognise a session, and the settings of the sessions that it recognises. */
export type PoolAffinity = AffinityOptions & {
  /** null: the setting of the pool. */
  readonly whenOwnerFails: WhenOwnerFails | null;
};

/** The other options are known to the descriptor of this type only (affinity/index.ts). */
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
  /** null: servers have no agents. */
  readonly agent: AgentOptions | null;
  readonly panicThreshold: number;
  readonly slowStart: number;
}

export interface ActiveOptions {
  /** gRPC health checking of this service, '' for the whole server; null: see `http`. */
  readonly grpc: { readonly service: string } | null;
  /** null, and no `grpc`: a server is up when it accepts a TCP connection, and with `tls` completes the handshake. */
  readonly http: {
    readonly path: string;
    readonly host: string;
    /** Inclusive ranges of statuses that mean up. */
    readonly status: readonly (readonly [number, number])[];
    /** Text that the first 64 KiB of the body must contain; '': any body. */
    readonly body: string;
  } | null;
  readonly interval: number;
  readonly timeout: number;
  /** Successful checks in a row after which a server is up. */
  readonly rise: number;
  /** Failed checks in a row after which it is down. */
  readonly fall: number;
  /** Random part of the interval, 0 to 1. */
  readonly jitter: number;
}

export interface PassiveOptions {
  /** Connection errors in a row after which a server is ejected. */
  readonly connectErrors: number;
  /** 5xx responses in a row after which it is ejected; 0: never. */
  readonly serverErrors: number;
  /** Duration of the first ejection; each further one is twice as long, up to `maxEjection`. */
  readonly ejection: number;
  readonly maxEjection: number;
}

export interface RouteOptions {
  readonly match: {
    /** Host without port, in lower case; `*.example.org` for subdomains; '': any host. */
    readonly host: string;
    /** Path prefix of whole segments: /a matches /a and /a/b, not /ab. */
    readonly path: string;
    /** One of these methods; empty: every method. */
    readonly methods: readonly string[];
    /** The path ends in one of these extensions, in lower case and without the dot; empty: any path. */
    readonly extensions: readonly string[];
    /** The listener is one of these, written as by `formatAddress`; empty: every listener. */
    readonly listeners: readonly string[];
  };
  /** Name of the pool. */
  readonly pool: string;
  /** False: no session is recognised or begun on this route (`affinity: none`). */
  readonly affinity: boolean;
}
