/**
 * The secrets under which a balancer signs what it tells of a session: those of the options, or without any the one that a
 * balancer of the same user on the same machine has made. What is not signed is not believed, wherever it comes from: any
 * program of this machine can connect to a server, and any other proxy on it may pass on what its clients send.
 */
import { timingSafeEqual } from 'node:crypto';
import { Mac } from '../secrets/mac.ts';
import { readSessionSecret } from '../secrets/session-secret.ts';
import { readNumber, type Signatures } from './protocol.ts';

/** Seconds that a signature counts, and that clocks may differ. */
const signatureAge = 120;
/** Milliseconds between two looks for a secret that was not there, or was another one. */
const lookAgain = 1000;
/** Lines whose signature was right: the balancer says the same of a session for a minute. */
const keptLines = 8192;

interface Verified {
  readonly line: string;
  readonly signature: Buffer;
}

export class Secrets implements Signatures {
  private readonly file: string | null;
  private found: readonly string[];
  private macs: readonly Mac[];
  /** Why the file gives none. */
  private problem = '';
  private lookedAt = Number.NEGATIVE_INFINITY;
  private readonly verified = new Map<string, Verified>();

  /** `file`: read when there are no `given` ones; null: none is. */
  constructor(given: readonly string[], file: string | null) {
    this.found = given;
    this.macs = given.map((secret) => new Mac(secret));
    this.file = given.length > 0 ? null : file;
  }

  /** To be shown at the store interface; undefined: there is none. */
  get first(): string | undefined {
    return this.found[0];
  }

  refuse(line: string, now: number): string | null {
    if (this.found.length === 0) this.look(now);
    if (this.isSigned(line, now)) return null;
    // The balancer may have made another one, or the first one just now.
    if (this.look(now) && this.isSigned(line, now)) return null;
    const both =
      'expected a balancer of this user on this machine, or the same secret here and in sessions.secret there';
    if (this.problem !== '')
      return `found a Limpet-Session header, and no secret to check it with: ${this.problem}; ${both}`;
    if (!line.includes('; sig=')) return 'found a Limpet-Session header without a signature, which anybody could send';
    const which = this.file === null ? '' : ` by the secret in ${this.file}; ${both}`;
    return `found a Limpet-Session header without a right and recent signature${which}`;
  }

  /** False: nothing new was found. */
  private look(now: number): boolean {
    if (this.file === null || Math.abs(now - this.lookedAt) < lookAgain) return false;
    this.lookedAt = now;
    const [before] = this.found;
    try {
      const secret = readSessionSecret(this.file);
      this.problem = secret === null ? `there is no ${this.file}` : '';
      this.found = secret === null ? [] : [secret];
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
      this.found = [];
    }
    if (this.first === before) return false;
    this.macs = this.found.map((one) => new Mac(one));
    this.verified.clear();
    return this.found.length > 0;
  }

  private isSigned(line: string, now: number): boolean {
    const end = line.lastIndexOf('; sig=');
    if (end < 0) return false;
    const signature = Buffer.from(line.slice(end + 6));
    const signed = line.slice(0, end);
    const time = readNumber(/; t=(\d{1,10})$/.exec(signed)?.[1]);
    if (signature.length !== 32 || !(Math.abs(now / 1000 - time) <= signatureAge)) return false;
    const id = signed.slice(3, 35);
    const before = this.verified.get(id);
    if (before?.line === signed && timingSafeEqual(signature, before.signature)) return true;
    const bytes = Buffer.from(signed);
    const right = this.macs.some((mac) =>
      timingSafeEqual(signature, Buffer.from(mac.digits(bytes, 0, bytes.length).slice(0, 32))),
    );
    if (!right) return false;
    if (this.verified.size >= keptLines) this.verified.clear();
    // A state goes out once.
    if (!signed.includes('; data=')) this.verified.set(id, { line: signed, signature });
    return true;
  }
}
