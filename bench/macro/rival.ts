/** What the benchmark needs from a proxy that it measures: one file per rival in rivals/. */

/** The surroundings of a workload. Rivals are started anew for each one. */
export interface Stage {
  /** nginx returns fixed bodies and files; origin reads whole request bodies and echoes WebSocket messages. */
  readonly backend: 'nginx' | 'origin';
  /** Servers in the pool. Above four they are more addresses of the same four: all of 127.0.0.0/8, origin only. */
  readonly servers: number;
  /** Threads or processes of the rival, each with a core. */
  readonly workers: number;
  /** Idle connections that it has to hold; left out, few. */
  readonly idle?: number;
  /** What clients speak: left out, HTTP/1.1 on plain connections. */
  readonly tls?: boolean;
  readonly http2?: boolean;
}

/** Where, and in which protocol, a rival is asked. */
export interface Endpoint extends Pick<Stage, 'tls' | 'http2'> {
  readonly port: number;
}

export interface Place extends Endpoint {
  /** Addresses, `127.0.0.1:PORT`, of the servers s1, s2, ... behind it. */
  readonly servers: readonly string[];
  /** The cores it may use. */
  readonly cores: readonly number[];
  readonly workers: number;
  /** A directory of its own for its config; removed after the run. */
  readonly dir: string;
}

/**
 * never: the rival only hashes what the client brings. once: a client without a cookie gets one, and one with a valid cookie none.
 * always: the client gets its cookie with every response, the same one as long as it is valid.
 */
export type SetsCookie = 'never' | 'once' | 'always';

export interface Started {
  /** Root of the process tree whose CPU time and memory count. */
  readonly pid: number;
  /** `Cookie` values that are valid sticky cookies here, each of another client. */
  readonly cookies: readonly string[];
  readonly setsCookie: SetsCookie;
  /** X-Forwarded-For is added, as every real balancer does. False only for the floor. */
  readonly addsForwardedFor: boolean;
}

export interface Rival {
  readonly name: string;
  /** Compiles itself while it runs: it takes seconds of each kind of load until it is as fast as it gets. */
  readonly compilesItself: boolean;
  /** Why it cannot run here, or null. */
  available(): string | null;
  /** Why it cannot take part at this stage; null, or no such method, when it can. */
  lacks?(stage: Stage): string | null;
  /** Version, and how it does affinity where that differs between versions. */
  version(): string;
  /** Resolves when it accepts connections. Rejects with what it said when it did not start. */
  start(place: Place): Promise<Started>;
}

export const cookieName = 'SRV';

/** Clients whose cookies are taken before the run: enough that a balancer which uses one server only is found out. */
export const clients = 16;

/** What those say of a stage whose config here is for plain HTTP/1.1. */
export function onlyPlain({ tls, http2 }: Stage): string | null {
  return tls || http2 ? 'its config here is for HTTP/1.1 without TLS' : null;
}

/** What programs of one thread say of a stage with more. */
export function onlyOneThread({ workers }: Stage): string | null {
  return workers === 1 ? null : 'one thread';
}
