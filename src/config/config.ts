/**
 * The config as a person writes it: every field with its meaning and its default.
 * Made by `npm run schema` from src/config/schema.ts. Edit there.
 */

/** A time: up to four numbers with `h`, `m`, `s` or `ms`, such as `500ms`, `30s` or `1h30m`. */
export type Time = string;

/** A time such as `30s`; `off` or `0` for none. */
export type TimeOrOff = string | 0;

/** A number of bytes, also with `k`, `M` or `G` (units of 1,024): `65536`, `64k`, `1M`. */
export type Size = string | number;

/** A number, or its digits as text, which is what an environment variable gives. */
export type Numeric = number | `${number}`;

/** Also as text, which is what an environment variable gives. */
export type Flag = boolean | 'true' | 'false';

/**
 * What `defineConfig` takes and a config file holds.
 *
 * @example
 * ```ts
 * const config: Config = {
 *   listeners: [{ address: ':8080' }],
 *   pools: { shop: { servers: ['app1:3000', 'app2:3000'], affinity: [{ cookie: { idle: '30m' } }] } },
 * };
 * ```
 */
export interface Config {
  /** Where clients connect. */
  readonly listeners: readonly ListenerConfig[];
  /** Sets of servers of which each can serve the same requests, by name. */
  readonly pools: { readonly [name: string]: PoolConfig };
  /**
   * Tried in order: the first that matches gives the pool that serves the request. With one pool they may be left out:
   * it serves all requests.
   */
  readonly routes?: readonly RouteConfig[];
  /**
   * Secrets that sign the tokens, 32 bytes or more each, in hex, base64 or plain text: the first signs, all verify.
   * None: a key is generated and kept in `stateDir`. Take them from the environment. Default: none.
   */
  readonly keys?: readonly string[];
  /** What is logged. */
  readonly log?: LogConfig;
  /**
   * Each request has an id, by which it is found in the logs of all who serve it. `{}`: with the defaults. Default:
   * none.
   */
  readonly requestId?: RequestIdConfig;
  /**
   * Distributed tracing: W3C Trace Context (`traceparent`, `tracestate`) is continued or begun, and spans are exported.
   * Default: none: the headers of trace context pass like any other.
   */
  readonly tracing?: TracingConfig;
  /** SIGTERM and SIGINT: nothing new is accepted, and open exchanges are finished. */
  readonly shutdown?: ShutdownConfig;
  /** What the balancer may use of this machine. */
  readonly limits?: LimitsConfig;
  /** How far the clocks of nodes that share sessions may differ. */
  readonly clock?: ClockConfig;
  /** How the names of servers are looked up: in the background, never for a request. */
  readonly resolver?: ResolverConfig;
  /** Worker threads, each with its own event loop and listening sockets. `auto`: one for each core. Default: `auto`. */
  readonly workers?: 'auto' | Numeric;
  /**
   * A worker whose event loop has not turned for this long is ended and replaced. `off`: never (for a debugger).
   * Default: `10s`.
   */
  readonly workerTimeout?: TimeOrOff;
  /** The table of sessions, which all workers share. */
  readonly table?: TableConfig;
  /**
   * Folder for what outlives the process, such as a generated key and the saved table. The environment variable
   * `LIMPET_STATE` takes precedence. Default: `.limpet`.
   */
  readonly stateDir?: string;
  /**
   * Copies of sessions, for servers that speak the session protocol. A change takes effect with a restart only.
   * Default: none.
   */
  readonly sessions?: SessionsConfig;
  /**
   * Several balancers side by side, of which each may get any request: they share one store. A change takes effect with
   * a restart only. Default: none: this is the only balancer of its pools.
   */
  readonly fleet?: FleetConfig;
  /** The admin listener, through which a running balancer is queried and changed. */
  readonly admin?: AdminConfig;
  /**
   * Responses say which server gave them: `Limpet-Server: NAME; epoch=N`. For demos and debugging. Default: `false`.
   */
  readonly identify?: Flag;
}

/** Where clients connect. */
export interface ListenerConfig {
  /** Where clients connect: `127.0.0.1:8080`, `[::1]:8080`, `:8080` for all interfaces, `unix:/run/limpet.sock`. */
  readonly address: string;
  /**
   * Versions of HTTP that clients may use, the preferred one first. `h2` without `tls` is for clients that begin with
   * it (prior knowledge), such as gRPC. Default: `[h2, h1]` with `tls`, else `[h1]`.
   */
  readonly protocols?: readonly ('h1' | 'h2')[];
  /**
   * HTTPS, with these certificates. Files that change are read again, without effect on open connections. `auto`: for
   * development, see `certificates`. Default: none: plain HTTP.
   */
  readonly tls?: 'auto' | ListenerTlsConfig;
  /**
   * `https`: requests over plain HTTP are redirected to the same URL with `https` (301; 308 for methods other than GET
   * and HEAD), unless a route names this listener. The port is that of the listener with `tls`; `https:443` names it
   * where clients know it by another one. Default: none.
   */
  readonly redirect?: string;
  /**
   * Browsers that have been here by HTTPS use nothing else for this long (`Strict-Transport-Security`), such as `1y`.
   * Sent over TLS only. Default: none.
   */
  readonly hsts?: Time | ListenerHstsConfig;
  /**
   * Paths on which GET and HEAD tell load balancers and orchestrators whether Limpet works. They go before all routes
   * and `redirect`, to no server, and are not in the access log. Default: none.
   */
  readonly probes?: ListenerProbesConfig;
  /** Several processes share the port (`SO_REUSEPORT`). Default: `false`. */
  readonly reusePort?: Flag;
  /** Kernel queue of connections not accepted yet. Bun decides by itself. From 1 to 65,535. Default: `511`. */
  readonly backlog?: Numeric;
  /** Addresses and CIDR blocks of proxies whose `X-Forwarded-*` and `Forwarded` are believed. Default: none. */
  readonly trustedProxies?: readonly string[];
  /** Upgrade protocols that are passed on. Default: `websocket`. */
  readonly upgrades?: readonly string[];
  /**
   * A client that closes its sending side after the request still gets its response. `false`: it counts as
   * disconnected. Default: `false`.
   */
  readonly halfClose?: Flag;
  /** What a client may send. */
  readonly limits?: ListenerLimitsConfig;
  /** How long a client may take. */
  readonly timeouts?: ListenerTimeoutsConfig;
}

/**
 * HTTPS, with these certificates. Files that change are read again, without effect on open connections. `auto`: for
 * development, see `certificates`.
 */
