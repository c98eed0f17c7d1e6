/** Token keys as people keep them in a variable: hex, base64, base64url or plain text. */

export const shortestKey = 32;
export const keyForm = `a key of at least ${shortestKey} bytes in hex, base64 or plain text (openssl rand -base64 32)`;

/**
 * The first reading that gives 32 bytes wins: hex of even length, then base64 (both alphabets), then the text as
 * it stands. So every key has one reading, the same on every node. null: shorter than 32 bytes in any of them.
 */
export function parseKey(text: string): Buffer | null {
  const readings: Buffer[] = [];
  if (/^(?:[0-9a-f]{2})+$/i.test(text)) readings.push(Buffer.from(text, 'hex'));
  if (/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) readings.push(Buffer.from(text, 'base64'));
  readings.push(Buffer.from(text));
  return readings.find((key) => key.length >= shortestKey) ?? null;
}
