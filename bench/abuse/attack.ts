/** What an attack has to say of itself: one of each kind stands in attacks/. */

/** What the balancer is set up for, beside the usual: its pool `main` for every path. */
export interface Needs {
  /** It speaks HTTP/2 without TLS, and so do the normal clients. */
  readonly h2?: boolean;
  /** Its listener has a certificate, and the normal clients speak HTTP/2 over TLS. */
  readonly tls?: boolean;
  /** Default 1. */
  readonly workers?: number;
  /** Its limit of open files; left out: as it is. */
  readonly files?: number;
  /** /dead goes to a server that drops SYNs, /refused to one where nobody listens. */
  readonly deadPools?: boolean;
  /** Where sessions of the session library are kept; HAProxy has nothing like it. */
  readonly store?: string;
  /** The app's own ids are learned, in a table of so many sessions. */
  readonly learn?: number;
}

export interface Target {
  /** Of the balancer. */
  readonly port: number;
  /** Aborted when the window is over: an attack ends then. */
  readonly over: AbortSignal;
}

export interface Outcome {
  /** What attackers there were, to divide the memory by; 0: it does not say anything. */
  readonly attackers: number;
  /** In words, what else is to be told. */
  readonly note?: string;
  /** What has to be 0, beside the errors of the normal clients, and what it counts. */
  readonly failures?: { readonly count: number; readonly what: string };
}

export interface Attack {
  readonly name: string;
  readonly title: string;
  /** What normal clients ask for; default /. */
  readonly path?: string;
  readonly needs?: Needs;
  /** Milliseconds from its beginning until it is as it will be; default 200. */
  readonly settle?: number;
  /** Everybody has to be answered again after it. */
  readonly answersAgain?: boolean;
  /** Before the first window, beside nothing. */
  prepare?(port: number): Promise<void>;
  /** Resolves when it is over: at its own end, or soon after the window's. All that it opened is closed a moment later. */
  run(target: Target): Promise<Outcome>;
}
