/**
 * The end of a session, or of its id, as one response announces it. Whether that response reached the balancer, and so whether the
 * end is final, is known only later.
 */
export class SessionEnd {
  /** Changes were not stored yet when the session ended: requests that made or saw them depend on this end. */
  readonly hasPendingChanges: boolean;
  /** The epoch at which the app destroyed the session; 0: only its id was replaced, the session goes on under another one. */
  readonly epoch: number;
  /** The balancer, or its store, may know of the end. */
  mayBeKnown = false;
  /** The store knows of the end. */
  isConfirmed = false;
  /** Unix ms at which the announcing response was over; 0: it is not yet. */
  responseClosedAt = 0;
  private readonly closing = Promise.withResolvers<void>();

  constructor(hasPendingChanges: boolean, epoch = 0) {
    this.hasPendingChanges = hasPendingChanges;
    this.epoch = epoch;
  }

  /** Resolves when the announcing response is over. */
  get responseClosed(): Promise<void> {
    return this.closing.promise;
  }

  /** `now`: Unix ms. */
  markResponseClosed(now: number): void {
    this.responseClosedAt = now;
    this.closing.resolve();
  }
}
