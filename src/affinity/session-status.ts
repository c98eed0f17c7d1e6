/** What the session table knows about a session that a request names. Of several names in one request the highest status counts. */
export const SessionStatus = {
  /** The app has ended the session a moment ago. */
  ended: 0,
  unknown: 1,
  /** A client came with the name, and the session got a server. */
  adopted: 2,
  /** The app has given the name to a client. */
  given: 3,
} as const;
export type SessionStatus = (typeof SessionStatus)[keyof typeof SessionStatus];