export interface ListenerTlsConfig {
  /**
   * The first one is also for clients that name no host, or one that no certificate has. `auto`, for development: a
   * certificate for `localhost` and the addresses of the listeners, made by a local certificate authority that is kept
   * in `tls/` of `stateDir`. It is renewed in time. The authority can sign only for `localhost`, `.local`, `.internal`,
   * `.test`, `.home.arpa`, `.lan` and private addresses.
   */
  readonly certificates: 'auto' | readonly ListenerTlsCertificateConfig[];
  /** Oldest version of TLS: `"1.2"` or `"1.3"`. Default: `1.2`. */
  readonly minVersion?: '1.2' | '1.3' | 1.2 | 1.3;
  /**
   * Ciphers of TLS 1.2: OpenSSL names with colons between them, as openssl ciphers prints them. Empty: Mozilla's
   * "intermediate" list. Those of TLS 1.3 are always allowed. Default: empty.
   */
  readonly ciphers?: string;
  /** Clients show a certificate (mutual TLS). Default: none are asked for. */
  readonly clientCertificates?: ListenerTlsClientCertificatesConfig;
}

/**
 * The first one is also for clients that name no host, or one that no certificate has. `auto`, for development: a
 * certificate for `localhost` and the addresses of the listeners, made by a local certificate authority that is kept in
 * `tls/` of `stateDir`. It is renewed in time. The authority can sign only for `localhost`, `.local`, `.internal`,
 * `.test`, `.home.arpa`, `.lan` and private addresses.
 */
export interface ListenerTlsCertificateConfig {
  /**
   * PEM file: the certificate, then those of the authorities that signed it. The host names are read from it. Several
   * certificates may have the same names when their keys are of different kinds (RSA and ECDSA): clients get the one
   * that they understand. A relative path begins at the current folder, as for `stateDir`.
   */
  readonly cert: string;
  /** PEM file: its private key, without a passphrase. */
  readonly key: string;
  /**
   * File of an OCSP response (DER) for the certificate, which is sent with it. It has to be kept fresh by a program
   * such as `openssl ocsp`. On Node only. Default: none.
   */
  readonly ocsp?: string;
}

/** Clients show a certificate (mutual TLS). */
export interface ListenerTlsClientCertificatesConfig {
  /** PEM file: certificates of the authorities that sign those of clients. */
  readonly ca: string;
  /**
   * A client without a certificate is refused in the handshake. `false`: it is served, without these headers. A
   * certificate that does not verify is always refused. Default: `true`.
   */
  readonly require?: Flag;
  /**
   * Request headers in which servers get what is in a verified certificate. Headers of these names that a client sends
   * are removed. Empty: not sent.
   */
  readonly headers?: ListenerTlsClientCertificatesHeadersConfig;
}

/**
 * Request headers in which servers get what is in a verified certificate. Headers of these names that a client sends
 * are removed. Empty: not sent.
 */
export interface ListenerTlsClientCertificatesHeadersConfig {
  /** Gets its subject as RFC 4514 writes it: `CN=alice,O=Example`. Default: empty. */
  readonly subject?: string;
  /** Gets its SHA-256 fingerprint: 64 hexadecimal digits in lower case. Default: empty. */
  readonly fingerprint?: string;
  /** Gets its alternative names: `DNS:a.example, URI:spiffe://example/a, email:a@example.org`. Default: empty. */
  readonly altNames?: string;
}

/**
 * Browsers that have been here by HTTPS use nothing else for this long (`Strict-Transport-Security`), such as `1y`.
 * Sent over TLS only.
 */
export interface ListenerHstsConfig {
  /** How long browsers keep to HTTPS: a time such as 1y, 26w, 365d or 12h, at most 100y. `0s`: they forget it. */
  readonly maxAge: Time;
  /** For all subdomains too. Default: `false`. */
  readonly includeSubdomains?: Flag;
  /**
   * Agrees to the lists that are built into browsers (hstspreload.org), from which a name is removed slowly. Default:
   * `false`.
   */
  readonly preload?: Flag;
}

/**
 * Paths on which GET and HEAD tell load balancers and orchestrators whether Limpet works. They go before all routes and
 * `redirect`, to no server, and are not in the access log.
 */
export interface ListenerProbesConfig {
  /** Answered with 200 while the event loop of every worker turns, else with 503. Default: none. */
  readonly live?: string;
  /**
   * Answered with 200 when it is live, a worker listens, the store answers, and each pool has a server that takes new
   * sessions (those with `countsForReadiness: false` excepted); else with 503. Default: none.
   */
  readonly ready?: string;
}

/** What a client may send. */
export interface ListenerLimitsConfig {
  /** Most open connections; one more is refused with 503. From 1 to 10,000,000. Default: `100000`. */
  readonly connections?: Numeric;
  /** Largest request line and headers together; more is refused with 431. Default: `16k`. */
  readonly headBytes?: Size;
  /** Most headers of a request; more are refused with 431. From 1 to 10,000. Default: `100`. */
  readonly headers?: Numeric;
  /** Longest request target; a longer one is refused with 414. Default: `8k`. */
  readonly uriBytes?: Size;
  /** Largest request body; a larger one is refused with 413. 0: no limit. Default: `0`. */
  readonly bodyBytes?: Size;
  /**
   * After a response that is sent before the request has ended, the rest of the request is read and dropped up to this
   * many bytes, so that a client that writes everything before it reads still gets the response. Beyond it the
   * connection is closed. Default: `1G`.
   */
  readonly lingerBytes?: Size;
  /** Limits of HTTP/2. Its header lists have those of `headBytes` and `headers`. */
  readonly h2?: ListenerLimitsH2Config;
}

/** Limits of HTTP/2. Its header lists have those of `headBytes` and `headers`. */
export interface ListenerLimitsH2Config {
  /**
   * Most requests at one time on one connection; one more is refused (REFUSED_STREAM). From 1 to 65,535. Default:
   * `100`.
   */
  readonly streams?: Numeric;
  /** Largest table of header fields (HPACK) that a client may use. Default: `4k`. */
  readonly headerTableBytes?: Size;
  /** Bytes of one request body that may be on the way before the server has taken any. Default: `256k`. */
  readonly streamWindowBytes?: Size;
  /** The same of all request bodies of one connection. Default: `1M`. */
  readonly connectionWindowBytes?: Size;
  /**
   * What costs a client little and this side much, of one connection in a minute. More closes the connection
   * (ENHANCE_YOUR_CALM).
   */
  readonly perMinute?: ListenerLimitsH2PerMinuteConfig;
}

/**
 * What costs a client little and this side much, of one connection in a minute. More closes the connection
 * (ENHANCE_YOUR_CALM).
 */
