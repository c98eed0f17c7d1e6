/** What the session table knows of a session that a request names. */

/** Of several names of a request the one that stands highest is the session's. */
export const SessionStatus = {
  /** The app has ended it a moment ago. */
  ended: 0,
  unknown: 1,
  /** The client came with it, and it got a server. */
  adopted: 2,
  /** The app has given it to the client. */
  given: 3,
} as const;
export type SessionStatus = (typeof SessionStatus)[keyof typeof SessionStatus];
