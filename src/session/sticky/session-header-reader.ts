/**
 * Reads the session header of a request and verifies its signature. A balancer sends the same header for a session that does not change
 * for up to a minute: such a line is compared with the last one of that session, and neither verified nor parsed again.
 */
import type { IncomingRequest } from '../exchange.ts';
import { type BalancerSecrets, signatureDigits, timeOf } from './balancer-secrets.ts';
import { readSessionHeader, requestHeader, type SessionHeader } from './protocol.ts';

/** Sessions whose last line is kept. */
const maxLines = 8192;

/** A line whose signature is valid. */
interface VerifiedLine {
  /** All but the digits of its signature. */
  readonly signed: string;
  readonly signature: string;
  /** Unix seconds. */
  readonly signedAt: number;
  /** Of the secrets by which it was verified. */
  readonly generation: number;
  readonly header: SessionHeader;
}

export class SessionHeaderReader {
  private readonly secrets: BalancerSecrets;
  /** By session id. */
  private readonly verified = new Map<string, VerifiedLine>();

  constructor(secrets: BalancerSecrets) {
    this.secrets = secrets;
  }

  /** The header of the request; else a sentence that says why it does not count. `now`: Unix ms. */
  read(incoming: IncomingRequest, now: number): SessionHeader | string {
    const line = incoming.header(requestHeader);
    if (line === undefined) return 'found no Limpet-Session header';
    const { secrets, verified } = this;
    const id = line.slice('id='.length, 'id='.length + 32);
    const before = verified.get(id);
    const end = line.length - signatureDigits;
    if (
      before?.generation === secrets.generation &&
      secrets.isRecent(before.signedAt, now) &&
      line.slice(0, end) === before.signed &&
      hasSignature(line, end, before.signature)
    ) {
      return before.header;
    }
    const problem = secrets.verify(line, now);
    if (problem !== null) return problem;
    const header = readSessionHeader(line);
    // A header with a state is sent once: it need not be kept.
    if (typeof header === 'string' || header.state !== null || header.id !== id) return header;
    if (before === undefined && verified.size >= maxLines) verified.clear();
    const [signed, signature] = [line.slice(0, end), line.slice(end)];
    verified.set(id, { signed, signature, signedAt: timeOf(line), generation: secrets.generation, header });
    return header;
  }
}

/** Compares in constant time: nobody learns how much of a guess was right. */
function hasSignature(line: string, start: number, signature: string): boolean {
  let differences = 0;
  for (let i = 0; i < signatureDigits; i++) differences |= line.charCodeAt(start + i) ^ signature.charCodeAt(i);
  return differences === 0;
}