export interface ListenerLimitsH2PerMinuteConfig {
  /**
   * Requests that the client resets before they are complete (CVE-2023-44487). From 1 to 1,000,000,000. Default:
   * `1000`.
   */
  readonly resets?: Numeric;
  /**
   * Errors of the client by which it makes this side reset a stream (CVE-2025-8671). From 1 to 1,000,000,000. Default:
   * `100`.
   */
  readonly forcedResets?: Numeric;
  /** Requests beyond `streams`. From 1 to 1,000,000,000. Default: `200`. */
  readonly refusedStreams?: Numeric;
  /** PING frames without a response to a request between them. From 1 to 1,000,000,000. Default: `600`. */
  readonly pings?: Numeric;
  /** SETTINGS frames. From 1 to 1,000,000,000. Default: `100`. */
  readonly settings?: Numeric;
  /** DATA frames that hold and end nothing, and frames of unknown types. From 1 to 1,000,000,000. Default: `1000`. */
  readonly emptyFrames?: Numeric;
  /**
   * WINDOW_UPDATE frames, beyond ten for each DATA frame that the client gets. From 1 to 1,000,000,000. Default:
   * `2000`.
   */
  readonly windowUpdates?: Numeric;
  /** PRIORITY frames. From 1 to 1,000,000,000. Default: `1000`. */
  readonly priorities?: Numeric;
  /** CONTINUATION frames (CVE-2024-27316). From 1 to 1,000,000,000. Default: `1000`. */
  readonly continuations?: Numeric;
  /** Frames of streams that are closed. From 1 to 1,000,000,000. Default: `5000`. */
  readonly closedStreamFrames?: Numeric;
  /** GOAWAY frames. From 1 to 1,000,000,000. Default: `100`. */
  readonly goaways?: Numeric;
}

/** How long a client may take. */
export interface ListenerTimeoutsConfig {
  /** With `tls`: longest time from the connection to the end of the handshake; then it is closed. Default: `10s`. */
  readonly handshake?: Time;
  /** Longest time from the first byte of a request head to its last; then 408. Default: `10s`. */
  readonly requestHead?: Time;
  /** Longest time between two pieces of a request body; then 408. Default: `30s`. */
  readonly requestBody?: Time;
  /** Longest time between the end of a response and the next request; then the connection is closed. Default: `1m`. */
  readonly keepAlive?: Time;
  /** A connection whose client accepts no byte of its response for this long is closed. Default: `30s`. */
  readonly write?: Time;
  /**
   * After a response that is sent before the request has ended, the rest of the request is read and dropped for this
   * long; then the connection is closed. Default: `1m`.
   */
  readonly linger?: Time;
}

/** Sets of servers of which each can serve the same requests, by name. */
export interface PoolConfig {
  /** The servers. One that is only an address has that address as its name. */
  readonly servers: readonly (string | number | ServerConfig)[];
  /**
   * What a host name with several addresses stands for. `any`: one server, whose addresses are tried in turn. `all`:
   * one server for each address, named `NAME@ADDRESS`. Default: `any`.
   */
  readonly resolve?: 'any' | 'all';
  /**
   * Version of HTTP that the servers get. `h2`, which gRPC needs, without `tls` is begun with at once (prior
   * knowledge). Default: `h1`.
   */
  readonly protocol?: 'h1' | 'h2';
  /**
   * Connections to the servers use TLS, health checks too. `true`: with all defaults. A server whose certificate does
   * not verify gets no request. Default: `false`.
   */
  readonly tls?: Flag | PoolTlsConfig;
  /** Where new sessions go. Default: `least-requests`. */
  readonly balance?: 'round-robin' | 'least-requests' | 'two-choices' | 'random' | 'rendezvous' | 'maglev';
  /**
   * Bounded load: no server takes a new session above this multiple of the mean, such as 1.25. 0: no bound. From 0 to
   * 100. Default: `0`.
   */
  readonly maxLoad?: Numeric;
  /**
   * How sessions are recognised: a list, tried in order. The first affinity that recognises a request decides, and the
   * first that is able to do so binds new sessions. `none`: no affinity. Default: `cookie`.
   */
  readonly affinity?:
    | 'cookie'
    | 'source-ip'
    | 'socket.io'
    | 'client-certificate'
    | 'none'
    | readonly ('cookie' | 'source-ip' | 'socket.io' | 'client-certificate' | AffinityConfig)[];
  /**
   * What happens to a session whose server has failed. `rebind`: it moves to another server and stays there.
   * `temporary`: another server serves it until its own is back. `reject`: its requests are refused with a status.
   * Default: `rebind`.
   */
  readonly whenOwnerFails?: 'rebind' | 'temporary' | 'reject' | RejectConfig;
  /**
   * What happens to a request of a session whose server is at its `maxRequests`. `queue`: it waits. `rebind`: the
   * session moves to a server with room, if there is one. `reject`: it is refused with 503. Default: `queue`.
   */
  readonly whenOwnerFull?: 'queue' | 'rebind' | 'reject';
  /** How it is found out that a server is down. */
  readonly health?: PoolHealthConfig;
  /** Where requests wait when every server is at its `maxRequests`. */
  readonly queue?: PoolQueueConfig;
  /** When a request is retried on another server. */
  readonly retry?: PoolRetryConfig;
  /** How long a server may take. */
  readonly timeouts?: PoolTimeoutsConfig;
  /** Most idle connections that are kept to one server. From 0 to 65,535. Default: `256`. */
  readonly maxIdle?: Numeric;
  /**
   * Most GET requests that share one connection to a server at one time, when they have neither a body nor a condition.
   * For servers that read and answer pipelined requests strictly, and quickly (SECURITY.md). 1: off. From 1 to 64.
   * Default: `1`.
   */
  readonly pipelining?: Numeric;
  /** What a server may send, and how many connections to it may be opened at once. */
  readonly limits?: PoolLimitsConfig;
  /**
   * Its servers speak the session protocol: their sessions are copied, survive a failed server, and can move. Default:
   * `true` with a top-level `sessions`.
   */
  readonly sessions?: Flag;
  /** Whether sessions move to servers that have fewer of them, such as new servers. */
  readonly rebalance?: PoolRebalanceConfig;
  /**
   * The first request of a session at a server that takes over from another one has `Limpet-Affinity: reason=rebind;
   * from=NAME`, for servers that do not speak the session protocol. Default: `false`.
   */
  readonly notifyMoves?: Flag;
  /**
   * The balancer is ready (`/readyz`, `probes`) only while this pool has a server that takes new sessions. `false`:
   * also without. Default: `true`.
   */
  readonly countsForReadiness?: Flag;
  /** What becomes of the WebSockets and streams of a server that is drained. */
  readonly drain?: PoolDrainConfig;
}

/** The servers. One that is only an address has that address as its name. */
export interface ServerConfig {
  /** Stable name: sessions stay with it when the address changes. Default: its address. */
  readonly name?: string;
  /** Where it is. A port alone is on 127.0.0.1. */
  readonly address: string | number;
  /** Share of new sessions relative to the other servers. 0: none. From 0 to 65,535. Default: `1`. */
  readonly weight?: Numeric;
  /** Most requests at one time; beyond it they wait in the queue. 0: no limit. From 0 to 1,000,000. Default: `0`. */
  readonly maxRequests?: Numeric;
  /** What a host name with several addresses stands for: see `resolve` of the pool. Default: as the pool says. */
  readonly resolve?: 'any' | 'all';
}

/**
 * Connections to the servers use TLS, health checks too. `true`: with all defaults. A server whose certificate does not
 * verify gets no request.
 */
