/**
 * What one session's client has asked and been told: the history that the checker judges. Times are of one clock, that of
 * the client's process, in milliseconds.
 */

export type Kind =
  | 'sign-in'
  | 'add'
  | 'count'
  | 'read'
  | 'rotate'
  | 'sign-out'
  /** Gives the state another size. */
  | 'fill'
  /** The same beyond the largest: it has to be refused. */
  | 'overfill'
  /** Puts something into the cart, and then its handler throws. */
  | 'throw';

/** What an answer showed of its session. */
export interface Seen {
  readonly server: string;
  readonly epoch: number;
  /** Why the server had it, by the balancer: new, held, rebind or move. */
  readonly reason: string;
  /** '' in a session that nobody has signed in to. */
  readonly user: string;
  /** Ids of the operations that put something in, in that order. */
  readonly cart: readonly string[];
  readonly count: number;
  /** Bytes that `fill` has put in. */
  readonly size: number;
  /** The id of the operation that the server has answered. */
  readonly echo: string;
}

export interface Operation {
  readonly kind: Kind;
  /** Of all operations of the run. An add puts it into the cart; it begins with the session's user and a point. */
  readonly id: string;
  readonly start: number;
  readonly end: number;
  /** The balancer that was asked; '' without a fleet. */
  readonly node: string;
  /** What the app told with status 200: then the operation is acknowledged. null: nobody knows whether it happened. */
  readonly seen: Seen | null;
  /** Of what is not acknowledged: status and reason, or how the connection broke. */
  readonly why: string;
  /** Done with the cookie of an id that had been signed out, or replaced, before it began. */
  readonly isGhost: boolean;
  /** Bytes that a fill has asked for; no two of a session the same. */
  readonly size: number;
}

/** One session from its sign-in to its end, under all its ids. */
export interface History {
  readonly user: string;
  readonly operations: Operation[];
  /** Of what is asked with a dead id after its session has been judged: what had been asked before, to be told with it. */
  readonly earlier?: readonly Operation[];
}
