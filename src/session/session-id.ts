/** Session ids: 128 random bits as 32 hex digits. */

/** An id as all strategies give it out. */
export const sessionIdShape = /^[0-9a-f]{32}$/;

/** `random`: returns that many strong random bytes. */
export function newSessionId(random: (bytes: number) => Uint8Array): string {
  return Buffer.from(random(16)).toString('hex');
}