export interface PoolTlsConfig {
  /**
   * Host name that is asked for, and that the certificate of the server must have. For an address without a name the
   * certificate must have that IP address. Default: the host name in the server's address.
   */
  readonly sni?: string;
  /**
   * PEM file: certificates of the authorities that sign those of the servers. Default: the authorities of the runtime.
   */
  readonly ca?: string;
  /** PEM file: the certificate that is shown to servers that ask for one. With `key`. Default: none. */
  readonly cert?: string;
  /** PEM file: the private key of `cert`, without a passphrase. Default: none. */
  readonly key?: string;
  /**
   * The certificate of the server is verified. `false`: any certificate is accepted, and with it anybody who can get
   * between. Default: `true`.
   */
  readonly verify?: Flag;
  /** Oldest version of TLS: `"1.2"` or `"1.3"`. Default: `1.2`. */
  readonly minVersion?: '1.2' | '1.3' | 1.2 | 1.3;
}

/**
 * How sessions are recognised: a list, tried in order. The first affinity that recognises a request decides, and the
 * first that is able to do so binds new sessions. `none`: no affinity.
 */
export interface AffinityConfig {
  /** A cookie of our own, which the servers never see. */
  readonly cookie?: CookieAffinityConfig;
  /** The app's own session id: learned from responses, followed in requests. */
  readonly learn?: string | LearnAffinityConfig;
  /** A header that the client gives, or that a response gave it. */
  readonly header?: string | HeaderAffinityConfig;
  /** A query parameter that the client gives. */
  readonly query?: string | QueryAffinityConfig;
  /** A part of the path. */
  readonly path?: string | PathAffinityConfig;
  /** Sessions of Socket.IO clients without cookies: the `sid` of the handshake. */
  readonly 'socket.io'?: SocketIoAffinityConfig;
  /** A keyed hash of the client's address. */
  readonly 'source-ip'?: SourceIpAffinityConfig;
  /** A keyed hash of the certificate that the client has shown. */
  readonly 'client-certificate'?: ClientCertificateAffinityConfig;
  /** A prefix in the app's own cookie, which the servers never see. */
  readonly rewrite?: string | RewriteAffinityConfig;
  /** A fixed map from keys to servers, for test users and canaries. */
  readonly route?: RouteAffinityConfig;
  /** A signed header or parameter of a trusted peer picks the server, for debugging. */
  readonly force?: ForceAffinityConfig;
  /**
   * Beside the affinity: what becomes of the sessions that it recognises when their server is gone. Default: as the
   * pool says.
   */
  readonly whenOwnerFails?: 'rebind' | 'temporary' | 'reject' | RejectConfig;
}

/** A cookie of our own, which the servers never see. */
export interface CookieAffinityConfig {
  /** Name of the cookie. Default: `limpet`. */
  readonly name?: string;
  /**
   * Before the name, for clients that use TLS: `__Host-` (`host`) or `__Secure-` (`secure`). Such a cookie cannot come
   * from plain HTTP, and one with `__Host-` not from another host. Others get the name alone, and over TLS that does
   * not count. Default: `none`.
   */
  readonly prefix?: 'none' | 'secure' | 'host';
  /** Its `Path`: below it the client sends the cookie. Default: `/`. */
  readonly path?: string;
  /** Its `Domain`, for subdomains too. Empty: left out, and the cookie stays with its host. Default: empty. */
  readonly domain?: string;
  /** Its `SameSite`. `None` lets other sites embed yours, and needs `Secure`. Default: `Lax`. */
  readonly sameSite?: 'Strict' | 'Lax' | 'None';
  /**
   * `Secure`: by what the client speaks (to us, or to a trusted proxy that tells), always, or never. Default: `auto`.
   */
  readonly secure?: 'auto' | 'always' | 'never';
  /** `HttpOnly`: scripts of the page cannot read it. Default: `true`. */
  readonly httpOnly?: Flag;
  /** `Partitioned` (CHIPS): a jar of its own for each site that embeds yours. Needs `Secure`. Default: `false`. */
  readonly partitioned?: Flag;
  /**
   * Secure clients get the token in `NAME-x` too, with `SameSite=None; Secure; Partitioned`, for other sites that embed
   * yours. Default: `false`.
   */
  readonly twin?: Flag;
  /**
   * `session`: no `Max-Age`, the balancer alone keeps the times. `permanent`: `Max-Age` and `Expires` too; needs
   * `absolute`. Default: `session`.
   */
  readonly lifetime?: 'session' | 'permanent';
  /** A session ends after this long without a request. Left out, it is never longer than `absolute`. Default: `8h`. */
  readonly idle?: TimeOrOff;
  /** A session ends at this age, however busy it is. Default: `off`. */
  readonly absolute?: TimeOrOff;
  /**
   * `always`: every client gets the cookie with its first answer. `on-session`: once its server begins a session, so
   * that anonymous traffic stays free of it. `auto`: `on-session` in pools with `sessions`, else `always`. Default:
   * `auto`.
   */
  readonly bind?: 'auto' | 'always' | 'on-session';
  /**
   * A response that caches may store, or by which they may update one (304), and that needs a new cookie: made
   * `Cache-Control: private`, or sent without the cookie. Default: `private`.
   */
  readonly onCacheable?: 'private' | 'skip';
  /**
   * What apps with the session library may decide of the cookie of one session: the widest of each. What is narrower
   * than the cookie itself they may always choose.
   */
  readonly app?: CookieAffinityAppConfig;
}

/**
 * What apps with the session library may decide of the cookie of one session: the widest of each. What is narrower than
 * the cookie itself they may always choose.
 */
export interface CookieAffinityAppConfig {
  /**
   * Longest that a session may live without a request, and its cookie: `maxAge` of the app ("remember me"). Default:
   * `idle` where that is written, else 720h.
   */
  readonly maxAge?: Time;
  /** Widest `SameSite`: `None` is wider than `Lax`, and that than `Strict`. Default: the cookie's own. */
  readonly sameSite?: 'Strict' | 'Lax' | 'None';
  /** `never`: the app may leave `Secure` out. Default: the cookie's own. */
  readonly secure?: 'auto' | 'always' | 'never';
  /** `false`: the app may leave `HttpOnly` out. Default: the cookie's own. */
  readonly httpOnly?: Flag;
  /** Widest `Domain`; the app may choose one below it, or the host alone. Default: the cookie's own. */
  readonly domain?: string;
  /** Widest `Path`; the app may choose one below it. Default: the cookie's own. */
  readonly path?: string;
}

/** The app's own session id: learned from responses, followed in requests. */
export interface LearnAffinityConfig {
  /** The app's cookie: set by responses, sent by requests. */
  readonly cookie?: string;
  /** A header of responses and of requests. */
  readonly header?: string;
  /** A query parameter of requests. It has the id that was learned elsewhere. */
  readonly query?: string;
  /** A path parameter, `;NAME=id` at the end of a segment: of requests, and of `Location` in responses. */
  readonly parameter?: string;
  /**
   * The table forgets a session after this long without a request. Left out, it is never longer than `absolute`. `off`:
   * only when the table is full. Default: `30m`.
   */
  readonly idle?: TimeOrOff;
  /** The table forgets a session at this age, however busy it is. Default: `off`. */
  readonly absolute?: TimeOrOff;
}

/** A header that the client gives, or that a response gave it. */
export interface HeaderAffinityConfig {
  /** Name of the header. */
  readonly name: string;
  /**
   * The table forgets a session after this long without a request. Left out, it is never longer than `absolute`. `off`:
   * only when the table is full. Default: `30m`.
   */
  readonly idle?: TimeOrOff;
  /** The table forgets a session at this age, however busy it is. Default: `off`. */
  readonly absolute?: TimeOrOff;
  /**
   * A DELETE that carries the header and succeeds ends the session, as MCP has it. Default: only for `Mcp-Session-Id`.
   */
  readonly endOnDelete?: Flag;
}

/** A query parameter that the client gives. */
export interface QueryAffinityConfig {
  /** Name of the query parameter. */
  readonly name: string;
  /**
   * The table forgets a session after this long without a request. Left out, it is never longer than `absolute`. `off`:
   * only when the table is full. Default: `30m`.
   */
  readonly idle?: TimeOrOff;
  /** The table forgets a session at this age, however busy it is. Default: `off`. */
  readonly absolute?: TimeOrOff;
}

/** A part of the path. */
export interface PathAffinityConfig {
  /** For the path without its query, as the client writes it. Its one group is the key. */
  readonly pattern: string;
  /**
   * The table forgets a session after this long without a request. Left out, it is never longer than `absolute`. `off`:
   * only when the table is full. Default: `30m`.
   */
  readonly idle?: TimeOrOff;
  /** The table forgets a session at this age, however busy it is. Default: `off`. */
  readonly absolute?: TimeOrOff;
}

/** Sessions of Socket.IO clients without cookies: the `sid` of the handshake. */
export interface SocketIoAffinityConfig {
  /** Requests below this path are Socket.IO (or plain Engine.IO). Default: `/socket.io/`. */
  readonly path?: string;
  /**
   * The table forgets a session after this long without a request. Left out, it is never longer than `absolute`. `off`:
   * only when the table is full. Default: `5m`.
   */
  readonly idle?: TimeOrOff;
  /** The table forgets a session at this age, however busy it is. Default: `off`. */
  readonly absolute?: TimeOrOff;
}

/** A keyed hash of the client's address. */
export interface SourceIpAffinityConfig {
  /** Bits of an IPv4 address that count: 24 puts a /24 on one server. From 1 to 32. Default: `32`. */
  readonly ipv4Prefix?: Numeric;
  /** Bits of an IPv6 address that count. A customer usually has a /64. From 1 to 128. Default: `64`. */
  readonly ipv6Prefix?: Numeric;
  /**
   * `hash`: the server follows from the address alone. `table`: the same at first, and it stays when servers are added.
   * Default: `hash`.
   */
  readonly mode?: 'hash' | 'table';
  /**
   * In mode `table`: an address is forgotten after this long without a request. `off`: only when the table is full.
   * Default: `30m`.
   */
  readonly idle?: TimeOrOff;
}

/** A keyed hash of the certificate that the client has shown. */
export interface ClientCertificateAffinityConfig {
  /**
   * `fingerprint`: the certificate itself. `subject`: its name, which stays when the certificate is renewed, and which
   * others may share. Default: `fingerprint`.
   */
  readonly by?: 'fingerprint' | 'subject';
  /**
   * The table forgets a session after this long without a request. Left out, it is never longer than `absolute`. `off`:
   * only when the table is full. Default: `30m`.
   */
  readonly idle?: TimeOrOff;
  /** The table forgets a session at this age, however busy it is. Default: `off`. */
  readonly absolute?: TimeOrOff;
}

/** A prefix in the app's own cookie, which the servers never see. */
export interface RewriteAffinityConfig {
  /** Name of the app's cookie. */
  readonly cookie: string;
  /** Stands between our prefix and the app's value. Default: `~`. */
  readonly separator?: string;
  /**
   * The table remembers this long without a request that a session has moved, while its prefix names the old server.
   * Default: `8h`.
   */
  readonly idle?: TimeOrOff;
}

/** A fixed map from keys to servers, for test users and canaries. */
export interface RouteAffinityConfig {
  /** The key is the value of this header. */
  readonly header?: string;
  /** The key is the value of this cookie. */
  readonly cookie?: string;
  /** The key is the value of this query parameter. */
  readonly query?: string;
  /** Key to name of a server of the pool. `*` stands for any text; keys without it go first. */
  readonly map: { readonly [name: string]: string };
}

/** A signed header or parameter of a trusted peer picks the server, for debugging. */
export interface ForceAffinityConfig {
  /** The key is the value of this header. */
  readonly header?: string;
  /** The key is the value of this cookie. */
  readonly cookie?: string;
  /** The key is the value of this query parameter. */
  readonly query?: string;
}

/** Beside the affinity: what becomes of the sessions that it recognises when their server is gone. */
export interface RejectConfig {
  /** Status that the client gets. From 400 to 599. */
  readonly reject: Numeric;
}

/** How it is found out that a server is down. */
export interface PoolHealthConfig {
  /**
   * Health checks by requests of the balancer itself: an HTTP request, a call of gRPC health checking, a TCP connect,
   * or none. Default: `http` with a `path`, `grpc` with `grpc`, `tcp` with any other field of these checks, else
   * `false`.
   */
  readonly active?: false | 'false' | 'http' | 'grpc' | 'tcp';
  /**
   * Service that `grpc.health.v1.Health/Check` is asked for; empty: the whole server. With `protocol: h2`. Default:
   * empty with `active: grpc`.
   */
  readonly grpc?: string;
  /** Path of the check, which is a GET request. */
  readonly path?: string;
  /** Host header of the check. Default: the server's address. */
  readonly host?: string;
  /** Statuses that count as good, and ranges of them. Default: `200-399`. */
  readonly status?: string | number;
  /** Text that must be in the first 64 KiB of the body. Default: any. */
  readonly body?: string;
  /** Time between two checks of a server. Default: `2s`. */
  readonly interval?: Time;
  /** A check that takes longer has failed. Default: `1s`. */
  readonly timeout?: Time;
  /** Good checks in a row that bring a server up. From 1 to 100. Default: `2`. */
  readonly rise?: Numeric;
  /** Bad checks in a row that take it down. From 1 to 100. Default: `3`. */
  readonly fall?: Numeric;
  /** Share of the interval by which checks are spread. From 0 to 1. Default: `0.1`. */
  readonly jitter?: Numeric;
  /** Health by the outcome of the requests of clients. `false`: no server is ejected for its errors. */
  readonly passive?: false | 'false' | PoolHealthPassiveConfig;
  /**
   * A program beside each server that says what it wants, in the words of HAProxy: `ready`, `drain`, `maint`, `up`,
   * `down`, `75%` of its weight, `maxconn:30`. Default: none.
   */
  readonly agent?: PoolHealthAgentConfig;
  /**
   * When the share of servers that are up is below this, health is ignored and all servers are used. 0: never. From 0
   * to 1. Default: `0.5`.
   */
  readonly panicThreshold?: Numeric;
  /** A server that comes up gets its full share of new sessions only after this long. Default: `off`. */
  readonly slowStart?: TimeOrOff;
}

/** Health by the outcome of the requests of clients. `false`: no server is ejected for its errors. */
export interface PoolHealthPassiveConfig {
  /** Connection errors in a row that eject a server. From 1 to 1,000. Default: `3`. */
  readonly connectErrors?: Numeric;
  /** 5xx responses in a row that eject a server. 0: never. From 0 to 1,000. Default: `0`. */
  readonly serverErrors?: Numeric;
  /** Length of the first ejection; each further one lasts twice as long. Default: `1s`. */
  readonly ejection?: Time;
  /** Length of the longest ejection. Default: `1m`. */
  readonly maxEjection?: Time;
}

/**
 * A program beside each server that says what it wants, in the words of HAProxy: `ready`, `drain`, `maint`, `up`,
 * `down`, `75%` of its weight, `maxconn:30`.
 */
export interface PoolHealthAgentConfig {
  /** Port of the agent, at the host of its server. From 1 to 65,535. */
  readonly port?: Numeric;
  /** One agent for all servers, instead of `port`: it gets the name of the server in a line. */
  readonly address?: string | number;
  /** Time from one question to the next. Default: `2s`. */
  readonly interval?: Time;
}

/** Where requests wait when every server is at its `maxRequests`. */
export interface PoolQueueConfig {
  /** Most requests that wait; one more is refused with 503 and `Retry-After`. From 0 to 1,000,000. Default: `1024`. */
  readonly max?: Numeric;
  /** Longest wait of a request; then 503. Default: `5s`. */
  readonly timeout?: Time;
}

/** When a request is retried on another server. */
export interface PoolRetryConfig {
  /** Most servers that are tried, the first one included. 1: no retry. From 1 to 10. Default: `3`. */
  readonly attempts?: Numeric;
  /**
   * Bytes of a request body that are kept for a retry. A request with a longer body is not retried once its body has
   * been sent. Default: `64k`.
   */
  readonly bufferBody?: Size;
  /** Longest time for all attempts together, until a response begins. Default: `off`. */
  readonly deadline?: TimeOrOff;
}

/** How long a server may take. */
export interface PoolTimeoutsConfig {
  /** Longest time until the server accepts the connection. Default: `2s`. */
  readonly connect?: Time;
  /**
   * Longest time from the last byte of the request to the first of the response. Each interim response (1xx) restarts
   * it. Default: `1m`.
   */
  readonly response?: TimeOrOff;
  /** Longest time between two pieces of a response body. Default: `1m`. */
  readonly responseBody?: TimeOrOff;
  /**
   * An idle connection to a server is closed after this long. Keep it below the server's own time-out (5s in
   * node:http). Default: `4s`.
   */
  readonly keepAlive?: Time;
  /** A WebSocket or another tunnel is closed after this long without a byte in either direction. Default: `1h`. */
  readonly tunnel?: TimeOrOff;
}

/** What a server may send, and how many connections to it may be opened at once. */
export interface PoolLimitsConfig {
  /** Largest status line and headers of a response together; more is answered with 502. Default: `64k`. */
  readonly headBytes?: Size;
  /** Most headers of a response; more are answered with 502. From 1 to 10,000. Default: `256`. */
  readonly headers?: Numeric;
  /**
   * Most interim responses (1xx) to one request in a second; more are answered with 502 (`too-many-interim`). From 1 to
   * 1,000,000. Default: `1000`.
   */
  readonly interim?: Numeric;
  /**
   * Most connections that one worker opens to one server at one time; beyond it requests wait in the queue. From 1 to
   * 1,000,000. Default: `1024`.
   */
  readonly connecting?: Numeric;
  /**
   * With `protocol: h2`, most connections of one worker to one server. Another one is made when those that are open
   * have no room for a request; beyond it requests wait in the queue. From 1 to 65,535. Default: `64`.
   */
  readonly h2Connections?: Numeric;
  /**
   * With `protocol: h2`, most requests at one time on one connection, if the server allows as many. From 1 to 8,000.
   * Default: `100`.
   */
  readonly h2Streams?: Numeric;
}

/** Whether sessions move to servers that have fewer of them, such as new servers. */
export interface PoolRebalanceConfig {
  /**
   * When a server has more sessions than this multiple of the mean, such as 1.25, those with a copy that are not in use
   * move to other servers with their next request. Default: `off`.
   */
  readonly skew?: 'off' | Numeric;
  /** Most moves in a second by each worker. From 1 to 100,000. Default: `10`. */
  readonly rate?: Numeric;
}

/** What becomes of the WebSockets and streams of a server that is drained. */
export interface PoolDrainConfig {
  /**
   * After this long, WebSocket clients of a drained server get a close frame (1001), and server-sent events end, so
   * that their clients come back elsewhere. Default: `30s`.
   */
  readonly grace?: Time;
  /**
   * After this long, the streams and tunnels of a drained server that are left are closed. `off`: never; they are also
   * closed when the server is taken down. Default: `off`.
   */
  readonly deadline?: TimeOrOff;
}

/**
 * Tried in order: the first that matches gives the pool that serves the request. With one pool they may be left out: it
 * serves all requests.
 */
export interface RouteConfig {
  /** What a request must look like; left out, every request matches. */
  readonly match?: RouteMatchConfig;
  /** Name of the pool that serves it. */
  readonly pool: string;
  /** `none`: this route neither recognises nor binds a session. Left out: as the pool says. */
  readonly affinity?: 'none';
}

/** What a request must look like; left out, every request matches. */
export interface RouteMatchConfig {
  /** Host without port; `*.example.org` for its subdomains. Empty: any. Default: empty. */
  readonly host?: string;
  /** Path prefix on whole segments: `/a` matches `/a` and `/a/b`, not `/ab`. Default: `/`. */
  readonly path?: string;
  /** Methods, any of these. None: every method. Default: none. */
  readonly methods?: readonly string[];
  /** What the path ends in, any of these: `[css, js, png]`. None: anything. Default: none. */
  readonly extensions?: readonly string[];
  /**
   * Where the client connected, any of these listeners by `address`, as it stands there: `[":8080"]`. None: every
   * listener. Default: none.
   */
  readonly listeners?: readonly string[];
}

/** What is logged. */
export interface LogConfig {
  /**
   * One line for each request: `off`, one of the formats, or fields. `json` makes all of the log JSON. Default: `off`.
   */
  readonly access?: 'off' | 'text' | 'json' | 'common' | 'combined' | LogAccessConfig;
  /** The least severe messages that are logged. Default: `info`. */
  readonly level?: 'debug' | 'info' | 'warn' | 'error';
}

/** One line for each request: `off`, one of the formats, or fields. `json` makes all of the log JSON. */
export interface LogAccessConfig {
  /**
   * `text`, `json`, `common`, `combined`, or a template with fields in braces, such as `{client} {status} {totalMs}`.
   * Default: `text`.
   */
  readonly format?: string;
  /**
   * The share of requests that have a line. Those that failed, or were answered with 5xx, have one always. From 0 to 1.
   * Default: `1`.
   */
  readonly sample?: Numeric;
  /** Lines go to a file. Default: none. */
  readonly file?: LogAccessFileConfig;
  /** Lines go to a syslog server. With neither `file` nor `syslog` they go to stdout. Default: none. */
  readonly syslog?: LogAccessSyslogConfig;
}

/** Lines go to a file. */
export interface LogAccessFileConfig {
  /** The file, which is appended to, and opened again on SIGUSR1. A relative path begins at the current folder. */
  readonly path: string;
  /**
   * A file that would become larger is renamed to `PATH.1`, the one before to `PATH.2` and so on. `0`: never, for tools
   * such as logrotate. Default: `100M`.
   */
  readonly size?: Size;
  /** So many renamed files are kept. From 1 to 1,000. Default: `5`. */
  readonly keep?: Numeric;
}

/** Lines go to a syslog server. With neither `file` nor `syslog` they go to stdout. */
export interface LogAccessSyslogConfig {
  /** Where messages of RFC 5424 go: `udp://HOST:PORT`, `tcp://HOST:PORT`, or `unix:PATH` of a stream socket. */
  readonly address: string;
  /** The facility of each message; its severity is `info`. Default: `local0`. */
  readonly facility?:
    | 'user'
    | 'daemon'
    | 'auth'
    | 'authpriv'
    | 'local0'
    | 'local1'
    | 'local2'
    | 'local3'
    | 'local4'
    | 'local5'
    | 'local6'
    | 'local7';
  /** The name of the program in each message. Default: `limpet`. */
  readonly tag?: string;
}

/** Each request has an id, by which it is found in the logs of all who serve it. `{}`: with the defaults. */
export interface RequestIdConfig {
  /**
   * The header with the id: 32 random hex digits, which the server gets, and which are in the access log (`requestId`).
   * Default: `X-Request-Id`.
   */
  readonly header?: string;
  /**
   * From whom an id is taken over: from clients that are among the `trustedProxies` of their listener, from all
   * (`always`), or from nobody (`never`). It may have 128 letters, digits and `._~:/+=@-`; any other is replaced.
   * Default: `trusted`.
   */
  readonly accept?: 'always' | 'trusted' | 'never';
  /** The client gets the id with the response, in the same header, and reads it on error pages. Default: `false`. */
  readonly respond?: Flag;
}

/**
 * Distributed tracing: W3C Trace Context (`traceparent`, `tracestate`) is continued or begun, and spans are exported.
 */
export interface TracingConfig {
  /**
   * Whose traces are continued: those of clients that are among the `trustedProxies` of their listener, of all
   * (`always`), or nobody's (`never`). Default: `trusted`.
   */
  readonly accept?: 'always' | 'trusted' | 'never';
  /**
   * The share of traces that begin here which is sampled. A trace that is continued is sampled if its caller has
   * sampled it. From 0 to 1. Default: `1`.
   */
  readonly sample?: Numeric;
  /**
   * Spans of sampled traces go to a collector by OTLP. A change takes effect with a restart only. It needs the packages
   * `@opentelemetry/api`, `@opentelemetry/resources` and `@opentelemetry/exporter-trace-otlp-http`. Default: none:
   * trace context is passed on, and nothing is exported.
   */
  readonly export?: TracingExportConfig;
}

/**
 * Spans of sampled traces go to a collector by OTLP. A change takes effect with a restart only. It needs the packages
 * `@opentelemetry/api`, `@opentelemetry/resources` and `@opentelemetry/exporter-trace-otlp-http`.
 */
export interface TracingExportConfig {
  /**
   * Where the collector takes traces by OTLP over HTTP, such as `http://127.0.0.1:4318`. Without a path it is
   * `/v1/traces`.
   */
  readonly endpoint: string;
  /** Headers for the collector, such as `Authorization`. Take secrets from the environment. */
  readonly headers?: { readonly [name: string]: string };
  /** The name of the service (`service.name`). Default: `limpet`. */
  readonly serviceName?: string;
  /** A span waits at most this long for others before it is sent. Default: `1s`. */
  readonly interval?: Time;
  /**
   * Time for one export, its repeats included; then its spans are lost. At shutdown it is the time for all that wait.
   * Default: `5s`.
   */
  readonly timeout?: Time;
  /**
   * Most spans that wait for the collector; more are dropped (counter `spans_dropped`). A span takes about 1 KB. From
   * 16 to 1,000,000. Default: `8192`.
   */
  readonly queue?: Numeric;
}

/** SIGTERM and SIGINT: nothing new is accepted, and open exchanges are finished. */
export interface ShutdownConfig {
  /** Open exchanges that have not finished after this long are cut. Default: `30s`. */
  readonly timeout?: Time;
}

/** What the balancer may use of this machine. */
export interface LimitsConfig {
  /**
   * Most bytes that one worker buffers for slow clients and servers, for requests that wait, and for retries. Beyond it
   * the connections with the largest buffers and the least progress are closed, or new requests are refused with 503
   * (`buffers-full`). Default: `64M`.
   */
  readonly keptBytes?: Size;
  /**
   * Most connections that one worker opens to servers at one time; beyond it requests wait in the queue of their pool.
   * From 1 to 10,000,000. Default: `4096`.
   */
  readonly connecting?: Numeric;
}

/** How far the clocks of nodes that share sessions may differ. */
export interface ClockConfig {
  /**
   * A token dated by a clock that is ahead of this one by up to this long is accepted, and dated anew (counter
   * `clock_ahead`); beyond it the session is refused. At least one minute is always allowed. Default: `10m`.
   */
  readonly skew?: Time;
}

/** How the names of servers are looked up: in the background, never for a request. */
export interface ResolverConfig {
  /**
   * DNS servers, queried in order. None: those of `/etc/resolv.conf`, and the other sources of the system, such as
   * `/etc/hosts`. Default: none.
   */
  readonly servers?: readonly string[];
  /** Longest wait for one answer; then the next server is queried. Default: `2s`. */
  readonly timeout?: Time;
  /** How many times each of them is queried. From 1 to 10. Default: `2`. */
  readonly attempts?: Numeric;
  /** An answer is valid for its TTL, but at least for this long. Default: `1s`. */
  readonly minTtl?: Time;
  /** An answer is valid for its TTL, but at most for this long. Default: `30s`. */
  readonly maxTtl?: Time;
  /** A name that does not exist, or cannot be looked up, is looked up again after this long. Default: `5s`. */
  readonly retry?: Time;
  /**
   * Of a name with several addresses the next one is tried when one has not accepted the connection after this long;
   * the last one has what is left of `timeouts.connect`. Default: `500ms`.
   */
  readonly addressTimeout?: Time;
  /**
   * Most addresses of one name that are used; the others are counted (`addresses_dropped`). From 1 to 10,000. Default:
   * `256`.
   */
  readonly maxAddresses?: Numeric;
}

/** The table of sessions, which all workers share. */
export interface TableConfig {
  /**
   * Most sessions, about 46.5 bytes each; beyond it those without a request for the longest time are removed. From
   * 1,000 to 100,000,000. Default: `1000000`.
   */
  readonly capacity?: Numeric;
  /** Time between two saves to `stateDir`; the table is saved at shutdown too. `off`: never. Default: `1m`. */
  readonly save?: TimeOrOff;
}

/** Copies of sessions, for servers that speak the session protocol. A change takes effect with a restart only. */
export interface SessionsConfig {
  /**
   * Where copies are kept: `memory` or `memory:256mb` (of this process), `lmdb:FOLDER` (survives it),
   * `redis://HOST:PORT` (shared by several balancers; Sentinel and Cluster:
   * `redis+sentinel://HOST:PORT,HOST:PORT/NAME`, `redis+cluster://HOST:PORT,HOST:PORT`). Default: `memory`; with
   * `fleet` its store.
   */
  readonly store?: string;
  /**
   * When a client gets a response that changes its session. `sync`: once the copy is stored. `async`: at once, and the
   * copy is stored afterwards. `none`: no copies. Default: `sync`.
   */
  readonly replication?: 'sync' | 'async' | 'none';
  /**
   * What happens when a copy cannot be stored. `fail`: the client gets 503. `degrade`: it gets the response, marked
   * `Limpet-Degraded: session-store`. Default: `fail`.
   */
  readonly whenStoreFails?: 'fail' | 'degrade';
  /** Longest wait for the store; then it counts as failed. Default: `2s`. */
  readonly timeout?: Time;
  /**
   * With `async`: most copies of one worker that may be on their way to the store; beyond it responses wait as with
   * `sync`. From 1 to 1,000,000. Default: `1024`.
   */
  readonly lag?: Numeric;
  /**
   * Shared with the servers: signs the session headers that are sent to them, and is required at the store interface; a
   * text of at least 32 characters (openssl rand -hex 32). Take it from the environment. Without it one is generated,
   * in a file that servers of the same user on this machine read by themselves; other servers need it. Default:
   * generated, for servers of this user.
   */
  readonly secret?: string;
  /**
   * Where servers reach the store interface. Unless it is on loopback or a unix-domain socket it needs `secret`.
   * Default: `store.sock` in `stateDir`; with `secret` 127.0.0.1:0.
   */
  readonly listen?: string;
  /** Largest state of one session. Default: `1M`. */
  readonly stateBytes?: Size;
  /**
   * Most ended sessions that wait to be removed from a store that is not available; they are kept in `stateDir`, and
   * cannot be used meanwhile. To end one more is refused with 503, and that session goes on. From 1 to 10,000,000.
   * Default: `100000`.
   */
  readonly endings?: Numeric;
  /**
   * An ended session cannot come back for this long, whatever still arrives of it: longer than any request takes.
   * Default: `24h`.
   */
  readonly tombstone?: Time;
  /**
   * Encrypts the copies at rest (AES-256-GCM) with this key. Take it from the environment. With `redis` all balancers
   * need the same. Default: `lmdb`: a generated key, `store.key` in `stateDir`; others: off.
   */
  readonly encrypt?: string;
}

/**
 * Several balancers side by side, of which each may get any request: they share one store. A change takes effect with a
 * restart only.
 */
export interface FleetConfig {
  /**
   * A Redis or Valkey that all balancers of the fleet use: it decides who owns a session, and tells each balancer what
   * the others did. Copies of sessions are kept there, too.
   */
  readonly store: string;
  /**
   * Name of this balancer, for people; each balancer needs another one. Default: the host name and the first digits of
   * the id of the node.
   */
  readonly name?: string;
  /**
   * While the store does not answer, a session stays with the owner that token and table name. `keep`: when that owner
   * fails, another server stands in, and the session returns to it. `reject`: 503 (`session-store`). Default: `keep`.
   */
  readonly whenStoreLost?: 'keep' | 'reject';
  /** Longest wait for the store; then it counts as failed. Default: `2s`. */
  readonly timeout?: Time;
  /** A balancer that has not renewed its lease in the store for this long counts as gone. Default: `10s`. */
  readonly lease?: Time;
  /**
   * Most owners of names that clients chose (headers, paths, addresses) that one worker records in the store in a
   * second. Beyond it a new name has the server that hashing gives it, which is the same at all balancers with the same
   * servers up, and is recorded with a later request. From 1 to 1,000,000. Default: `2000`.
   */
  readonly newKeys?: Numeric;
  /**
   * Most moves and ends of sessions of each pool that the store keeps for balancers that were away. One that has missed
   * more asks the store about each session once. From 1,000 to 10,000,000. Default: `100000`.
   */
  readonly history?: Numeric;
  /**
   * What `maxRequests` of a server means. `node`: so many from each balancer. `fleet`: so many from all together; each
   * balancer uses its equal share, at least 1. Default: `node`.
   */
  readonly limits?: 'node' | 'fleet';
}

/** The admin listener, through which a running balancer is queried and changed. */
export interface AdminConfig {
  /**
   * Where `limpet drain`, `ready` and `sessions` reach the balancer. On TCP it needs `token`. `off`: nowhere. Default:
   * `admin.sock` in `stateDir`.
   */
  readonly listen?: string;
  /**
   * Required as `Authorization: Bearer TOKEN`, on a unix-domain socket too; a text of at least 32 characters (openssl
   * rand -hex 32). The command takes it from `LIMPET_ADMIN_TOKEN`. Default: none.
   */
  readonly token?: string;
  /**
   * A second token, for dashboards and monitoring: what changes something is refused with 403; a text of at least 32
   * characters (openssl rand -hex 32), another one than `token`. Default: none.
   */
  readonly readToken?: string;
  /**
   * Host names under which the admin listener accepts requests on TCP, beside `localhost` and its address. A request
   * with another `Host` is refused with 421: a web page could have sent it by a host name of its own (DNS rebinding).
   * Commands that read this config expect the first of them in the certificate. Default: none.
   */
  readonly hosts?: readonly string[];
  /**
   * HTTPS, with this certificate, on a TCP address. Files that change are read again, without effect on open
   * connections. Default: none: plain HTTP.
   */
  readonly tls?: AdminTlsConfig;
}

/**
 * HTTPS, with this certificate, on a TCP address. Files that change are read again, without effect on open connections.
 */
export interface AdminTlsConfig {
  /** PEM file: the certificate, then those of the authorities that signed it. */
  readonly cert: string;
  /** PEM file: its private key, without a passphrase. */
  readonly key: string;
  /**
   * PEM file: certificates of the authorities that commands such as `limpet drain` trust when they read this config.
   * Default: the authorities of the runtime, and the certificates in `cert`.
   */
  readonly ca?: string;
}
